//! Compiles linked modules into the program that an engine prepares.
//!
//! This is where modules are rewritten for what an engine cannot do itself. It does not know where
//! modules come from; link errors are behind it. Invariant: module 0 is the kernel.

use crate::{
    budget::{self, Budget},
    engine::{
        erased::{AnyModule, DynEngine},
        types::{Import, Linked, ModuleId, Program},
    },
    error::{Error, ErrorKind, Result},
    kernel,
    link::{Plan, Unit},
    module::Module,
    options::Options,
};

/// The module that lends its budget, if one is shared.
pub(crate) const LENDER: ModuleId = ModuleId(0);

/// Whether guests count what they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// They do not: the engine makes them look up.
    Off,
    /// Each module for itself, to look up now and then.
    Apart,
    /// All modules together, because it is fuel. They look up by that as well.
    Together,
}

impl Counting {
    /// What an engine that was opened needs.
    pub(crate) fn needed(engine: &dyn DynEngine, options: &Options) -> Self {
        match (options.fuel, engine.capabilities().interrupt) {
            (Some(_), _) => Self::Together,
            (None, false) => Self::Apart,
            (None, true) => Self::Off,
        }
    }

    fn budget(self, module: ModuleId) -> Option<Budget> {
        match self {
            Self::Off => None,
            Self::Apart => Some(Budget::Own),
            Self::Together if module == LENDER => Some(Budget::Lent),
            Self::Together => Some(Budget::Borrowed(LENDER)),
        }
    }

    /// The function index above which all indices of a module are one higher in what the engine gets.
    pub(crate) fn moved_from(self, module: &Module<'_>) -> u32 {
        match self {
            Self::Off => u32::MAX,
            Self::Apart | Self::Together => budget::moved_from(module),
        }
    }
}

/// Compiles the kernel and the modules of a plan.
///
/// # Errors
/// `Unsupported` if the engine refuses a module, `Engine` if it fails.
pub(crate) fn compile(
    engine: &dyn DynEngine,
    units: &[Unit<'_>],
    plan: &Plan,
    counting: Counting,
) -> Result<Program<AnyModule>> {
    let budget = counting.budget(LENDER);
    let mut modules = vec![compile_module(engine, "kernel", kernel::WASM, &[], budget)?];
    for (&unit, imports) in plan.order.iter().zip(&plan.imports) {
        let Unit { name, module } = &units[unit];
        let budget = counting.budget(ModuleId(modules.len() as u32));
        modules.push(compile_module(engine, name, &module.wasm, imports, budget)?);
    }
    let memories = plan.memories.clone();
    Ok(Program { modules, memories })
}

/// Compiles a module, which counts down a budget if it is given one.
fn compile_module(
    engine: &dyn DynEngine,
    name: &str,
    wasm: &[u8],
    imports: &[Import],
    budget: Option<Budget>,
) -> Result<Linked<AnyModule>> {
    let mut imports = imports.to_vec();
    let mut counted = None;
    if let Some(budget) = budget {
        counted = budget::instrument(wasm, budget).map_err(|source| {
            let message = format!("module `{name}` cannot be given a budget");
            Error::new(ErrorKind::Engine, message).with_source(source)
        })?;
        if counted.is_some() {
            imports.extend(budget.imports());
        }
    }
    let module = engine.compile(counted.as_deref().unwrap_or(wasm))?;
    Ok(Linked { module, imports })
}
