//! Whether a call has to end, and why: by time, by a cancellation, by want of fuel.
//!
//! It may import `base` and `process`. It knows an engine only as something that can be asked to have its guests
//! check. Invariants: the call path takes no lock; what stops one call never stops the next one.

pub(crate) mod alarm;
mod atomic;
pub(crate) mod clock;
pub(crate) mod compiling;
pub(crate) mod flag;
pub(crate) mod fuel;
pub mod nesting;
