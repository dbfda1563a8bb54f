//! What is refused, with which words, and what becomes of a start section.

use super::Module;
use crate::engine::types::Proposal;

fn read(text: &str, proposals: &[Proposal]) -> Result<Module<'static>, String> {
    let wasm = wat::parse_str(text).expect("valid text");
    Module::read(wasm.into(), proposals, "test", "m")
        .map_err(|error| format!("{}: {error}", error.kind().name()))
}

#[test]
fn proposals_are_named() {
    let simd = "(module (func (drop (v128.const i64x2 0 0))))";
    let tail = "(module (func $f (return_call $f)))";
    for (text, expect) in [
        (simd, "SIMD"),
        (tail, "tail calls"),
        ("(module (memory 1 1 shared))", "threads"),
        ("(module (memory i64 1))", "memory64"),
        (
            "(module (memory i64 1) (func $f (return_call $f)))",
            "tail calls and no memory64",
        ),
        ("(module (tag) (func (throw 0)))", "exceptions"),
        ("(module (type $t (struct)))", "garbage collection"),
        (
            "(module (type $t (func)) (func (call_ref $t (ref.null $t))))",
            "function references",
        ),
    ] {
        let error = read(text, &[]).map(drop).expect_err(text);
        let expect = format!("unsupported: engine `test` has no {expect}, which module `m` needs");
        assert_eq!(error, expect, "{text}");
    }
    assert!(read(simd, &[Proposal::Simd]).is_ok());
    assert!(read(tail, &[Proposal::TailCall]).is_ok());
}

#[test]
fn bytes_that_are_no_module() {
    for bytes in [
        &b""[..],
        b"\0as",
        b"hello",
        b"\0asm",
        b"\0asm\x01\0\0\0\x01",
        b"\0asm\x0d\0\x01\0",
    ] {
        let error = Module::read(bytes.into(), &[], "test", "m").expect_err("refused");
        assert_eq!(error.kind().name(), "invalid-module", "{bytes:?}: {error}");
    }
}

#[test]
fn start_becomes_an_export() {
    for text in [
        "(module (func $s) (start $s))",
        "(module (func $s (export \"s\")) (start $s) (memory (export \"memory\") 1) (data (i32.const 0) \"x\"))",
        "(module (import \"a\" \"b\" (func $s)) (start $s) (func (export \"f\")))",
    ] {
        let module = read(text, &[]).expect(text);
        let start = module.start.expect("it has a start function");
        let again = Module::read(module.wasm.clone(), &[], "test", "m").expect("still valid");
        assert_eq!(again.start, None, "{text}");
        assert!(again.functions().any(|(name, _)| name == start), "{text}");
        assert_eq!(again.exports.len(), module.exports.len() + 1, "{text}");
        assert_eq!(again.imports.len(), module.imports.len(), "{text}");
    }
}
