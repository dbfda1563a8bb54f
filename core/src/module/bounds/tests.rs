//! Each bound at its default: as much as is allowed passes, one more is refused and says what it
//! found, and a higher bound lets it pass.

mod made;

use self::made::{
    all_block_locals, all_locals, all_loop_locals, all_signatures, block_locals, block_values,
    branch_values, bytes, call_values, data_segments, element_segments, exports, function_bytes,
    functions, globals, imports, indirect_calls, locals, loop_locals, loops, memories, nesting,
    signature, table_elements, tables, types,
};
use super::Bounds;

/// A bound, a module that has `n` of it, and how the message begins.
type Row = (
    fn(&mut Bounds) -> &mut u64,
    fn(u64) -> Vec<u8>,
    &'static str,
    &'static str,
);

const ROWS: &[Row] = &[
    (|b| &mut b.module_bytes, bytes, "module `m` has", "bytes"),
    (|b| &mut b.types, types, "module `m` has", "types"),
    (
        |b| &mut b.signature,
        signature,
        "type 0 of module `m` has",
        "parameters and results",
    ),
    (
        |b| &mut b.all_signatures,
        all_signatures,
        "module `m` has",
        "parameters and results in all types",
    ),
    (
        |b| &mut b.call_values,
        call_values,
        "module `m` has",
        "values of calls and branches",
    ),
    (
        |b| &mut b.call_values,
        branch_values,
        "module `m` has",
        "values of calls and branches",
    ),
    (
        |b| &mut b.block_values,
        block_values,
        "module `m` has",
        "parameters and results of blocks",
    ),
    (|b| &mut b.imports, imports, "module `m` has", "imports"),
    (|b| &mut b.exports, exports, "module `m` has", "exports"),
    (
        |b| &mut b.functions,
        functions,
        "module `m` has",
        "functions",
    ),
    (
        |b| &mut b.function_bytes,
        function_bytes,
        "the code of function 0 of module `m` has",
        "bytes",
    ),
    (
        |b| &mut b.locals,
        locals,
        "the code of function 1 of module `m` has",
        "parameters and locals",
    ),
    (
        |b| &mut b.all_locals,
        all_locals,
        "module `m` has",
        "parameters and locals in all functions",
    ),
    (
        |b| &mut b.nesting,
        nesting,
        "the code of function 0 of module `m` has",
        "blocks inside each other",
    ),
    (
        |b| &mut b.loops,
        loops,
        "the code of function 0 of module `m` has",
        "loops inside each other",
    ),
    (
        |b| &mut b.block_locals,
        block_locals,
        "the code of function 0 of module `m` has",
        "locals times blocks",
    ),
    (
        |b| &mut b.all_block_locals,
        all_block_locals,
        "module `m` has",
        "locals times blocks in all functions",
    ),
    (
        |b| &mut b.loop_locals,
        loop_locals,
        "the code of function 0 of module `m` has",
        "locals times loops that set them",
    ),
    (
        |b| &mut b.all_loop_locals,
        all_loop_locals,
        "module `m` has",
        "locals times loops that set them in all functions",
    ),
    (
        |b| &mut b.indirect_calls,
        indirect_calls,
        "module `m` has",
        "indirect calls",
    ),
    (|b| &mut b.globals, globals, "module `m` has", "globals"),
    (|b| &mut b.memories, memories, "module `m` has", "memories"),
    (|b| &mut b.tables, tables, "module `m` has", "tables"),
    (
        |b| &mut b.table_elements,
        table_elements,
        "module `m` has",
        "table elements",
    ),
    (
        |b| &mut b.element_segments,
        element_segments,
        "module `m` has",
        "element segments",
    ),
    (
        |b| &mut b.data_segments,
        data_segments,
        "module `m` has",
        "data segments",
    ),
];

#[test]
fn each_bound_is_exact_and_can_be_raised() {
    for (bound, module, subject, what) in ROWS {
        let mut bounds = Bounds::default();
        let allowed = *bound(&mut bounds);
        let most = module(allowed);
        assert_eq!(refusal(&bounds, &most), None, "{what}");
        let more = module(allowed + 1);
        let found = allowed + 1;
        let expect =
            format!("invalid-module: {subject} {found} {what}, at most {allowed} are allowed");
        assert_eq!(refusal(&bounds, &more), Some(expect));
        *bound(&mut bounds) += 1;
        assert_eq!(refusal(&bounds, &more), None, "{what}");
    }
}

/// The message does not depend on how far the rest of the module can be read.
#[test]
fn what_cannot_be_read_is_left_to_the_validator() {
    let whole = locals(3);
    let none = Bounds {
        functions: 0,
        ..Bounds::default()
    };
    let said = refusal(&none, &whole);
    assert!(said.is_some());
    // Up to the functions nothing is too much; from there on it is always the same.
    let outcomes = (8..whole.len()).map(|end| refusal(&none, &whole[..end]));
    let first = outcomes.clone().position(|outcome| outcome.is_some());
    let first = first.expect("a cut behind the functions");
    assert!(outcomes.skip(first).all(|outcome| outcome == said));
}

fn refusal(bounds: &Bounds, wasm: &[u8]) -> Option<String> {
    let error = bounds.check(wasm, "m").err()?;
    Some(format!("{}: {error}", error.kind().name()))
}
