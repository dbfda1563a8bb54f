//! What a plug-in consists of: imports, exports, memories, features. [`Compiled::contents`](crate::Compiled::contents)
//! has it of a plug-in that is linked; [`inspect`] reads a manifest that need not link.

pub use crate::build::contents::{
    Contents, Details, Export, Import, MemoryDecl, ModuleContents, Provider, inspect,
};
