//! The compiler Singlepass. It is built in only with the cargo feature `wasmer-singlepass`, because its licence
//! forbids production use without an agreement.
//!
//! This file has its configuration, and refuses modules on which it would panic.

use polyextism_core::backend::{Determinism, Error, Result, Room};
use wasmer::sys::{
    CompilerConfig, Singlepass,
    wasmparser::{Parser, Payload, TypeRef},
};

/// The name by which users choose it.
pub(crate) const COMPILER: &str = "singlepass";
/// The name of the engine with it.
pub(crate) const NAME: &str = "wasmer:singlepass";

/// Its canonicalisation of NaNs is incomplete. It happens late, at the next use of a NaN, so `f32.neg` and
/// `f32.abs` directly after arithmetic lose it and `f64.neg` loses the sign. Conversions between `f32` and `f64` do
/// not canonicalise other NaNs.
pub(crate) fn config(determinism: Determinism) -> Box<dyn CompilerConfig> {
    let mut config = Singlepass::new();
    config.canonicalize_nans(determinism == Determinism::On);
    Box::new(config)
}

/// Refuses a module that it cannot compile, or compiles into code that can leave its memory.
///
/// # Errors
/// `Unsupported` if the module imports a function with several results, or if memories move and one of its own begins
/// without a page.
pub(crate) fn check(wasm: &[u8], room: Room) -> Result<()> {
    if imports_many_results(wasm) {
        let what = "imports of functions with more than one result";
        return Err(Error::unsupported(NAME, what));
    }
    // Its check of an address compares with the length of the memory less that of the access, which wraps around for a
    // memory of no bytes: then every address passes.
    if room == Room::Scarce && has_empty_memory(wasm) {
        let what = "memories that begin without a page, where address space is limited";
        return Err(Error::unsupported(NAME, what));
    }
    Ok(())
}

/// Whether a memory of the module begins without a page. An imported one is checked where it is defined.
fn has_empty_memory(wasm: &[u8]) -> bool {
    let payloads = Parser::new(0).parse_all(wasm);
    payloads
        .map_while(|payload| payload.ok())
        .any(|payload| match payload {
            Payload::MemorySection(memories) => memories
                .into_iter()
                .flatten()
                .any(|memory| memory.initial == 0),
            _ => false,
        })
}

/// Whether a module imports a function with several results. Singlepass panics on it.
fn imports_many_results(wasm: &[u8]) -> bool {
    let mut many = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::TypeSection(types)) => {
                let types = types.into_iter_err_on_gc_types().flatten();
                many.extend(types.map(|ty| ty.results().len() > 1));
            }
            Ok(Payload::ImportSection(imports)) => {
                return imports
                    .into_imports()
                    .flatten()
                    .any(|import| match import.ty {
                        TypeRef::Func(ty) => many.get(ty as usize).is_some_and(|many| *many),
                        _ => false,
                    });
            }
            // Sections are ordered. The compiler refuses malformed modules.
            Ok(Payload::CodeSectionStart { .. }) | Err(_) => break,
            Ok(_) => {}
        }
    }
    false
}
