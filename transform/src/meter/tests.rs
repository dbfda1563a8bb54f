//! The output is valid and has no other new items; charges are where they should be. `tests/tests/fuel.rs` tests whole
//! plug-ins: the output computes the same, and counts are exact.

use std::fmt::Write as _;

use wasmparser::{
    ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef, Validator, WasmFeatures,
};

use super::{Counter, EXPORTS, meter};
use crate::rewrite::samples::MODULES;

const COUNTERS: [Counter; 2] = [Counter::Own, Counter::Imported];

fn check(wasm: &[u8], counter: Counter, quiet: &[bool]) -> Vec<u8> {
    let out = meter(wasm, counter, quiet).expect("the module is valid");
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&out)
        .unwrap_or_else(|error| panic!("{error}"));
    out
}

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn bodies(wasm: &[u8]) -> Vec<FunctionBody<'_>> {
    let payloads = Parser::new(0).parse_all(wasm);
    let bodies = payloads.filter_map(|payload| match payload.expect("it is valid") {
        Payload::CodeSectionEntry(body) => Some(body),
        _ => None,
    });
    bodies.collect()
}

fn operators<'a>(body: &FunctionBody<'a>) -> Vec<Operator<'a>> {
    let operators = body.get_operators_reader().expect("it is valid");
    let operators = operators.into_iter();
    operators.collect::<Result<_, _>>().expect("it is valid")
}

/// The names of imports, with whether they are functions, and of exports, with their kinds.
struct Interface {
    imports: Vec<(String, bool)>,
    exports: Vec<(String, ExternalKind)>,
}

fn interface(wasm: &[u8]) -> Interface {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.expect("it is valid") {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.expect("it is valid");
                    let is_function = matches!(import.ty, TypeRef::Func(_));
                    imports.push((import.name.to_owned(), is_function));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.expect("it is valid");
                    exports.push((export.name.to_owned(), export.kind));
                }
            }
            _ => {}
        }
    }
    Interface { imports, exports }
}

#[test]
fn what_comes_out_is_valid() {
    for text in MODULES {
        let wasm = wasm(text);
        let Interface { imports, exports } = interface(&wasm);
        for counter in COUNTERS {
            let new = interface(&check(&wasm, counter, &[]));
            let (own, added) = new.imports.split_at(imports.len());
            assert_eq!(own, imports, "{text}");
            let added: Vec<_> = added.iter().map(|(_, is_function)| *is_function).collect();
            assert_eq!(added, [true, counter == Counter::Own], "{text}");
            let (own, added) = new.exports.split_at(exports.len());
            assert_eq!(own, exports, "{text}");
            let added = added.iter().map(|(name, _)| name.as_str());
            let expected = match counter {
                Counter::Own => &EXPORTS[..],
                Counter::Imported => &[],
            };
            assert!(added.eq(expected.iter().copied()), "{text}");
        }
    }
}

/// The charges of a function, in the order of the code. `!` is a check in its place and `?` one that branches to its
/// call, followed by the least counter if that is not 0; `*` is the charge of a length; `(` is the start of a loop that
/// counts in a local.
fn charges(text: &str) -> String {
    let module = wasm(&format!(
        "(module (import \"q\" \"quiet\" (func $quiet)) (import \"h\" \"host\" (func $host))
           (memory 1) (table 1 funcref) (func $f (export \"f\") {text}) (func $leaf nop nop))"
    ));
    let out = check(&module, Counter::Imported, &[true, false]);
    let operators = operators(&bodies(&out)[0]);
    let mut found = String::new();
    for (at, operator) in operators.iter().enumerate() {
        match (operator, operators.get(at + 1)) {
            (Operator::I64Const { value }, Some(Operator::I64Sub)) => {
                write!(found, " {value}").expect("strings take everything");
            }
            (Operator::I64ShrU, Some(Operator::I64Sub)) => found.push_str(" *"),
            (Operator::I64Const { value }, Some(Operator::I64LtS | Operator::I64GeS)) => {
                let is_rare_if = matches!(operators[at + 1], Operator::I64LtS);
                let is_rare_if = is_rare_if && matches!(operators[at + 2], Operator::If { .. });
                found.push(if is_rare_if { '!' } else { '?' });
                if *value != 0 {
                    write!(found, "({value})").expect("strings take everything");
                }
            }
            (Operator::GlobalGet { .. }, Some(Operator::LocalSet { .. }))
                if !matches!(operators[at - 1], Operator::Call { .. }) =>
            {
                found.push_str(" (");
            }
            _ => {}
        }
    }
    found.trim_start().to_owned()
}

/// Each row is a rule of `pieces.rs`, or of `places.rs`.
#[test]
fn where_pieces_begin_and_what_they_cost() {
    const ROWS: &[(&str, &str)] = &[
        // Marks of blocks cost nothing.
        ("", ""),
        ("(block (block)) nop", "1"),
        // Arms, and what comes after them.
        ("(if (i32.const 1) (then nop nop nop))", "5 2"),
        (
            "nop (if (i32.const 1) (then nop) (else nop nop)) nop",
            "5 6",
        ),
        // A block without branches to it: the piece goes on after it.
        ("(block (br_if 0 (i32.const 1)) nop nop nop) nop", "3 6"),
        ("(block (br_if 0 (i32.const 1)) nop (br 0) nop) nop", "3 5"),
        ("(block (block (br_if 0 (i32.const 1)) nop) nop) nop", "4 5"),
        // A block with a branch to it: another piece begins after it.
        (
            "(block (block (br_if 1 (i32.const 1)) (br_if 0 (i32.const 1))) nop) nop",
            "3 6 6",
        ),
        ("(block (block (br_if 1 (i32.const 1))) nop) nop", "3 4"),
        ("(if (i32.const 1) (then return)) nop", "3 3"),
        ("(if (i32.const 1) (then unreachable)) nop", "3 3"),
        ("(block (br_table 0 1 0 (i32.const 1))) nop nop", "2 2"),
        // Unreachable code.
        ("return nop (block (loop (br 0)) nop) nop", "1"),
        (
            "(block (br 0) (if (i32.const 1) (then nop) (else nop)) nop) nop",
            "2",
        ),
        // Loops: a check in each iteration. A short loop does two iterations in one, with one charge.
        ("nop (loop nop)", "( 2"),
        ("(loop (br_if 0 (i32.const 1)) nop) nop", "( 4 4?(-4) -2 -6"),
        (
            "(loop (block (br_if 1 (i32.const 1)) nop)) nop",
            "( 4 4?(-4) -2 -6",
        ),
        (
            "(loop nop (loop nop (br_if 0 (i32.const 1))) nop)",
            "( 5?(-4) 6?(-4) -3 -3 -5",
        ),
        (
            "(block (loop (br_if 1 (i32.const 1)) (br 0))) nop",
            "( 3 6?(-4) -3 -6",
        ),
        // Calls that may reach the host: a check before them, and another piece after them.
        ("nop (call $host) nop", "2! 1"),
        ("nop (call_indirect (i32.const 0)) nop", "3! 1"),
        (
            "(block (br_if 0 (i32.const 1)) nop) (call $host) nop",
            "1 3! 1",
        ),
        ("(if (i32.const 1) (then (call $host))) nop", "3! 1 3"),
        (
            "(loop nop (call $host) (br_if 0 (i32.const 1)))",
            "-2 4? -4 2",
        ),
        ("(loop (loop nop) (call $host))", "2?(-2) (!"),
        ("nop (return_call $host)", "2!"),
        // Direct calls of functions of the module: a check where a cycle of calls is entered.
        ("nop (call $f) nop", "2! 1"),
        ("nop (return_call $f)", "2!"),
        ("(if (i32.const 1) (then (call $f))) nop", "!(2) 3 1 3"),
        (
            "(if (i32.const 1) (then (call $f) (call $host))) nop",
            "!(2) 3 1! 1 3",
        ),
        // In a loop, the check at its head.
        (
            "(loop nop (loop nop (br_if 0 (i32.const 1))) (call $f))",
            "5!(-5)?(-4) ( 6?(-4) -3 -3",
        ),
        // A function that only calls by name reach costs the caller as much as its own code.
        ("nop (call $leaf) nop", "4 1"),
        // A quiet function.
        ("nop (call $quiet) nop", "3"),
        (
            "(loop nop (call $quiet) (br_if 0 (i32.const 1)))",
            "( 4? -4",
        ),
        // Lengths.
        (
            "nop (memory.fill (i32.const 0) (i32.const 0) (i32.const 640)) nop",
            "6 *!",
        ),
        ("(drop (table.grow (ref.null func) (i32.const 1)))", "4! *!"),
        (
            "(loop (memory.copy (i32.const 0) (i32.const 0) (i32.const 1)))",
            "( 4? *! -4",
        ),
        ("(drop (memory.grow (i32.const 1)))", "1002"),
    ];
    for (text, expected) in ROWS {
        assert_eq!(charges(text), *expected, "{text}");
    }
}

/// Deep nests and many branches take time that grows with the function, not faster.
#[test]
fn large_functions_are_taken_apart() {
    let depth = 20_000;
    let open = "(block (loop (br_if 1 (i32.const 0))".repeat(depth);
    let close = "))".repeat(depth);
    let module = wasm(&format!("(module (func $f {open} (call $f) {close}))"));
    let out = check(&module, Counter::Imported, &[]);
    assert_eq!(bodies(&out).len(), 2);
    let targets = "1 ".repeat(50_000);
    let table = format!("(block (br_table {targets} 0 (i32.const 1)))").repeat(20);
    check(
        &wasm(&format!("(module (func (block {table})))")),
        Counter::Imported,
        &[],
    );
}
