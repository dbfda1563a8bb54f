//! Modules: read, bounded, linked, rewritten, and handed to an engine that checks everything.
//!
//! The bytes are the module, which stands alone, as a library, or beside one, for engines with
//! different powers. What is refused is refused for a reason; what is accepted is valid after every
//! step of core from wasm to wasm ([`crate::null`]). `smith.rs` does the same with modules that are
//! valid from the start.

use polyextism::{
    Choice, ErrorKind, Function, KernelForm, Manifest, Options, Result, Wasi,
    backend::{NumType, Signature},
    manifest::Wasm,
};

use crate::null;

/// A main module beside a library, or a library beside a main module.
const OTHER: &str = "(module (memory (export \"memory\") 1) (func (export \"f\")))";

/// The first two bytes choose what is done with the module of the others.
pub fn run(bytes: &[u8]) {
    let [how, engine, wasm @ ..] = bytes else {
        return;
    };
    let wasi = (how & 0x80 != 0).then(Wasi::default);
    let compiled = compile(*how, &choice(*engine), role(*engine), wasm.to_vec(), wasi);
    if let Err(error) = compiled {
        let kind = error.kind();
        let known = matches!(
            kind,
            ErrorKind::InvalidModule | ErrorKind::Link | ErrorKind::Unsupported
        );
        assert!(known, "{kind:?}: {error}");
        assert!(!error.to_string().is_empty());
    }
}

/// What the module is in its plug-in.
#[derive(Clone, Copy)]
pub(super) enum Role {
    Alone,
    Library,
    BesideLibrary,
}

/// The role that a byte chooses.
pub(super) fn role(byte: u8) -> Role {
    match (byte >> 4) % 3 {
        0 => Role::Alone,
        1 => Role::Library,
        _ => Role::BesideLibrary,
    }
}

/// The engine that a byte chooses.
pub(super) fn choice(byte: u8) -> Choice {
    let choices: Vec<_> = null::choices().collect();
    choices[usize::from(byte) % choices.len()]
}

/// Compiles a module in its role; a byte chooses where the kernel is.
///
/// # Errors
/// If the module is refused.
pub(super) fn compile(
    how: u8,
    choice: &Choice,
    role: Role,
    wasm: Vec<u8>,
    wasi: Option<Wasi>,
) -> Result<()> {
    let other = Wasm::data(OTHER.as_bytes().to_vec());
    let wasm = Wasm::data(wasm);
    let manifest = match role {
        Role::Alone => Manifest::of(wasm),
        Role::Library => Manifest::new([wasm.with_name("lib"), other.with_name("main")]),
        Role::BesideLibrary => Manifest::new([other.with_name("lib"), wasm.with_name("main")]),
    };
    let kernel = match how & 0x40 {
        0 => KernelForm::Fused,
        _ => KernelForm::Apart,
    };
    let options = Options::default()
        .with_functions(functions())
        .with_wasi(wasi)
        .with_kernel(kernel);
    choice.compile(&manifest, &options).map(drop)
}

fn functions() -> Vec<Function> {
    let several = Signature::new(&[NumType::F32, NumType::I64], &[NumType::F64, NumType::I32]);
    vec![
        Function::bytes("bytes", |_, _| Ok(Vec::new())),
        Function::new("several", several, |_, _| Ok(())),
    ]
}
