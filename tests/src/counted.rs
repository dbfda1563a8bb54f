//! An interpreter that counts: what fuel has to be, found by other means.
//!
//! It runs a module as it was written, one instruction at a time, and adds up what each costs by the rule
//! that users are told. It knows neither engines nor how core counts, shares no code with it, and takes
//! any time. Imported functions do nothing and return zeros. `generate.rs` makes modules for it whose
//! way is hard to follow; `wrapped.rs` makes others fit.
//!
//! What it does not run: vectors, exceptions, garbage collection, threads. [`Program::read`] says so.

mod generate;
mod machine;
mod memory;
mod numeric;
mod program;
mod wrapped;

pub use self::{
    generate::{TailCalls, generate},
    machine::{End, Machine},
    program::Program,
    wrapped::wrapped,
};
