//! Whether a call has to end, and why: its deadline, a cancellation, or no fuel left.
//!
//! It may import `base` and `process`. It knows of an engine only that it can make guests check
//! ([`alarm::RequestCheck`]). Invariants: the call path takes no lock; stopping a call never stops the next one.

pub(crate) mod alarm;
mod atomic;
pub(crate) mod clock;
pub(crate) mod compiling;
pub(crate) mod duration_text;
pub(crate) mod flag;
pub(crate) mod fuel;
pub mod nesting;
