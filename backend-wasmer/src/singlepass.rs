//! The compiler Singlepass. It is built in only with the cargo feature `wasmer-singlepass`, because its licence
//! forbids production use without an agreement.
//!
//! This file has its configuration, and refuses modules on which it would panic.

use polyextism_core::backend::{Determinism, Error, Result};
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

/// Refuses a module that it cannot compile.
///
/// # Errors
/// `Unsupported` if the module imports a function with several results.
pub(crate) fn check(wasm: &[u8]) -> Result<()> {
    match imports_many_results(wasm) {
        true => {
            let what = "imports of functions with more than one result";
            Err(Error::unsupported(NAME, what))
        }
        false => Ok(()),
    }
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
