//! What is split and what stays, and that what comes out is valid. `tests/tests/bulk.rs` and `bulk_arrays.rs` run it.

use wasmparser::{Validator, WasmFeatures};

use super::{
    instruction::{PIECE, REFERENCES, Sources},
    instrument, kinds, sites,
};
use crate::rewrite::samples::MODULES;

/// Arrays of everything, used as what they are, as a type above them, and as null.
const ARRAYS: &str = "(module
    (type $i8 (array (mut i8))) (type $i16 (array (mut i16))) (type $i64 (array (mut i64)))
    (type $v128 (array (mut v128)))
    (type $above (sub (array (mut (ref null any))))) (type $below (sub $above (array (mut (ref null any)))))
    (rec (type $self (array (mut (ref $self)))) (type $s (struct (field (ref null $self)))))
    (type $still (array (ref $self)))
    (type $functions (array (mut funcref)))
    (func $f)
    (func (param (ref $i8) (ref null $i64) (ref $below) (ref $self) (ref $still) (ref null $functions) i32)
      (array.fill $i8 (local.get 0) (i32.const 0) (i32.const 1) (local.get 6))
      (array.fill $i64 (local.get 1) (i32.const 0) (i64.const 1) (local.get 6))
      (array.fill $v128 (ref.null $v128) (i32.const 0) (v128.const i64x2 1 2) (local.get 6))
      (array.fill $above (local.get 2) (i32.const 0) (local.get 3) (local.get 6))
      (array.fill $self (local.get 3) (i32.const 0) (local.get 3) (local.get 6))
      (array.fill $functions (local.get 5) (i32.const 0) (ref.func $f) (local.get 6))
      (array.copy $i8 $i8 (local.get 0) (i32.const 0) (local.get 0) (i32.const 0) (local.get 6))
      (array.copy $above $below (local.get 2) (i32.const 0) (local.get 2) (i32.const 0) (local.get 6))
      (array.copy $above $self (ref.null none) (i32.const 0) (local.get 3) (i32.const 0) (local.get 6))
      (array.copy $self $still (local.get 3) (i32.const 0) (local.get 4) (i32.const 0) (local.get 6))
      (loop (array.init_data $i8 $d (local.get 0) (i32.const 0) (i32.const 0) (local.get 6))
        (array.init_data $i16 $d (ref.null $i16) (i32.const 0) (i32.const 0) (local.get 6))
        (array.init_elem $functions $e (local.get 5) (i32.const 0) (i32.const 0) (local.get 6)) (br 0)))
    (func unreachable (array.copy $self $still) (array.fill $i8) (array.init_elem $functions $e))
    (elem $e func MANY) (data $d \"LONG\"))";

#[test]
fn what_comes_out_is_valid() {
    let mut changed = 0;
    let long = "(module (memory 1) (memory $w i64 1) (func (param i32 i64) (local f32)
        (memory.fill (i32.const 0) (i32.const 1) (local.get 0))
        (memory.copy (i32.const 0) (i32.const 1) (local.get 0))
        (memory.fill $w (i64.const 0) (i32.const 1) (local.get 1))
        (memory.copy $w 0 (i64.const 0) (i32.const 1) (local.get 0))
        (memory.copy 0 $w (i32.const 0) (i64.const 1) (local.get 0))
        (memory.copy $w $w (i64.const 0) (i64.const 1) (local.get 1))
        (loop (memory.fill (i32.const 0) (i32.const 1) (local.get 0)) (br 0)))
        (func unreachable (memory.fill))
        (func (param i32 i64)
        (memory.init $d (i32.const 0) (i32.const 1) (local.get 0))
        (memory.init $w $d (local.get 1) (i32.const 1) (local.get 0)))
        (data $d \"LONG\"))"
        .replace("LONG", &"a".repeat(PIECE as usize + 1));
    let elements = "$f ".repeat(REFERENCES as usize + 1);
    let arrays = ARRAYS
        .replace("LONG", &"a".repeat(PIECE as usize + 1))
        .replace("MANY", &elements);
    for text in MODULES.iter().chain(&[long.as_str(), arrays.as_str()]) {
        let wasm = wat::parse_str(text).expect("the text is valid");
        if let Some(out) = instrument(&wasm).expect("the module is valid") {
            changed += 1;
            Validator::new_with_features(WasmFeatures::all())
                .validate_all(&out)
                .unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
    assert!(changed > 0);
}

/// How many functions the module needs.
fn count(text: &str) -> usize {
    let wasm = wat::parse_str(text).expect("the text is valid");
    let sources = Sources::read(&wasm).expect("the module is valid");
    kinds(&sites(&wasm, &sources).expect("the module is valid")).len()
}

#[test]
fn what_is_short_stays() {
    let of = |length: &str| {
        count(&format!(
            "(module (memory 1) (func (param i32)
             (memory.copy (i32.const 0) (i32.const 1) {length})))"
        ))
    };
    assert_eq!(of(&format!("(i32.const {PIECE})")), 0);
    assert_eq!(of(&format!("(i32.const {})", PIECE + 1)), 1);
    assert_eq!(of("(i32.const -1)"), 1);
    assert_eq!(of("(local.get 0)"), 1);
    // A segment that is short cannot take long.
    let text = "(module (memory 1) (data $d \"short\") (func (param i32)
        (memory.init $d (i32.const 0) (i32.const 1) (local.get 0))))";
    let wasm = wat::parse_str(text).expect("the text is valid");
    assert!(instrument(&wasm).expect("the module is valid").is_none());
}

#[test]
fn elements_count_as_what_they_take() {
    let of = |element: &str, length: i32| {
        count(&format!(
            "(module (type $a (array (mut {element}))) (func (param (ref $a))
             (array.copy $a $a (local.get 0) (i32.const 0) (local.get 0) (i32.const 1) (i32.const {length}))))"
        ))
    };
    for (element, longest) in [
        ("i8", PIECE),
        ("i16", PIECE / 2),
        ("i32", PIECE / 4),
        ("f64", PIECE / 8),
        ("v128", PIECE / 16),
        ("(ref null $a)", REFERENCES),
    ] {
        assert_eq!(of(element, longest), 0, "{element}");
        assert_eq!(of(element, longest + 1), 1, "{element}");
    }
}

/// The number of an instruction may have more bytes than it needs.
#[test]
fn long_numbers_are_found() {
    let wasm = |code: &[u8]| {
        let [body, section] = [code.len() as u8 + 3, code.len() as u8 + 5];
        let start = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\x0a";
        [&start[..], &[section, 1, body, 0, 0], code, &[0x0b]].concat()
    };
    let is_found = |code: &[u8]| {
        let wasm = wasm(code);
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        validator.validate_all(&wasm).expect("the module is valid");
        instrument(&wasm).expect("the module is valid").is_some()
    };
    assert!(is_found(&[0xfc, 11, 0]));
    assert!(is_found(&[0xfc, 0x8b, 0, 0]));
    assert!(is_found(&[0xfc, 0x8a, 0x80, 0, 0, 0]));
    // `memory.size`, and a constant that looks like a prefix.
    assert!(!is_found(&[0x3f, 0, 0x1a, 0x41, 0xfc, 0x0b, 0x1a]));
}

/// Instructions with the same operands share a type, and the same instructions share a function.
#[test]
fn functions_are_shared() {
    let text = "(module (type $a (array (mut i8))) (type $b (array (mut i16)))
        (func (param (ref $a) (ref $b) i32)
          (array.fill $a (local.get 0) (i32.const 0) (i32.const 1) (local.get 2))
          (array.fill $a (local.get 0) (i32.const 0) (i32.const 1) (local.get 2))
          (array.fill $b (local.get 1) (i32.const 0) (i32.const 1) (local.get 2))
          (array.copy $a $a (local.get 0) (i32.const 0) (local.get 0) (i32.const 1) (local.get 2))))";
    assert_eq!(count(text), 3);
}
