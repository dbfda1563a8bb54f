//! Compiles linked modules into the program that an engine prepares.
//!
//! This is where modules are rewritten for what an engine cannot do itself. It does not know where
//! modules come from; link errors are behind it. Invariant: module 0 is the kernel.

use std::{borrow::Cow, sync::Arc};

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

/// Compiles a module.
fn compile_module(
    engine: &dyn DynEngine,
    name: &str,
    wasm: &[u8],
    imports: &[Import],
) -> Result<Linked<AnyModule>> {
    let (wasm, further) = rewritten(engine, name, wasm)?;
    Ok(Linked {
        module: engine.compile(&wasm)?,
        imports: [imports, &further].concat(),
    })
}

/// What the engine gets for a module, and the imports that follow those of the module. Where the
/// engine cannot make guests look up, the module does so itself.
///
/// # Errors
/// `Engine` if the module cannot be rewritten.
pub(crate) fn rewritten<'a>(
    engine: &dyn DynEngine,
    name: &str,
    wasm: &'a [u8],
) -> Result<(Cow<'a, [u8]>, Vec<Import>)> {
    let instrumented = match engine.capabilities().interrupt {
        true => None,
        false => budget::instrument(wasm).map_err(|source| {
            let message = format!("module `{name}` cannot be given a budget");
            Error::new(ErrorKind::Engine, message).with_source(source)
        })?,
    };
    Ok(match instrumented {
        None => (Cow::Borrowed(wasm), Vec::new()),
        Some(wasm) => {
            let func = Arc::clone(budget::check());
            let check = Import::Host { func, memory: None };
            (Cow::Owned(wasm), vec![check])
        }
    })
}
