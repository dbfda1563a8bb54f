//! Compiles linked modules into the program that an engine prepares.
//!
//! This is where modules are rewritten: the kernel becomes part of the main module where that is
//! possible, and modules do themselves what an engine cannot. It does not know where modules come
//! from; link errors are behind it.
//!
//! The kernel stays a module of its own, the first, if a module beside the main one imports functions of
//! it: that one may have to be instantiated before the main module.

use std::{borrow::Cow, sync::Arc};

use wasm_encoder::reencode;

use crate::{
    budget::{self, Budget},
    engine::{
        erased::{AnyModule, DynEngine},
        types::{Import, Linked, MemoryExport, ModuleId, Program},
    },
    error::{Error, ErrorKind, Result},
    fuse, kernel,
    link::{KERNEL, Plan, Unit},
    module::Module,
    options::{KernelForm, Options},
    rewrite::Shape,
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

    /// By how many places the functions that a module defines have moved in what the engine gets.
    pub(crate) fn moved(self) -> u32 {
        match self {
            Self::Off => 0,
            Self::Apart | Self::Together => budget::MOVED,
        }
    }
}

/// The export name of the kernel memory in a module that the kernel is part of. If the module uses it
/// itself, something is appended.
const MEMORY: &str = "polyextism:kernel";

/// The most memories that engines allow in one module.
const MEMORIES: u32 = 100;

/// Where the modules of a plan are in the program.
pub(crate) struct Layout {
    order: Vec<usize>,
    kernel: Place,
}

/// Where the kernel is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In front of all other modules.
    Apart,
    /// In the module at this position of the order.
    Within(usize),
}

impl Layout {
    /// Decides where the kernel is. `main` is the position of the main module in `units`.
    ///
    /// # Errors
    /// None for modules that core has validated.
    pub(crate) fn new(
        units: &[Unit<'_>],
        plan: &Plan,
        main: usize,
        form: KernelForm,
    ) -> Result<Self> {
        let mut users = plan.order.iter().zip(&plan.imports);
        let alone = users.all(|(&unit, imports)| unit == main || !imports.iter().any(is_kernel));
        let place = match form {
            KernelForm::Fused if alone && has_room(&units[main])? => {
                let home = plan.order.iter().position(|&unit| unit == main);
                Place::Within(home.expect("every unit is in the order"))
            }
            KernelForm::Fused | KernelForm::Apart => Place::Apart,
        };
        Ok(Self {
            order: plan.order.clone(),
            kernel: place,
        })
    }

    /// The module that a unit becomes.
    pub(crate) fn module(&self, unit: usize) -> ModuleId {
        let position = self.order.iter().position(|&other| other == unit);
        self.at(position.expect("every unit is in the order"))
    }

    /// The units that the modules of the program are made of, in order; `None` is the kernel alone.
    pub(crate) fn units(&self) -> impl Iterator<Item = Option<usize>> {
        let kernel = (self.kernel == Place::Apart).then_some(None);
        kernel
            .into_iter()
            .chain(self.order.iter().copied().map(Some))
    }

    fn at(&self, position: usize) -> ModuleId {
        ModuleId(match self.kernel {
            Place::Apart => position as u32 + 1,
            Place::Within(_) => position as u32,
        })
    }

    /// The module of the program for a module of the plan, where the kernel is the first.
    fn planned(&self, module: ModuleId) -> ModuleId {
        match (self.kernel, module.0.checked_sub(1)) {
            (_, Some(position)) => self.at(position as usize),
            (Place::Apart, None) => KERNEL,
            (Place::Within(home), None) => self.at(home),
        }
    }

    /// The import in the program; `None` for one that is an import no longer.
    fn import(&self, import: &Import) -> Option<Import> {
        match import {
            import if self.kernel != Place::Apart && is_kernel(import) => None,
            Import::Export { module, name } => Some(Import::Export {
                module: self.planned(*module),
                name: Arc::clone(name),
            }),
            Import::Host { .. } => Some(import.clone()),
        }
    }
}

fn is_kernel(import: &Import) -> bool {
    matches!(import, Import::Export { module: KERNEL, .. })
}

fn has_room(unit: &Unit<'_>) -> Result<bool> {
    let shape = Shape::read(&unit.module.wasm);
    let shape = shape.map_err(|source| rewriting(&unit.name, "be read again", source))?;
    Ok(shape.memories < MEMORIES)
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
    layout: &Layout,
    counting: Counting,
) -> Result<Made> {
    let mut memories = plan.memories.clone();
    for memory in &mut memories {
        memory.module = layout.planned(memory.module);
    }
    let mut maker = Maker {
        engine,
        counting,
        modules: Vec::new(),
        lender: None,
    };
    if layout.kernel == Place::Apart {
        maker.add("kernel", kernel::WASM, Vec::new())?;
    }
    for (position, (&unit, planned)) in plan.order.iter().zip(&plan.imports).enumerate() {
        let Unit { name, module } = &units[unit];
        let imports = planned.iter().filter_map(|import| layout.import(import));
        let fused = match layout.kernel == Place::Within(position) {
            false => None,
            true => {
                let memory = memory_name(module);
                let fused = fuse_kernel(module, planned, &memory);
                memories[0] = MemoryExport {
                    module: layout.at(position),
                    name: memory.into(),
                };
                Some(fused.map_err(|source| rewriting(name, "be given the kernel", source))?)
            }
        };
        let wasm = fused.as_deref().unwrap_or(&module.wasm);
        maker.add(name, wasm, imports.collect())?;
    }
    let Maker {
        modules, lender, ..
    } = maker;
    let program = Program { modules, memories };
    Ok(Made { program, lender })
}

fn fuse_kernel(
    module: &Module<'_>,
    imports: &[Import],
    memory: &str,
) -> Result<Vec<u8>, reencode::Error> {
    let function = |import: &Import| match import {
        Import::Export {
            module: KERNEL,
            name,
        } => Some(Arc::clone(name)),
        _ => None,
    };
    let kernel: Vec<_> = imports.iter().map(function).collect();
    fuse::fuse(&module.wasm, &kernel, memory)
}

/// A name that the module exports nothing under.
fn memory_name(module: &Module<'_>) -> String {
    let mut name = MEMORY.to_owned();
    while module.export(&name).is_some() {
        name.push('\'');
    }
    name
}

/// The modules that are compiled so far.
struct Maker<'a> {
    engine: &'a dyn DynEngine,
    counting: Counting,
    modules: Vec<Linked<AnyModule>>,
    lender: Option<ModuleId>,
}

/// What the engine gets for a module alone, and the import that follows those of the module, if any.
/// Where the engine cannot make guests look up, the module does so itself.
///
/// # Errors
/// `Engine` if the module cannot be rewritten.
pub(crate) fn rewritten<'a>(
    engine: &dyn DynEngine,
    name: &str,
    wasm: &'a [u8],
) -> Result<(Cow<'a, [u8]>, Option<Import>)> {
    let counted = match engine.capabilities().interrupt {
        true => None,
        false => budget::instrument(wasm, Budget::Own)
            .map_err(|source| rewriting(name, "be given a budget", source))?,
    };
    Ok(match counted {
        None => (Cow::Borrowed(wasm), None),
        Some(wasm) => (Cow::Owned(wasm), Budget::Own.imports().pop()),
    })
}

impl Maker<'_> {
    /// Compiles a module, which counts down a budget if that is needed.
    fn add(&mut self, name: &str, wasm: &[u8], mut imports: Vec<Import>) -> Result<()> {
        let mut counted = None;
        if let Some(budget) = self.counting.budget(self.lender) {
            counted = budget::instrument(wasm, budget)
                .map_err(|source| rewriting(name, "be given a budget", source))?;
            if counted.is_some() {
                imports.extend(budget.imports());
                if budget == Budget::Lent {
                    self.lender = Some(ModuleId(self.modules.len() as u32));
                }
            }
        }
        let module = self.engine.compile(counted.as_deref().unwrap_or(wasm))?;
        self.modules.push(Linked { module, imports });
        Ok(())
    }
}

#[cold]
fn rewriting(name: &str, what: &str, source: reencode::Error) -> Error {
    let message = format!("module `{name}` cannot {what}");
    Error::new(ErrorKind::Engine, message).with_source(source)
}
