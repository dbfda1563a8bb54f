//! The functions of guests that were running when a call failed: as engines report them, and by name.

use std::fmt;

use crate::base::ids::ModuleId;

/// The most frames of a backtrace; the innermost are kept.
pub const FRAMES: usize = 20;

/// The longest name of a function, in bytes. Longer names are cut.
pub const NAME_LIMIT: usize = 1024;

/// A function that was running, as an engine reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The module of the program.
    pub module: ModuleId,
    /// The index of the function in its module, imported functions included.
    pub function: u32,
}

/// A function of a guest that was running when a call failed.
///
/// As text it is `module!name`, or `module!function[index]` without a name.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The name of the module in the plug-in; a single one is `main`.
    pub module: Box<str>,
    /// The name of the function, if the module has a name for it in its name section.
    pub function: Option<Box<str>>,
    /// The index of the function in its module, imported functions included.
    pub index: u32,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(name) => write!(f, "{}!{name}", self.module),
            None => write!(f, "{}!function[{}]", self.module, self.index),
        }
    }
}
