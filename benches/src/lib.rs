//! What the benchmarks share: the guests, and the calls that are measured.
//!
//! It names no engine: benchmarks run on all that are built in.

pub mod cases;
pub mod guests;
pub mod kernels;
pub mod programs;
