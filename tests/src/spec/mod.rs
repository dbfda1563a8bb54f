//! The WebAssembly specification's test suite, through the engine traits.
//!
//! `files` lists the scripts, `stage` has what is alive while one runs, `script` runs its
//! directives, `values` compares what they give. `known` reads and writes what is known of each
//! engine, `table` makes the tables of it. Nothing here knows an engine.
//!
//! Modules are read by core as those of plug-ins are, so `assert_invalid` and `assert_malformed` test
//! core's validation, `assert_unlinkable` core's linker, and an engine gets what it gets elsewhere:
//! no start sections, and a budget where it has no interruption. Everything that runs goes through
//! the engine traits, one live program for each script.

pub mod files;
pub mod known;
mod script;
mod stage;
pub mod table;
mod values;

pub use self::script::{directives, run};

/// How a directive ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As the suite wants it.
    Passed,
    /// The engine does not have these proposals, and the module was refused by their names.
    Refused(String),
    /// In another way.
    Failed(String),
}
