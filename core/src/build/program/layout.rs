//! The positions of the kernel and of the modules of a plan in the program.
//!
//! The kernel becomes part of the main module if possible. It stays a module of its own, the first, if another
//! module imports functions of it: that module may have to be instantiated before the main module.

use std::sync::Arc;

use crate::{
    base::ids::ModuleId,
    build::{
        link::{KERNEL, Plan, PlanId},
        options::KernelForm,
    },
    engine::program::Import,
    module::{UnitId, Units},
};

/// The most memories that engines allow in one module.
const MEMORIES: usize = 100;

/// The positions of the modules of a plan in the program.
pub(crate) struct Layout {
    order: Vec<UnitId>,
    kernel: KernelPosition,
}

/// The position of the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KernelPosition {
    /// Before all other modules.
    Apart,
    /// In the module at this position of the order.
    Within(usize),
}

impl Layout {
    /// Decides the position of the kernel. `main` is the position of the main module in `units`.
    pub(crate) fn new(units: &Units<'_>, plan: &Plan, main: UnitId, form: KernelForm) -> Self {
        let mut users = plan.order.iter().zip(&plan.imports);
        let alone = users.all(|(&unit, imports)| unit == main || !imports.iter().any(is_kernel));
        let place = match form {
            KernelForm::Fused if alone && units[main].module.memories < MEMORIES => {
                let home = plan.order.iter().position(|&unit| unit == main);
                KernelPosition::Within(home.expect("every unit is in the order"))
            }
            KernelForm::Fused | KernelForm::Apart => KernelPosition::Apart,
        };
        Self {
            order: plan.order.clone(),
            kernel: place,
        }
    }

    /// The module that a unit becomes.
    pub(crate) fn module(&self, unit: UnitId) -> ModuleId {
        let position = self.order.iter().position(|&other| other == unit);
        self.at(position.expect("every unit is in the order"))
    }

    /// The units of the modules of the program, in order; `None` is the kernel alone.
    pub(crate) fn units(&self) -> impl Iterator<Item = Option<UnitId>> {
        let kernel = (self.kernel == KernelPosition::Apart).then_some(None);
        kernel
            .into_iter()
            .chain(self.order.iter().copied().map(Some))
    }

    /// Whether the kernel is a module of its own.
    pub(super) fn has_kernel_apart(&self) -> bool {
        self.kernel == KernelPosition::Apart
    }

    /// Whether the module at this position of the order contains the kernel.
    pub(super) fn has_kernel(&self, position: usize) -> bool {
        self.kernel == KernelPosition::Within(position)
    }

    fn at(&self, position: usize) -> ModuleId {
        ModuleId(match self.kernel {
            KernelPosition::Apart => position as u32 + 1,
            KernelPosition::Within(_) => position as u32,
        })
    }

    /// The module of the program for a module of the plan, where the kernel is the first.
    pub(super) fn planned(&self, module: PlanId) -> ModuleId {
        match (self.kernel, module.position()) {
            (_, Some(position)) => self.at(position),
            (KernelPosition::Apart, None) => ModuleId(0),
            (KernelPosition::Within(home), None) => self.at(home),
        }
    }

    /// The import in the program; `None` if it is no longer an import.
    pub(super) fn import(&self, import: &Import<PlanId>) -> Option<Import> {
        match import {
            import if self.kernel != KernelPosition::Apart && is_kernel(import) => None,
            Import::Export { module, name } => Some(Import::Export {
                module: self.planned(*module),
                name: Arc::clone(name),
            }),
            Import::Host { func, memory } => Some(Import::Host {
                func: Arc::clone(func),
                memory: *memory,
            }),
        }
    }
}

/// Whether an import of a plan is a function of the kernel.
pub(super) fn is_kernel(import: &Import<PlanId>) -> bool {
    matches!(import, Import::Export { module: KERNEL, .. })
}
