//! State that each process has once, and safety of forks.
//!
//! It may import `base`. It knows neither engines nor plug-ins. Invariant: a forked child never waits for a thread of
//! its parent, nor touches a lock of one.

pub mod address_space;
pub(crate) mod exhausted;
pub mod forks;
mod forks_native;
mod per_process;
pub mod queue;
pub(crate) mod threads;

pub use self::{
    forks_native::heed_forks,
    per_process::{PerProcess, Process},
};
