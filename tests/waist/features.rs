//! The features of WebAssembly that engines must or must not have.

use polyextism_core::backend::{ErrorKind, Proposal};

use super::Case;

pub(crate) const CASES: &[Case] = &[
    ("what every engine has is compiled", |bench| {
        let engine = bench.engine();
        for (name, wat) in COMMON {
            let wasm = wat::parse_str(wat).expect("the test is valid text");
            let compiled = engine.compile(&wasm);
            assert!(compiled.is_ok(), "{name}: {:?}", compiled.err());
        }
    }),
    (
        "proposals are compiled where they are declared, and refused elsewhere",
        |bench| {
            let engine = bench.engine();
            let declared = engine.capabilities().proposals;
            for (name, proposal, wat) in PROPOSALS {
                let wasm = wat::parse_str(wat).expect("the test is valid text");
                let expected = proposal.is_some_and(|proposal| declared.contains(&proposal));
                let compiled = engine.compile(&wasm);
                assert_eq!(compiled.is_ok(), expected, "{name}: {:?}", compiled.err());
            }
        },
    ),
    (
        "an engine takes no proposals but those that it was opened for",
        |bench| {
            for (name, proposal, wat) in PROPOSALS {
                let wasm = wat::parse_str(wat).expect("the test is valid text");
                let all = bench.compiler.capabilities.proposals.iter().copied();
                let others =
                    all.filter(|other| Some(*other) != *proposal && !needs(*other, *proposal));
                let engine = bench
                    .open_for(others.collect())
                    .expect("an engine opens without extras");
                let compiled = engine.compile(&wasm);
                assert!(compiled.is_err(), "{name} is compiled");
            }
        },
    ),
    (
        "atomic loads are compiled where guests can look at a flag, and refused elsewhere",
        |bench| {
            let engine = bench.engine();
            let text = "(module (memory 1) (func (result i32) (i32.atomic.load (i32.const 0))))";
            let compiled = engine.compile(&wat::parse_str(text).expect("the text is valid"));
            assert_eq!(
                compiled.is_ok(),
                engine.capabilities().flag,
                "{:?}",
                compiled.err()
            );
        },
    ),
    (
        "what only some compilers have is compiled or refused in words",
        |bench| {
            let engine = bench.engine();
            for (name, wat) in UNEVEN {
                let wasm = wat::parse_str(wat).expect("the test is valid text");
                if let Err(error) = engine.compile(&wasm) {
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}: {error:?}");
                }
            }
        },
    ),
    ("bytes that core would have refused are refused", |bench| {
        let engine = bench.engine();
        for bytes in [&b""[..], b"\0asm", b"(module)", b"\0asm\x01\0\0\0\x01"] {
            let error = engine.compile(bytes).expect_err("this is no module");
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        }
    }),
];

/// Whether engines have the one proposal only with the other.
fn needs(one: Proposal, other: Option<Proposal>) -> bool {
    matches!(
        (one, other),
        (Proposal::RelaxedSimd, Some(Proposal::Simd))
            | (Proposal::Gc, Some(Proposal::FunctionReferences))
    )
}

const COMMON: &[(&str, &str)] = &[
    (
        "sign extension",
        "(module (func (param i32) (result i32) (i32.extend8_s (local.get 0))))",
    ),
    (
        "saturating conversions",
        "(module (func (param f32) (result i32) (i32.trunc_sat_f32_s (local.get 0))))",
    ),
    (
        "multi-value",
        "(module (func (result i32 i32) (i32.const 1) (i32.const 2)))",
    ),
    (
        "bulk memory",
        "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 1))))",
    ),
    (
        "reference types",
        "(module (table $a 1 funcref) (table $b 2 funcref) (func (param funcref) (result i32)
            (table.set $b (i32.const 0) (local.get 0))
            (table.copy $a $b (i32.const 0) (i32.const 0) (i32.const 1))
            (ref.is_null (table.get $a (i32.const 0)))))",
    ),
    (
        "extended const",
        "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))",
    ),
    (
        "multi-memory",
        "(module (memory 1) (memory $b 1) (func (result i32) (i32.load $b (i32.const 0))))",
    ),
    (
        "mutable globals",
        r#"(module (global (export "g") (mut i32) (i32.const 1)))"#,
    ),
];

/// wasmtime's Winch has no `externref`; wasmer's singlepass no imports with several results.
const UNEVEN: &[(&str, &str)] = &[
    (
        "externref",
        "(module (table 1 externref) (func (param externref)
            (table.set 0 (i32.const 0) (local.get 0))))",
    ),
    (
        "several results",
        r#"(module (import "h" "f" (func (result i32 i32))))"#,
    ),
];

const PROPOSALS: &[(&str, Option<Proposal>, &str)] = &[
    (
        "SIMD",
        Some(Proposal::Simd),
        "(module (func (result i32)
            (i32x4.extract_lane 1 (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 2 3 4)))))",
    ),
    ("tail calls", Some(Proposal::TailCall), "(module (func $f (return_call $f)))"),
    ("memory64", Some(Proposal::Memory64), "(module (memory i64 1))"),
    ("exceptions", Some(Proposal::Exceptions), "(module (tag))"),
    ("garbage collection", Some(Proposal::Gc), "(module (type (struct (field i32))))"),
    (
        "function references",
        Some(Proposal::FunctionReferences),
        "(module (type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0))))",
    ),
    (
        "relaxed SIMD",
        Some(Proposal::RelaxedSimd),
        "(module (func (param v128 v128) (result v128)
            (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))",
    ),
    ("custom page sizes", Some(Proposal::CustomPageSizes), "(module (memory 1 (pagesize 1)))"),
    (
        "wide arithmetic",
        Some(Proposal::WideArithmetic),
        "(module (func (param i64 i64) (result i64 i64)
            (i64.mul_wide_u (local.get 0) (local.get 1))))",
    ),
];
