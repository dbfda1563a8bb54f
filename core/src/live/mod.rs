//! Live plug-ins, and pools of them.
//!
//! It may import everything but `comparison`. It knows engines only as trait objects. Invariant: the path of a
//! successful call does not allocate.

pub(crate) mod plugin;
pub(crate) mod pool;
