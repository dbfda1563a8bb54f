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
    budget,
    engine::{
        erased::{AnyModule, DynEngine},
        types::{Import, Linked, MemoryExport, ModuleId, Program},
    },
    error::{Error, ErrorKind, Result},
    fuse, kernel,
    link::{KERNEL, Plan, Unit},
    module::Module,
    options::KernelForm,
    rewrite::Shape,
};

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
    Ok((shape.memories.len() as u32) < MEMORIES)
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
) -> Result<Program<AnyModule>> {
    let mut modules = Vec::new();
    let mut memories = plan.memories.clone();
    for memory in &mut memories {
        memory.module = layout.planned(memory.module);
    }
    if layout.kernel == Place::Apart {
        modules.push(compile_module(engine, "kernel", kernel::WASM, Vec::new())?);
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
        modules.push(compile_module(engine, name, wasm, imports.collect())?);
    }
    Ok(Program { modules, memories })
}

/// By how many places the functions that a module defines have moved in what the engine gets.
pub(crate) fn moved(engine: &dyn DynEngine) -> u32 {
    match engine.capabilities().interrupt {
        true => 0,
        false => budget::MOVED,
    }
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

/// Compiles a module.
fn compile_module(
    engine: &dyn DynEngine,
    name: &str,
    wasm: &[u8],
    mut imports: Vec<Import>,
) -> Result<Linked<AnyModule>> {
    let (wasm, further) = rewritten(engine, name, wasm)?;
    imports.extend(further);
    Ok(Linked {
        module: engine.compile(&wasm)?,
        imports,
    })
}

/// What the engine gets for a module, and the import that follows those of the module, if any. Where
/// the engine cannot make guests look up, the module does so itself.
///
/// # Errors
/// `Engine` if the module cannot be rewritten.
pub(crate) fn rewritten<'a>(
    engine: &dyn DynEngine,
    name: &str,
    wasm: &'a [u8],
) -> Result<(Cow<'a, [u8]>, Option<Import>)> {
    let instrumented = match engine.capabilities().interrupt {
        true => None,
        false => budget::instrument(wasm)
            .map_err(|source| rewriting(name, "be given a budget", source))?,
    };
    Ok(match instrumented {
        None => (Cow::Borrowed(wasm), None),
        Some(wasm) => {
            let func = Arc::clone(budget::check());
            (Cow::Owned(wasm), Some(Import::Host { func, memory: None }))
        }
    })
}

#[cold]
fn rewriting(name: &str, what: &str, source: reencode::Error) -> Error {
    let message = format!("module `{name}` cannot {what}");
    Error::new(ErrorKind::Engine, message).with_source(source)
}
