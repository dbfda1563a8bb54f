//! Live plug-ins, and pools of them.
//!
//! It may import everything but `comparison`. It knows engines only as trait objects. Invariant: nothing allocates on the
//! path of a call that succeeds.

pub(crate) mod plugin;
pub(crate) mod pool;
