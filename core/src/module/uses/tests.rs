//! The found proposals suffice for validation, and contain no more than the module uses.

use wasmparser::Validator;

use self::samples::MODULES;
use super::read;
use crate::{
    base::proposals::{Proposal, Proposals},
    module::features,
};

/// The modules of the tests of all steps.
#[allow(dead_code, reason = "the tests of the steps use more of it")]
#[path = "../../../../transform/src/rewrite/samples.rs"]
mod samples;

fn found(text: &str) -> Vec<Proposal> {
    let wasm = wat::parse_str(text).expect("the text is valid");
    let uses = read(&wasm);
    let enough = features(Proposals::of(Proposal::COMMON).union(uses));
    let valid = Validator::new_with_features(enough).validate_all(&wasm);
    assert!(valid.is_ok(), "{text}: {uses:?}: {:?}", valid.err());
    uses.iter().collect()
}

#[test]
fn what_is_found_is_enough() {
    for text in MODULES {
        found(text);
    }
}

#[test]
fn what_is_found_is_there() {
    use Proposal::{
        CustomPageSizes, Exceptions, FunctionReferences, Gc, LegacyExceptions, Memory64,
        RelaxedSimd, Simd, StackSwitching, TailCall, Threads, WideArithmetic,
    };
    for (text, expected) in [
        ("(module)", &[][..]),
        // All common proposals.
        (
            "(module (memory 1) (memory 1) (table 1 funcref) (table 1 externref) (global (export \"g\") (mut i32)
               (i32.add (i32.const 1) (i32.const 2)))
               (elem funcref (ref.func 0)) (func (param funcref) (result i32 i32)
               (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))
               (select (result funcref) (local.get 0) (ref.null func) (i32.const 1)) drop
               (i32.extend8_s (i32.const 1)) (i32.trunc_sat_f32_s (f32.const 1))))",
            &[],
        ),
        ("(module (func (local v128)))", &[Simd]),
        ("(module (func (drop (v128.const i64x2 0 0))))", &[Simd]),
        ("(module (type (func (param v128))))", &[Simd]),
        (
            "(module (func (param v128) (result v128)
               (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))",
            &[Simd, RelaxedSimd],
        ),
        ("(module (func $f (return_call $f)))", &[TailCall]),
        ("(module (memory i64 1))", &[Memory64]),
        ("(module (table i64 1 funcref))", &[Memory64]),
        ("(module (import \"a\" \"m\" (memory i64 1)))", &[Memory64]),
        ("(module (memory 1 (pagesize 1)))", &[CustomPageSizes]),
        ("(module (memory 1 1 shared))", &[Threads]),
        ("(module (tag))", &[Exceptions]),
        ("(module (import \"a\" \"t\" (tag)))", &[Exceptions]),
        ("(module (func (try_table)))", &[Exceptions]),
        ("(module (func (param exnref)))", &[Exceptions]),
        ("(module (func (drop (ref.null exn))))", &[Exceptions]),
        (
            "(module (func try catch_all end))",
            &[Exceptions, LegacyExceptions],
        ),
        ("(module (func (param (ref func))))", &[FunctionReferences]),
        (
            "(module (type $f (func)) (func (call_ref $f (ref.null $f))))",
            &[FunctionReferences],
        ),
        ("(module (func) (table 1 (ref func) (ref.func 0)))", &[FunctionReferences]),
        ("(module (type (struct)))", &[FunctionReferences, Gc]),
        ("(module (type (array i8)))", &[FunctionReferences, Gc]),
        ("(module (type (sub (func))))", &[FunctionReferences, Gc]),
        ("(module (rec (type (func))))", &[FunctionReferences, Gc]),
        (
            "(module (global $a i32 (i32.const 1)) (global i32 (global.get $a)))",
            &[FunctionReferences, Gc],
        ),
        (
            "(module (memory 1) (global $a i32 (i32.const 1)) (data (global.get $a) \"a\"))",
            &[FunctionReferences, Gc],
        ),
        (
            "(module (import \"a\" \"g\" (global i32)) (global i32 (global.get 0)))",
            &[],
        ),
        (
            "(module (type $f (func (param (ref null $f)))))",
            &[FunctionReferences, Gc],
        ),
        ("(module (func (param anyref)))", &[FunctionReferences, Gc]),
        ("(module (global i31ref (ref.i31 (i32.const 1))))", &[FunctionReferences, Gc]),
        ("(module (table 1 eqref))", &[FunctionReferences, Gc]),
        ("(module (func (block (result i31ref) (ref.i31 (i32.const 1))) drop))", &[FunctionReferences, Gc]),
        (
            "(module (func (param i64 i64) (result i64 i64) (i64.mul_wide_u (local.get 0) (local.get 1))))",
            &[WideArithmetic],
        ),
        (
            "(module (type $f (func)) (type (cont $f)))",
            &[StackSwitching],
        ),
    ] {
        assert_eq!(found(text), expected, "{text}");
    }
}

/// Proposals before a truncated end count.
#[test]
fn what_cannot_be_read_is_left_out() {
    let wasm =
        wat::parse_str("(module (type (struct)) (func (local v128)))").expect("the text is valid");
    assert!(read(&wasm[..wasm.len() - 1]).contains(Proposal::Gc));
    assert!(read(b"").is_empty());
}
