//! The basic types of the crate: errors, ids, types of functions, capabilities of engines.
//!
//! It imports nothing of this crate. Invariant: nothing here knows of plug-ins, processes or time.

pub(crate) mod capabilities;
pub(crate) mod error;
pub(crate) mod frames;
pub(crate) mod ids;
pub(crate) mod link_mistake;
pub(crate) mod numbers;
pub(crate) mod panic;
pub(crate) mod proposals;
pub(crate) mod setters;
pub(crate) mod span;
pub(crate) mod taken;
pub(crate) mod types;
