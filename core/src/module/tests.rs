//! Refused modules with their messages, and rewriting of start sections.

use std::borrow::Cow;

use super::{Module, Requirements, bounds::Bounds};
use crate::base::proposals::{Proposal, Proposals};

/// Reads and validates a binary.
fn take<'a>(wasm: Cow<'a, [u8]>, proposals: &[Proposal]) -> Result<Module<'a>, String> {
    let requirements = Requirements {
        forbidden: Proposals::NONE,
        proposals,
        engine: "test",
        bounds: &Bounds::default(),
    };
    let module = Module::read(wasm, &requirements, "m");
    let module = module.and_then(|module| module.validate(&requirements, "m").map(|()| module));
    module.map_err(|error| format!("{}: {error}", error.kind().name()))
}

fn read(text: &str, proposals: &[Proposal]) -> Result<Module<'static>, String> {
    take(wat::parse_str(text).expect("valid text").into(), proposals)
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
        let error = take(bytes.into(), &[]).map(drop).expect_err("refused");
        assert!(error.starts_with("invalid-module: "), "{bytes:?}: {error}");
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
        let wasm = module.rewritten("m").expect(text);
        let again = take(wasm, &[]).expect("still valid");
        assert_eq!(again.start, None, "{text}");
        assert!(again.functions().any(|(name, _)| name == start), "{text}");
        assert_eq!(again.exports.len(), module.exports.len() + 1, "{text}");
        assert_eq!(again.imports.len(), module.imports.len(), "{text}");
    }
}

/// A module rewritten for fresh state per call is valid, and its exports keep their types.
#[test]
fn fresh_calls_are_valid_modules() {
    for text in [
        r#"(module (func (export "_start")))"#,
        r#"(module (import "a" "f" (func $f (param f64))) (export "_start" (func $f)))"#,
        r#"(module (memory 0) (memory $b (export "m") 65536)
            (func (export "_start") (drop (memory.grow $b (memory.size)))))"#,
        r#"(module (import "a" "m" (memory 1)) (memory $own 1 2) (data $own "x")
            (data (memory 0) (i32.const 5) "y") (data (memory $own) (i32.const 6) "z")
            (func (export "_start") (data.drop 0)
              (memory.init $own 0 (i32.const 0) (i32.const 0) (i32.const 1))))"#,
        r#"(module (import "a" "t" (table 1 funcref)) (import "a" "g" (global $g i32))
            (table $own 1 5 externref) (table $funcs 1 funcref)
            (global $h (mut i32) (global.get $g)) (global (mut funcref) (ref.func $f))
            (elem (table 0) (global.get $g) func $f) (elem declare func $f)
            (elem (table $funcs) (i32.const 0) funcref (ref.func $f) (ref.null func))
            (func $f (export "_start") (param externref i64) (result i64 i32)
              (drop (table.grow $own (local.get 0) (table.size $own)))
              (elem.drop 0) (local.get 1) (global.get $h)))"#,
        r#"(module (type $t (func (param i32))) (func $s) (start $s)
            (func (export "_start") (type $t)) (global (export "g") (mut f32) (f32.const 1)))"#,
        r#"(module (func (export "_start") unreachable) (@custom "producers" "x"))"#,
    ] {
        let module = read(text, &[]).expect(text);
        let types = format!("{:?}", module.exports);
        let fresh = module.with_fresh_calls();
        assert_eq!(fresh.start, None, "{text}");
        let wasm = fresh.rewritten("m").expect(text);
        let again = take(wasm, &[]).expect(text);
        assert_eq!(format!("{:?}", again.exports), types, "{text}");
        assert_eq!(again.imports.len(), fresh.imports.len(), "{text}");
    }
}

/// Reading without validation finds the same as validation.
#[test]
fn the_interface_is_that_of_the_types() {
    use wasmparser::{Parser, Payload, Validator, types::EntityType};

    let text = r#"(module (type (func (param i64) (result f32))) (type (func))
        (import "a" "f" (func (type 0))) (import "a" "m" (memory 1 3)) (import "b" "t" (table 2 externref))
        (import "b" "g" (global (mut f64))) (table $t 5 7 funcref) (global $g i32 (i32.const 3))
        (memory $m 4) (func $own (type 0) (f32.const 0)) (func $s) (start $s)
        (export "f" (func 0)) (export "own" (func $own)) (export "m" (memory 0)) (export "n" (memory $m))
        (export "t" (table 0)) (export "u" (table $t)) (export "g" (global 0)) (export "h" (global $g)))"#;
    let wasm = wat::parse_str(text).expect("valid text");
    let module = read(text, &[]).expect("valid");
    let mut validator = Validator::new();
    let types = validator.validate_all(&wasm).expect("valid");
    let types = types.as_ref();
    let shown = |entity| match entity {
        EntityType::Func(id) | EntityType::FuncExact(id) => {
            super::TypeText(types[id].unwrap_func()).to_string()
        }
        EntityType::Global(ty) => super::ExternType::Global(ty).to_string(),
        EntityType::Memory(ty) => super::ExternType::Memory(ty).to_string(),
        EntityType::Table(ty) => super::ExternType::Table(ty).to_string(),
        EntityType::Tag(_) => "(tag)".to_owned(),
    };
    let exports = types.core_exports().expect("a module");
    let exports: Vec<_> = exports
        .map(|(name, ty)| (name.to_owned(), shown(ty)))
        .collect();
    let found = module.exports.iter();
    let found: Vec<_> = found
        .map(|(name, ty)| (name.to_string(), ty.to_string()))
        .collect();
    assert_eq!(found, exports);
    let mut imports = Vec::new();
    for payload in Parser::new(0).parse_all(&wasm) {
        if let Payload::ImportSection(section) = payload.expect("valid") {
            for import in section.into_imports() {
                let import = import.expect("valid");
                let ty = types.entity_type_from_import(&import).expect("valid");
                imports.push(format!("{} {} {}", import.module, import.name, shown(ty)));
            }
        }
    }
    let found = module.imports.iter();
    let found: Vec<_> = found
        .map(|i| format!("{} {} {}", i.module, i.name, i.ty))
        .collect();
    assert_eq!(found, imports);
    assert_eq!(found.len(), 4);
}
