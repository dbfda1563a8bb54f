//! Linked modules, the input of engines.

use std::sync::Arc;

use crate::{
    base::{
        error::{Error, ErrorKind},
        ids::{MemoryId, ModuleId},
    },
    kernel::host_function::HostFunc,
};

/// One resolved and type-checked import.
#[derive(Clone, Debug)]
pub enum Import<M = ModuleId> {
    /// A host function, bound to the memory of the module that imports it.
    Host {
        /// The function.
        func: Arc<HostFunc>,
        /// The memory of the importing module, if it exports one.
        memory: Option<MemoryId>,
    },
    /// An export, of any kind, of a module that is instantiated earlier.
    Export {
        /// The exporting module.
        module: M,
        /// The name of the export.
        name: Arc<str>,
    },
}

/// A module with its imports resolved, in the order in which the module declares them.
#[derive(Clone, Debug)]
pub struct Linked<M> {
    /// The compiled module.
    pub module: M,
    /// One entry for each import of the module.
    pub imports: Vec<Import>,
}

/// Where to find a memory that the host may access.
#[derive(Clone, Debug)]
pub struct MemoryExport<M = ModuleId> {
    /// The module that exports it.
    pub module: M,
    /// The name of the export.
    pub name: Arc<str>,
}

/// The modules of a plug-in, in instantiation order, and the memories that the host may access.
///
/// No module has a start section, every import is resolved and type-checked, every import refers to an earlier
/// module, every engine supports the signatures of the host functions, and there is at least one memory.
#[derive(Clone, Debug)]
pub struct Program<M> {
    /// The modules.
    pub modules: Vec<Linked<M>>,
    /// The memories; a [`MemoryId`] is a position in this list.
    pub memories: Vec<MemoryExport>,
}

/// The error for an export that a program refers to and no module has. Core links modules, so only a mistake of an
/// engine or of core makes it.
#[cold]
pub fn unresolved(export: &str) -> Error {
    let message = format!("the program refers to an export `{export}` that is not there");
    Error::new(ErrorKind::Engine, message)
}
