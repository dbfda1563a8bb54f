//! From a manifest to a program that an engine can instantiate any number of times.
//!
//! [`compiled`] goes through the stages: `source` reads, [`link`] resolves imports, [`program`] transforms and
//! compiles, or takes existing code (`shared`). It may import everything but `live` and `comparison`. Invariant:
//! every error of the input is found here, before the first instance.

pub mod alone;
pub(crate) mod backtrace;
pub(crate) mod compiled;
pub(crate) mod contents;
pub(crate) mod files;
pub(crate) mod link;
pub(crate) mod near;
pub(crate) mod options;
pub(crate) mod postmortem;
pub(crate) mod program;
pub(crate) mod shared;
pub(crate) mod source;
pub(crate) mod stopwatch;
