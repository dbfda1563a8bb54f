//! What the benchmarks share: the guests, and the calls that are measured.
//!
//! It names no engine: benchmarks run on all that are built in.

pub mod cases;
pub mod computing;
pub mod guests;
