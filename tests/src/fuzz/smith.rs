//! Generated modules, valid from the start, by wasm-smith: as `module.rs`, but deeper.
//!
//! The bytes choose a module within the powers of the engine, which may import what plug-ins import,
//! and which may be a command. It has to be accepted.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use polyextism::{Choice, ErrorKind, Proposal, Wasi};
use wasm_smith::Config;

use super::module::{choice, compile, role};

/// What a module may import: functions of the kernel, of the host and of WASI.
static IMPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| assemble(include_str!("imports.wat")));

/// What a command exports.
static COMMAND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    assemble(
        "(module (memory (export \"memory\") 1) (func (export \"_start\"))
         (func (export \"other\") (param i32) (result i32) unreachable))",
    )
});

/// What a module exports.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exports {
    Any,
    /// Those of a command.
    Command,
}

/// The first two bytes choose what is done with the module that the others choose.
pub fn run(bytes: &[u8]) {
    let [how, engine, rest @ ..] = bytes else {
        return;
    };
    let exports = match how & 1 {
        0 => Exports::Any,
        _ => Exports::Command,
    };
    let choice = choice(*engine);
    let Ok(wasm) = generate(rest, exports, &choice) else {
        return;
    };
    let compiled = compile(*how, &choice, role(*engine), wasm, Some(Wasi::default()));
    if let Err(error) = compiled {
        // An initialiser of another type, or two of them.
        assert_eq!(error.kind(), ErrorKind::Link, "{error}");
    }
}

fn assemble(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is valid")
}

fn generate(bytes: &[u8], exports: Exports, choice: &Choice) -> Result<Vec<u8>> {
    let has = |proposal| choice.compiler().capabilities.proposals.contains(&proposal);
    let config = Config {
        available_imports: Some(IMPORTS.clone()),
        exports: (exports == Exports::Command).then(|| COMMAND.clone()),
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
