//! Modules: read, bounded, linked, rewritten, and handed to an engine that checks everything.
//!
//! The bytes are a module, or choose one that is valid (wasm-smith), which may import what plug-ins
//! import. It stands alone, as a library, or as a command, for engines with different powers. What
//! is valid and within the engine's powers is accepted; what is accepted is still valid after every
//! step of core from wasm to wasm ([`crate::null`]).

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use polyextism::{
    Choice, Compiled, ErrorKind, Function, KernelForm, Manifest, Options, Wasi,
    engine::types::{NumType, Proposal, Signature},
    manifest::Wasm,
};
use wasm_smith::Config;

use crate::null;

/// What a generated module may import: all kinds of functions of the host, and memory of a library.
static IMPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| assemble(include_str!("imports.wat")));

/// What a command exports.
static COMMAND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    assemble(
        "(module (memory (export \"memory\") 1) (func (export \"_start\"))
         (func (export \"other\") (param i32) (result i32) unreachable))",
    )
});

/// A main module beside a library, or a library beside a main module.
const OTHER: &str = "(module (memory (export \"memory\") 1) (func (export \"f\")))";

/// How the module comes about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It is the bytes.
    Raw,
    /// The bytes choose it, and it is valid.
    Chosen,
    /// As `Chosen`, with the exports of a command.
    Command,
}

/// The first two bytes choose what is done with the module of the others.
pub fn run(bytes: &[u8]) {
    let [how, engine, rest @ ..] = bytes else {
        return;
    };
    let origin = match how % 3 {
        0 => Origin::Raw,
        1 => Origin::Chosen,
        _ => Origin::Command,
    };
    let choices: Vec<_> = null::choices().collect();
    let choice = &choices[usize::from(*engine) % choices.len()];
    let wasm = match origin {
        Origin::Raw => rest.to_vec(),
        _ => match generate(rest, origin, choice) {
            Ok(wasm) => wasm,
            Err(_) => return,
        },
    };
    let role = usize::from(engine >> 4) % 3;
    let kernel = match how & 0x40 {
        0 => KernelForm::Fused,
        _ => KernelForm::Apart,
    };
    let options = Options {
        functions: functions(),
        wasi: (how & 0x80 != 0 || origin != Origin::Raw).then(Wasi::default),
        kernel,
        ..Options::default()
    };
    check(choice.compile(&manifest(wasm, role), &options), origin);
}

fn assemble(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is valid")
}

/// A valid module within the powers of the engine.
fn generate(bytes: &[u8], origin: Origin, choice: &Choice) -> Result<Vec<u8>> {
    let has = |proposal| choice.compiler().capabilities.proposals.contains(&proposal);
    let config = Config {
        available_imports: Some(IMPORTS.clone()),
        exports: (origin == Origin::Command).then(|| COMMAND.clone()),
        max_memories: 4,
        max_tables: 4,
        max_memory32_bytes: 1 << 24,
        max_memory64_bytes: 1 << 24,
        max_table_elements: 10_000,
        memory64_enabled: has(Proposal::Memory64),
        relaxed_simd_enabled: has(Proposal::RelaxedSimd),
        simd_enabled: has(Proposal::Simd),
        tail_call_enabled: has(Proposal::TailCall),
        wide_arithmetic_enabled: has(Proposal::WideArithmetic),
        exceptions_enabled: false,
        gc_enabled: false,
        threads_enabled: false,
        compact_imports_enabled: false,
        generate_custom_sections: true,
        ..Config::default()
    };
    let mut bytes = Unstructured::new(bytes);
    Ok(wasm_smith::Module::new(config, &mut bytes)?.to_bytes())
}

/// The module alone, as a library, or as the main module beside a library.
fn manifest(wasm: Vec<u8>, role: usize) -> Manifest {
    let other = OTHER.as_bytes().to_vec();
    let wasm = Wasm::data(wasm);
    match role {
        0 => Manifest::of(wasm),
        1 => Manifest::new([wasm.with_name("lib"), Wasm::data(other).with_name("main")]),
        _ => Manifest::new([Wasm::data(other).with_name("lib"), wasm.with_name("main")]),
    }
}

fn functions() -> Vec<Function> {
    let several = Signature::new(&[NumType::F32, NumType::I64], &[NumType::F64, NumType::I32]);
    vec![
        Function::bytes("bytes", |_, _| Ok(Vec::new())),
        Function::new("several", several, |_, _| Ok(())),
    ]
}

fn check(compiled: polyextism::Result<Compiled>, origin: Origin) {
    let Err(error) = compiled else {
        return;
    };
    let expected = match origin {
        Origin::Raw => &[
            ErrorKind::InvalidModule,
            ErrorKind::Link,
            ErrorKind::Unsupported,
        ][..],
        // An initialiser of another type, or two of them.
        Origin::Chosen | Origin::Command => &[ErrorKind::Link],
    };
    assert!(
        expected.contains(&error.kind()),
        "{:?}: {error}",
        error.kind()
    );
    assert!(!error.to_string().is_empty());
}
