//! What comes out is valid, and nothing but the budget is new. That it computes the same is what
//! all other tests show on engines that need it.

use wasmparser::{KnownCustom, Name, Parser, Payload, Validator, WasmFeatures};

use super::{Budget, IMPORT, TAKE, instrument};
use crate::engine::types::ModuleId;

/// Modules with everything whose index or depth moves.
const MODULES: &[&str] = &[
    // No import section, no globals, several results, early returns out of nested blocks.
    "(module (func $f (export \"f\") (param i32) (result i32 i64) (local f64)
        (block (loop $l (if (local.get 0) (then (return (i32.const 1) (i64.const 2))))
          (block (br_if 1 (local.get 0)) (br_if 2 (local.get 0))) (br $l)))
        (i32.const 3) (i64.const 4)))",
    // Imports of every kind, a reference to a function in a global, an element and a table.
    "(module (import \"a\" \"f\" (func $f (param i32))) (import \"a\" \"g\" (global $g i32))
        (import \"a\" \"m\" (memory 1)) (import \"a\" \"t\" (table 1 funcref))
        (global $own (mut i64) (i64.const 7)) (global $ref funcref (ref.func $h))
        (elem (i32.const 0) $f $h) (elem declare func $h)
        (func $h (export \"h\") (loop $l (call $f (global.get $g)) (call $h)
          (call_indirect (param i32) (i32.const 1) (i32.const 0))
          (global.set $own (i64.const 1)) (drop (ref.func $h)) (br $l)))
        (data (i32.const 0) \"abc\"))",
    // Bulk instructions of memories and tables, in and out of loops.
    "(module (memory 1) (memory $two 1) (table 4 funcref) (elem $e func $f) (data $d \"abc\")
        (func $f (memory.fill (i32.const 0) (i32.const 1) (i32.const 2))
          (memory.copy $two 0 (i32.const 0) (i32.const 1) (i32.const 2))
          (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3))
          (table.init $e (i32.const 0) (i32.const 0) (i32.const 1))
          (table.copy (i32.const 0) (i32.const 1) (i32.const 1))
          (drop (table.grow (ref.null func) (i32.const 3)))
          (table.fill (i32.const 0) (ref.null func) (i32.const 1))
          (drop (memory.grow $two (i32.const 1))))
        (func (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 2)) (br $l))))",
    // Lengths of 64 bits, alone and between memories and tables of both kinds.
    "(module (memory i64 1) (memory $narrow 1) (table i64 4 funcref) (table $narrow 4 funcref)
        (elem $e func $f) (data $d \"abc\")
        (func $f (memory.fill (i64.const 0) (i32.const 1) (i64.const 2))
          (memory.copy 0 0 (i64.const 0) (i64.const 1) (i64.const 2))
          (memory.copy 0 $narrow (i64.const 0) (i32.const 1) (i32.const 2))
          (memory.copy $narrow 0 (i32.const 0) (i64.const 1) (i32.const 2))
          (memory.init $d (i64.const 0) (i32.const 0) (i32.const 3))
          (table.init 0 $e (i64.const 0) (i32.const 0) (i32.const 1))
          (table.copy 0 0 (i64.const 0) (i64.const 1) (i64.const 1))
          (table.copy 0 $narrow (i64.const 0) (i32.const 1) (i32.const 1))
          (drop (table.grow 0 (ref.null func) (i64.const 3)))
          (table.fill 0 (i64.const 0) (ref.null func) (i64.const 1))
          (drop (memory.grow 0 (i64.const 1))))
        (func (loop $l (memory.fill (i64.const 0) (i32.const 1) (i64.const 2)) (br $l))))",
    // Code that cannot be reached is still typed.
    "(module (func (result i64) (return (i64.const 1)) (loop (result i64) (i64.const 2)))
        (func (result i32) (loop $l (br $l)) (memory.grow (i32.const 0)) unreachable)
        (memory 1))",
    // Bulk instructions with addresses of 64 bits, and of both widths at once.
    "(module (memory $w i64 1) (memory $n 1) (table $t i64 4 funcref) (table $s 4 funcref)
        (elem $e func $f) (data $d \"abc\")
        (func $f (memory.fill $w (i64.const 0) (i32.const 1) (i64.const 2))
          (memory.copy $w $w (i64.const 0) (i64.const 1) (i64.const 2))
          (memory.copy $w $n (i64.const 0) (i32.const 1) (i32.const 2))
          (memory.init $w $d (i64.const 0) (i32.const 0) (i32.const 3))
          (table.init $t $e (i64.const 0) (i32.const 0) (i32.const 1))
          (table.copy $t $t (i64.const 0) (i64.const 1) (i64.const 1))
          (table.copy $s $t (i32.const 0) (i64.const 1) (i32.const 1))
          (drop (table.grow $t (ref.null func) (i64.const 3)))
          (table.fill $t (i64.const 0) (ref.null func) (i64.const 1))
          (loop $l (memory.fill $w (i64.const 0) (i32.const 1) (i64.const 2)) (br $l))))",
    // Globals by imports, exports, constants and code.
    "(module (import \"a\" \"g\" (global $g (mut i32))) (global $h (export \"h\") (mut i32) (i32.const 1))
        (global $i i32 (i32.const 2)) (memory 9) (data (i32.const 3) \"abc\")
        (export \"g\" (global $g)) (export \"i\" (global $i))
        (func (global.set $h (i32.add (global.get $i) (global.get $g))) (loop $l (br $l))))",
    // Tail calls.
    "(module (func $f (param i64) (result i64) (loop $l (br_if $l (i32.const 0)))
        (return_call $f (local.get 0))))",
];

const BUDGETS: [Budget; 3] = [Budget::Own, Budget::Lent, Budget::Borrowed(ModuleId(0))];

fn check_with(wasm: &[u8], budget: Budget) -> Vec<u8> {
    let out = instrument(wasm, budget).expect("the module is valid");
    let out = out.expect("it has functions");
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&out)
        .unwrap_or_else(|error| panic!("{error}"));
    out
}

fn check(wasm: &[u8]) -> Vec<u8> {
    check_with(wasm, Budget::Own)
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
        for budget in BUDGETS {
            let out = names(&check_with(&wasm, budget));
            let (own_imports, added) = out.0.split_at(imports.len());
            assert_eq!(own_imports, imports, "{text}");
            assert_eq!(added.len(), budget.imports().len(), "{text}");
            assert_eq!(added.last().map(String::as_str), Some(IMPORT.1), "{text}");
            let (own_exports, added) = out.1.split_at(exports.len());
            assert_eq!(own_exports, exports, "{text}");
            let lends = added.iter().any(|name| name == TAKE);
            assert_eq!(lends, budget == Budget::Lent, "{text}");
        }
    }
    for budget in BUDGETS {
        check_with(crate::kernel::WASM, budget);
    }
}

#[test]
fn a_module_without_functions_stays() {
    for text in ["(module)", "(module (memory 1) (global i32 (i32.const 1)))"] {
        let wasm = wat::parse_str(text).expect("the text is valid");
        assert!(
            instrument(&wasm, Budget::Own)
                .expect("it is valid")
                .is_none(),
            "{text}"
        );
    }
}

/// A function that its caller has paid for is not touched.
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

/// Nobody has checked custom sections: a broken one is left out, not an error.
#[test]
fn broken_names_are_left_out() {
    let mut wasm = wat::parse_str("(module (func (loop)))").expect("the text is valid");
    wasm.extend([0, 8, 4, b'n', b'a', b'm', b'e', 1, 200, 200]);
    let out = check(&wasm);
    assert!(!out.windows(4).any(|bytes| bytes == b"name"));
}
