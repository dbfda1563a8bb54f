//! Compiles linked modules into the program that an engine prepares.
//!
//! This is where modules are rewritten for what an engine cannot do itself. It does not know where
//! modules come from; link errors are behind it. Invariant: module 0 is the kernel.

use crate::{
    budget::{self, Budget},
    engine::{
        erased::{AnyModule, DynEngine},
        types::{Linked, ModuleId, Program},
    },
    error::{Error, ErrorKind, Result},
    kernel,
    link::{Plan, Unit},
    module::Module,
    options::Options,
};

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

    fn budget(self, lender: Option<ModuleId>) -> Option<Budget> {
        match (self, lender) {
            (Self::Off, _) => None,
            (Self::Apart, _) => Some(Budget::Own),
            (Self::Together, None) => Some(Budget::Lent),
            (Self::Together, Some(lender)) => Some(Budget::Borrowed(lender)),
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

/// What an engine can prepare, and who has its fuel.
pub(crate) struct Made {
    pub(crate) program: Program<AnyModule>,
    /// The module that lends its budget to those after it, if they share one.
    pub(crate) lender: Option<ModuleId>,
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
) -> Result<Made> {
    let mut modules = Vec::new();
    let mut lender = None;
    let kernel = ("kernel", kernel::WASM, &[][..]);
    let planned = plan.order.iter().zip(&plan.imports);
    let planned = planned.map(|(&unit, imports)| {
        let Unit { name, module } = &units[unit];
        (&**name, &*module.wasm, &imports[..])
    });
    for (name, wasm, imports) in std::iter::once(kernel).chain(planned) {
        let budget = counting.budget(lender);
        let counted = budget
            .map(|budget| counted(name, wasm, budget))
            .transpose()?;
        let counted = counted.flatten();
        let mut imports = imports.to_vec();
        if let (Some(budget), Some(_)) = (budget, &counted) {
            imports.extend(budget.imports());
            if budget == Budget::Lent {
                lender = Some(ModuleId(modules.len() as u32));
            }
        }
        let module = engine.compile(counted.as_deref().unwrap_or(wasm))?;
        modules.push(Linked { module, imports });
    }
    let memories = plan.memories.clone();
    let program = Program { modules, memories };
    Ok(Made { program, lender })
}

/// The module with a budget, if it has anything to count.
fn counted(name: &str, wasm: &[u8], budget: Budget) -> Result<Option<Vec<u8>>> {
    budget::instrument(wasm, budget).map_err(|source| {
        let message = format!("module `{name}` cannot be given a budget");
        Error::new(ErrorKind::Engine, message).with_source(source)
    })
}
