//! Compiles linked modules into the program that an engine prepares.
//!
//! This is where modules are rewritten for what an engine cannot do itself. It does not know where
//! modules come from; link errors are behind it. Invariant: module 0 is the kernel.

use std::sync::Arc;

use crate::{
    budget,
    engine::{
        erased::{AnyModule, DynEngine},
        types::{Import, Linked, Program},
    },
    error::{Error, ErrorKind, Result},
    kernel,
    link::{Plan, Unit},
    module::Module,
};

/// Compiles the kernel and the modules of a plan.
///
/// # Errors
/// `Unsupported` if the engine refuses a module, `Engine` if it fails.
pub(crate) fn compile(
    engine: &dyn DynEngine,
    units: &[Unit<'_>],
    plan: &Plan,
) -> Result<Program<AnyModule>> {
    let mut modules = vec![compile_module(engine, "kernel", kernel::WASM, &[])?];
    for (&unit, imports) in plan.order.iter().zip(&plan.imports) {
        let unit = &units[unit];
        modules.push(compile_module(
            engine,
            &unit.name,
            &unit.module.wasm,
            imports,
        )?);
    }
    let memories = plan.memories.clone();
    Ok(Program { modules, memories })
}

/// The function index above which all indices of a module are one higher in what the engine gets.
pub(crate) fn moved_from(engine: &dyn DynEngine, module: &Module<'_>) -> u32 {
    match engine.capabilities().interrupt {
        true => u32::MAX,
        false => budget::moved_from(module),
    }
}

/// Compiles a module. Where the engine cannot make guests look up, the module does so itself.
fn compile_module(
    engine: &dyn DynEngine,
    name: &str,
    wasm: &[u8],
    imports: &[Import],
) -> Result<Linked<AnyModule>> {
    let mut imports = imports.to_vec();
    let instrumented = match engine.capabilities().interrupt {
        true => None,
        false => budget::instrument(wasm).map_err(|source| {
            let message = format!("module `{name}` cannot be given a budget");
            Error::new(ErrorKind::Engine, message).with_source(source)
        })?,
    };
    if instrumented.is_some() {
        imports.push(Import::Host {
            func: Arc::clone(budget::check()),
            memory: None,
        });
    }
    let module = engine.compile(instrumented.as_deref().unwrap_or(wasm))?;
    Ok(Linked { module, imports })
}
