//! The contents of a plug-in: imports, exports, memories, features.
//! [`Compiled::contents`](crate::Compiled::contents) returns those of a linked plug-in; [`inspect`] reads a
//! manifest that need not link.

pub use crate::build::contents::{
    Contents, Details, Export, Import, MemoryDecl, ModuleContents, Provider, inspect,
};
