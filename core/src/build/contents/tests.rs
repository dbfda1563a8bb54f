//! The contents of plug-ins, read and linked.

use crate::{build::contents::*, manifest::Wasm, settings::wasi::Wasi};

fn manifest(modules: &[(&str, &str)]) -> Manifest {
    let modules = modules.iter();
    Manifest::new(modules.map(|(name, text)| Wasm::data(text.as_bytes()).with_name(*name)))
}

#[test]
fn what_answers_each_import() {
    let manifest = manifest(&[
        ("lib", "(module (func (export \"f\")))"),
        (
            "main",
            "(module
               (import \"lib\" \"f\" (func))
               (import \"extism:host/env\" \"alloc\" (func (param i64) (result i64)))
               (import \"extism:host/env\" \"var_get\" (func (param i64) (result i64)))
               (import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32)))
               (import \"extism:host/user\" \"given\" (func (param i64)))
               (import \"extism:host/user\" \"missing\" (func)))",
        ),
    ]);
    let given = Function::new(
        "given",
        crate::base::types::Signature::new(&[crate::base::types::NumType::I64], &[]),
        |_, _| Ok(()),
    );
    let options = Options {
        functions: vec![given],
        wasi: cfg!(feature = "wasi").then(Wasi::default),
        ..Options::default()
    };
    let contents = inspect(&manifest, &options).expect("it can be read");
    assert_eq!(contents.main, 1);
    let providers = contents.modules[1].imports.iter();
    let providers: Vec<_> = providers.map(|import| import.provider.clone()).collect();
    assert_eq!(
        providers[..3],
        [Provider::Module(0), Provider::Host, Provider::Host]
    );
    if cfg!(feature = "wasi") {
        assert_eq!(providers[3], Provider::Wasi);
    }
    assert_eq!(providers[4], Provider::Function(0));
    assert!(
        matches!(&providers[5], Provider::Nothing(why) if why.starts_with("nothing provides it"))
    );
    let import = &contents.modules[1].imports[1];
    assert_eq!(
        (import.module(), import.name(), import.kind()),
        ("extism:host/env", "alloc", "function")
    );
    assert_eq!(import.ty().to_string(), "(func (param i64) (result i64))");
}

#[test]
fn exports_and_memories() {
    let text = "(module
        (func (export \"f\") (result i32) i32.const 0)
        (func (export \"takes\") (param i32))
        (memory (export \"memory\") 2 5)
        (global (export \"g\") (mut i64) (i64.const 0)))";
    let contents =
        inspect(&manifest(&[("main", text)]), &Options::default()).expect("it can be read");
    let exports = contents.modules[0].exports.iter();
    let rows: Vec<_> = exports
        .map(|export| {
            (
                export.name(),
                export.kind(),
                export.ty().to_string(),
                export.is_callable(),
            )
        })
        .collect();
    let expected = [
        ("f", "function", "(func (result i32))", true),
        ("takes", "function", "(func (param i32))", false),
        ("memory", "memory", "(memory 2 5)", false),
        ("g", "global", "(global (mut i64))", false),
    ];
    assert_eq!(
        rows,
        expected.map(|(name, kind, ty, callable)| (name, kind, ty.to_owned(), callable))
    );
    let memory = MemoryDecl {
        minimum: 2,
        maximum: Some(5),
    };
    assert_eq!(contents.modules[0].memories, [memory]);
}

#[test]
fn features_are_those_that_are_used() {
    let rows: &[(&str, &[&str])] = &[
        ("(module)", &[]),
        (
            "(module (func (param i32) (result i32) (i32.extend8_s (local.get 0))))",
            &["sign extension"],
        ),
        (
            "(module (func (result i32 i32) (i32.const 0) (i32.const 1)))",
            &["multi-value"],
        ),
        (
            "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
            &["bulk memory"],
        ),
        (
            "(module (func (result v128) (v128.const i64x2 0 0)))",
            &["SIMD"],
        ),
        ("(module (func $f (return_call $f)))", &["tail calls"]),
        (
            "(module (memory 1) (memory i64 1))",
            &["memory64", "multi-memory"],
        ),
        ("(module (memory 1 1 shared))", &["threads"]),
    ];
    for (text, expected) in rows {
        let contents = inspect(&manifest(&[("main", text)]), &Options::default()).expect(text);
        assert_eq!(contents.features(), *expected, "{text}");
        let lacking = contents.lacking(&[Proposal::Simd]);
        let engine_lacks = |name: &&&str| ["tail calls", "memory64", "threads"].contains(name);
        let expected: Vec<_> = expected.iter().filter(engine_lacks).copied().collect();
        assert_eq!(lacking, expected, "{text}");
    }
}

/// An engine need not have a proposal that core translates.
#[test]
fn engines_with_exceptions_run_legacy_ones() {
    let text = "(module (tag $t) (func try (throw $t) catch $t end))";
    let contents = inspect(&manifest(&[("main", text)]), &Options::default()).expect(text);
    assert!(contents.features().contains(&"legacy exceptions"));
    let lacking = |proposals: &[Proposal]| contents.lacking(proposals);
    assert_eq!(lacking(&[Proposal::Exceptions]), <[&str; 0]>::default());
    assert_eq!(lacking(&[]), ["exceptions", "legacy exceptions"]);
}

#[test]
fn sections_add_up() {
    let text = "(module (func (export \"f\")) (memory 1) (data (i32.const 0) \"abc\"))";
    let contents =
        inspect(&manifest(&[("main", text)]), &Options::default()).expect("it can be read");
    let details = contents.modules[0]
        .details
        .as_ref()
        .expect("`inspect` reads them");
    let names: Vec<_> = details
        .sections
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        ["type", "function", "memory", "export", "code", "data"]
    );
    // The header of the module, and identifier and size of each section.
    let bytes: u64 = details.sections.iter().map(|(_, bytes)| bytes + 2).sum();
    assert_eq!(bytes + 8, details.bytes);
}

#[test]
fn what_is_no_module_is_an_error() {
    let broken = manifest(&[("main", "(module (func (result i32) i64.const 1))")]);
    let error = inspect(&broken, &Options::default()).expect_err("it is invalid");
    assert_eq!(error.kind(), crate::ErrorKind::InvalidModule);
}
