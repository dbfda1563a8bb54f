//! Each bound under strict limits: the allowed number passes; one more is refused with what was found and the limit
//! to raise; the raised limit lets it pass.

mod made;

use self::made::{
    all_block_locals, all_locals, all_long, all_loop_locals, all_merges, all_set_nesting,
    all_signatures, block_locals, block_values, branch_values, bytes, call_values, calls, costly,
    costly_blocks, costly_pairs, data_segments, element_segments, exports, function_bytes,
    functions, globals, imports, indirect_calls, locals, long, loop_locals, loops, memories,
    merges, nesting, set_nesting, signature, table_elements, tables, tags, types,
};
use std::{cell::RefCell, collections::BTreeMap, env, fs};

use super::{Bound, Bounds, Of};
use crate::settings::limits::Limits;

/// A bound, a module that has `n` of it, and the beginning of the message.
type Row = (
    fn(&Bounds) -> u64,
    fn(u64) -> Vec<u8>,
    &'static str,
    &'static str,
);

const ROWS: &[Row] = &[
    (|b| b.module_bytes, bytes, "module `m` has", "bytes"),
    (|b| b.types, types, "module `m` has", "types"),
    (
        |b| b.signature,
        signature,
        "type 0 of module `m` has",
        "parameters and results",
    ),
    (
        |b| b.all_signatures,
        all_signatures,
        "module `m` has",
        "parameters and results in all types",
    ),
    (
        |b| b.call_values,
        call_values,
        "module `m` has",
        "values of calls and branches",
    ),
    (
        |b| b.call_values,
        branch_values,
        "module `m` has",
        "values of calls and branches",
    ),
    (
        |b| b.calls,
        calls,
        "the code of function 0 of module `m` has",
        "units of calls",
    ),
    (
        |b| b.block_values,
        block_values,
        "module `m` has",
        "parameters and results of blocks",
    ),
    (|b| b.imports, imports, "module `m` has", "imports"),
    (|b| b.exports, exports, "module `m` has", "exports"),
    (|b| b.functions, functions, "module `m` has", "functions"),
    (
        |b| b.function_bytes,
        function_bytes,
        "the code of function 0 of module `m` has",
        "bytes",
    ),
    (
        |b| b.locals,
        locals,
        "the code of function 1 of module `m` has",
        "parameters and locals",
    ),
    (
        |b| b.all_locals,
        all_locals,
        "module `m` has",
        "parameters and locals in all functions",
    ),
    (
        |b| b.nesting,
        nesting,
        "the code of function 0 of module `m` has",
        "blocks inside each other",
    ),
    (
        |b| b.loops,
        loops,
        "the code of function 0 of module `m` has",
        "loops inside each other",
    ),
    (
        |b| b.block_locals,
        block_locals,
        "the code of function 0 of module `m` has",
        "locals times blocks",
    ),
    (
        |b| b.all_block_locals,
        all_block_locals,
        "module `m` has",
        "locals times blocks in all functions",
    ),
    (
        |b| b.loop_locals,
        loop_locals,
        "the code of function 0 of module `m` has",
        "locals times loops that set them",
    ),
    (
        |b| b.all_loop_locals,
        all_loop_locals,
        "module `m` has",
        "locals times loops that set them in all functions",
    ),
    (
        |b| b.set_nesting,
        set_nesting,
        "the code of function 0 of module `m` has",
        "ten thousands of pairs of blocks around what sets a local",
    ),
    (
        |b| b.all_set_nesting,
        all_set_nesting,
        "module `m` has",
        "ten thousands of pairs of blocks around what sets a local in all functions",
    ),
    (
        |b| b.merges,
        merges,
        "the code of function 0 of module `m` has",
        "ten thousands of blocks times locals that each of them sets",
    ),
    (
        |b| b.all_merges,
        all_merges,
        "module `m` has",
        "ten thousands of blocks times locals that each of them sets in all functions",
    ),
    (
        |b| b.long,
        long,
        "the code of function 0 of module `m` has",
        "units of long instructions",
    ),
    (
        |b| b.all_long,
        all_long,
        "module `m` has",
        "units of long instructions in all functions",
    ),
    (
        |b| b.costly,
        costly,
        "the code of function 0 of module `m` has",
        "units of costly instructions",
    ),
    (
        |b| b.costly,
        costly_blocks,
        "the code of function 0 of module `m` has",
        "units of costly instructions",
    ),
    (
        |b| b.costly_pairs,
        costly_pairs,
        "module `m` has",
        "ten thousands of pairs of units of costly instructions in all functions",
    ),
    (
        |b| b.indirect_calls,
        indirect_calls,
        "module `m` has",
        "indirect calls",
    ),
    (|b| b.globals, globals, "module `m` has", "globals"),
    (|b| b.types, tags, "module `m` has", "tags"),
    (|b| b.memories, memories, "module `m` has", "memories"),
    (|b| b.tables, tables, "module `m` has", "tables"),
    (
        |b| b.table_elements,
        table_elements,
        "module `m` has",
        "table elements",
    ),
    (
        |b| b.element_segments,
        element_segments,
        "module `m` has",
        "element segments",
    ),
    (
        |b| b.data_segments,
        data_segments,
        "module `m` has",
        "data segments",
    ),
];

#[test]
fn each_bound_is_exact_and_says_what_to_raise() {
    let strict = Limits::strict();
    for (bound, module, subject, what) in ROWS {
        let bounds = Bounds::from(&strict);
        let allowed = bound(&bounds);
        let most = module(allowed);
        assert_eq!(refusal(&bounds, &most), None, "{what}");
        let found = allowed + 1;
        let more = module(found);
        let said = refusal(&bounds, &more).expect(what);
        let expect =
            format!("invalid-module: {subject} {found} {what}, at most {allowed} are allowed");
        let raise = said.strip_prefix(&expect).expect(&said);
        let raise = raise.strip_prefix("; raise the limit `").expect(&said);
        let (name, value) = raise.split_once("` to ").expect(&said);
        let value = value.parse().expect(&said);
        let with = |value: u64| {
            let mut limits = strict.clone();
            set(&mut limits, name, value);
            refusal(&Bounds::from(&limits), &more)
        };
        assert_eq!(with(value), None, "{said}");
        assert!(with(value - 1).is_some(), "less would do: {said}");
    }
}

fn set(limits: &mut Limits, name: &str, value: u64) {
    let mut fields = limits.fields().into_iter();
    let field = fields.find(|(known, _)| *known == name);
    *field.expect("it is a limit").1 = value;
}

/// Counting stops at the first excess, but the suggested limit lets the whole module pass.
#[test]
fn what_is_to_be_raised_is_enough_for_the_whole_module() {
    let limits = Limits {
        compile_cost: 1,
        module_bytes: 5000,
        ..Limits::default()
    };
    let module = all_block_locals(3_000_000);
    let said = refusal(&Bounds::from(&limits), &module).expect("it has more");
    let (_, raise) = said.split_once("; raise the limit ").expect(&said);
    let mut enough = limits.clone();
    for part in raise.split(" and ") {
        let (name, value) = part.split_once(" to ").expect(&said);
        set(
            &mut enough,
            name.trim_matches('`'),
            value.parse().expect(&said),
        );
    }
    assert_eq!(refusal(&Bounds::from(&enough), &module), None, "{said}");
}

thread_local! {
    /// The largest counts that were compared with a bound.
    static LARGEST: RefCell<BTreeMap<String, u64>> = RefCell::default();
}

pub(super) fn note(of: Of, found: u64, what: &'static str) {
    let of = match of {
        Of::Module => "module",
        Of::Type(_) => "type",
        Of::Function(_) => "function",
    };
    LARGEST.with_borrow_mut(|largest| {
        let largest = largest.entry(format!("{of}: {what}")).or_default();
        *largest = found.max(*largest);
    });
}

/// Prints the counts of the modules in the folder `MODULES`, and why they cannot be read or exceed the default limits.
/// The numbers below come from it.
#[test]
#[expect(clippy::print_stdout, reason = "the counts that were asked for")]
fn counts_of_modules() {
    let Some(folder) = env::var_os("MODULES") else {
        println!("MODULES names no folder, nothing is counted");
        return;
    };
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("it can be read").path();
        let wasm = fs::read(&path).expect("it can be read");
        LARGEST.with_borrow_mut(BTreeMap::clear);
        let all = Limits {
            compile_cost: 1 << 40,
            module_bytes: u64::MAX,
            table_elements: u64::MAX,
            ..Limits::default()
        };
        let read = refusal(&Bounds::from(&all), &wasm);
        println!(
            "{}: {read:?} {:?}",
            path.display(),
            refusal(&Bounds::default(), &wasm)
        );
        LARGEST.with_borrow(|largest| {
            for (what, found) in largest {
                println!("    {found:>10} {what}");
            }
        });
    }
}

/// The largest counts of large programs in package registries.
#[test]
fn what_people_run_is_within_the_default() {
    let default = Bounds::default();
    let giants: &[(&str, Bound, u64)] = &[
        ("DuckDB", |b| b.functions, 62_171),
        ("DuckDB", |b| b.long, 29_608),
        ("ONNX Runtime", |b| b.block_locals, 1_031_970),
        ("ONNX Runtime", |b| b.function_bytes, 1_562_386),
        ("ONNX Runtime", |b| b.calls, 120_787),
        ("ONNX Runtime", |b| b.loop_locals, 9522),
        ("ONNX Runtime", |b| b.merges, 307_547),
        ("ONNX Runtime", |b| b.all_merges, 470_042),
        ("Yosys", |b| b.module_bytes, 68_860_682),
        ("Yosys", |b| b.block_locals, 3_994_002),
        ("Yosys", |b| b.all_block_locals, 45_815_981),
        ("Yosys", |b| b.all_loop_locals, 493_949),
        ("LLVM with Clang", |b| b.module_bytes, 75_532_134),
        ("LLVM with Clang", |b| b.functions, 133_398),
        ("LLVM with Clang", |b| b.loops, 193),
        ("LLVM with Clang", |b| b.all_long, 490_516),
        ("LLVM with Clang", |b| b.set_nesting, 9444),
        ("LLVM with Clang", |b| b.all_set_nesting, 30_420),
        ("LLVM with Clang", |b| b.call_values, 4_249_650),
        ("ffmpeg", |b| b.all_block_locals, 10_300_000),
        ("a plug-in in Zig", |b| b.block_locals, 2_001_285),
    ];
    for (name, bound, has) in giants {
        assert!(bound(&default) >= *has, "{name} has {has}");
    }
    assert_eq!(refusal(&default, &block_locals(2_001_285)), None);
}

/// Engines keep what they need for a function until it is compiled, and compile a function on each processor. The
/// bytes of a unit were measured on wasmtime: RATIONALE.md, "Calls and long instructions are bounded in each function".
#[test]
fn two_functions_at_a_time_take_less_than_a_gibibyte_by_default() {
    let default = Bounds::default();
    for (name, units, bytes) in [("long", default.long, 1250), ("calls", default.calls, 600)] {
        assert!(
            2 * units * bytes < 1 << 30,
            "{name}: {units} units of {bytes} bytes"
        );
    }
}

/// The bytes that an instruction takes were measured on the engine where it takes most (`benches/python/compiling.py`).
#[test]
fn two_functions_of_one_instruction_take_less_than_a_gibibyte_by_default() {
    let default = Bounds::default();
    let instructions: [(&str, &[u8], usize); 6] = [
        ("memory.size", &[0x3f, 0], 2900),
        ("table.size", &[0xfc, 16, 0], 3100),
        ("data.drop", &[0xfc, 9, 0], 2500),
        ("elem.drop", &[0xfc, 13, 0], 2500),
        ("throw", &[0x08, 0], 11_700),
        ("memory.init", &[0xfc, 8, 0, 0], 11_900),
    ];
    for (name, code, bytes) in instructions {
        let most = (1 << 30) / 2 / bytes;
        let module = made::repeated(code, most);
        assert!(refusal(&default, &module).is_some(), "{most} of {name}");
    }
}

/// No limit makes an engine accept them.
#[test]
fn too_many_locals_for_any_engine() {
    let limits = Limits {
        compile_cost: u64::MAX,
        ..Limits::default()
    };
    let bounds = Bounds::from(&limits);
    assert_eq!(refusal(&bounds, &locals(bounds.locals)), None);
    let said = refusal(&bounds, &locals(bounds.locals + 1)).expect("it has more");
    assert!(said.ends_with("at most 49900 are allowed"), "{said}");
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
    // Before the functions nothing is too much. From there on the message is always the same.
    let outcomes = (8..whole.len()).map(|end| refusal(&none, &whole[..end]));
    let first = outcomes.clone().position(|outcome| outcome.is_some());
    let first = first.expect("a cut behind the functions");
    assert!(outcomes.skip(first).all(|outcome| outcome == said));
}

fn refusal(bounds: &Bounds, wasm: &[u8]) -> Option<String> {
    let error = bounds.check(wasm, "m").err()?;
    Some(format!("{}: {error}", error.kind().name()))
}

/// Each of these instructions gets a function, which the next ones of its kind use.
#[test]
fn instructions_on_arrays_of_further_types_cost_more() {
    let two = [
        made::arrays(&[(0, 1), (0, 1)]),
        made::arrays(&[(0, 1), (1, 0)]),
    ];
    let costs = two.map(|module| {
        let cost = (0..).find(|long| {
            let bounds = Bounds {
                long: *long,
                ..Bounds::default()
            };
            refusal(&bounds, &module).is_none()
        });
        cost.expect("some bound allows it")
    });
    assert_eq!(costs, [2 * 30 + 80, 2 * (30 + 80)]);
}
