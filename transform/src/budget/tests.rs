//! The output is valid, and only the budget is new. All other tests, on engines that need it, show that it computes
//! the same.

use wasmparser::{KnownCustom, Name, Operator, Parser, Payload, Validator, WasmFeatures};

use super::{IMPORT, instrument};
use crate::rewrite::samples::MODULES;

fn check(wasm: &[u8]) -> Vec<u8> {
    let out = instrument(wasm, &(0..0)).expect("the module is valid");
    let out = out.expect("it has functions");
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&out)
        .unwrap_or_else(|error| panic!("{error}"));
    out
}

/// The names of the imports and of the exports.
fn names(wasm: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.expect("it is valid") {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imports.push(import.expect("it is valid").name.to_owned());
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    exports.push(export.expect("it is valid").name.to_owned());
                }
            }
            _ => {}
        }
    }
    (imports, exports)
}

#[test]
fn what_comes_out_is_valid() {
    for text in MODULES {
        let wasm = wat::parse_str(text).expect("the text is valid");
        let (imports, exports) = names(&wasm);
        let out = names(&check(&wasm));
        let (own, added) = out.0.split_at(imports.len());
        assert_eq!(
            (own, added),
            (&imports[..], &[IMPORT.1.to_owned()][..]),
            "{text}"
        );
        assert_eq!(out.1, exports, "{text}");
    }
    check(crate::rewrite::samples::KERNEL);
}

/// The charges of a function at its entry and at the head of each loop, in order.
fn charges(body: &str) -> Vec<i64> {
    let text = format!("(module (memory 1) (func $f) (func (param i32) (local i32) {body}))");
    let out = check(&wat::parse_str(text).expect("the text is valid"));
    let bodies =
        Parser::new(0)
            .parse_all(&out)
            .filter_map(|payload| match payload.expect("it is valid") {
                Payload::CodeSectionEntry(body) => Some(body),
                _ => None,
            });
    let body = bodies.last().expect("there is a function");
    let operators = body
        .get_operators_reader()
        .expect("it is valid")
        .into_iter();
    let operators: Vec<_> = operators
        .map(|operator| operator.expect("it is valid"))
        .collect();
    let charges = operators.windows(2).filter_map(|pair| match pair {
        [Operator::I64Const { value }, Operator::I64Sub] => Some(*value),
        _ => None,
    });
    charges.collect()
}

/// A turn counts its shortest way, unless another one is far longer.
#[test]
fn the_shortest_way_is_counted() {
    let long = "(nop)".repeat(100);
    for (body, expected) in [
        (format!("{long} (loop (br 0)) {long}"), vec![64]),
        (format!("(loop {long} (br_if 0 (local.get 0)))"), vec![102]),
        (
            format!("(loop (if (local.get 0) (then {long}{long}) (else {long})) (br 0))"),
            vec![102],
        ),
        (
            format!(
                "(loop $l (block $c (block $b (block $a (br_table $a $b $c (local.get 0)))
                   {long} (br $l)) {long}{long} (br $l)) (br $l))"
            ),
            vec![64],
        ),
        (format!("(loop {} (br 0))", long.repeat(20)), vec![2001]),
        // What a turn does before a loop in it counts as well.
        (
            format!(
                "(loop {} (loop (br_if 0 (local.get 0))) (br 0))",
                long.repeat(20)
            ),
            vec![2003, 64],
        ),
        // A new budget is enough for every look; this turn has more of them.
        (
            format!("(loop {} (br 0))", long.repeat(1000)),
            vec![50_000, 64, 64, 64, 64, 64, 64],
        ),
        // Where a recursion is entered, the function.
        (format!("(call 1 (local.get 0)) {long}"), vec![111]),
        // A turn of the outer loop ends with a look of the inner one.
        (
            format!("(loop $a {long} (loop (call $f) (br_if 0 (local.get 0))) (br $a))"),
            vec![64],
        ),
    ] {
        assert_eq!(charges(&body), expected, "{body}");
    }
}

#[test]
fn a_module_without_functions_stays() {
    for text in ["(module)", "(module (memory 1) (global i32 (i32.const 1)))"] {
        let wasm = wat::parse_str(text).expect("the text is valid");
        assert!(
            instrument(&wasm, &(0..0)).expect("it is valid").is_none(),
            "{text}"
        );
    }
}

/// A function whose caller has paid is unchanged.
#[test]
fn a_short_function_counts_nothing() {
    let wasm = wat::parse_str(
        "(module (func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))",
    );
    let out = check(&wasm.expect("the text is valid"));
    for payload in Parser::new(0).parse_all(&out) {
        if let Payload::CodeSectionEntry(body) = payload.expect("it is valid") {
            let operators = body.get_operators_reader().expect("it is valid");
            assert_eq!(operators.into_iter().count(), 4);
        }
    }
}

#[test]
fn names_move_with_their_functions() {
    let text = "(module $m (import \"a\" \"f\" (func $first)) (func $second (call $first)))";
    let out = check(&wat::parse_str(text).expect("the text is valid"));
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(&out) {
        if let Payload::CustomSection(section) = payload.expect("it is valid")
            && let KnownCustom::Name(names) = section.as_known()
        {
            for name in names {
                if let Name::Function(functions) = name.expect("it is valid") {
                    for naming in functions {
                        let naming = naming.expect("it is valid");
                        found.push((naming.index, naming.name.to_owned()));
                    }
                }
            }
        }
    }
    assert_eq!(found, [(0, "first".to_owned()), (2, "second".to_owned())]);
}

/// Custom sections are not validated. A broken one is left out and is not an error.
#[test]
fn broken_names_are_left_out() {
    let mut wasm = wat::parse_str("(module (func (loop)))").expect("the text is valid");
    wasm.extend([0, 8, 4, b'n', b'a', b'm', b'e', 1, 200, 200]);
    let out = check(&wasm);
    assert!(!out.windows(4).any(|bytes| bytes == b"name"));
}
