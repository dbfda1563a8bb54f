//! The atomic words of alarms. `tests/loom` compiles `alarm.rs` and `clock/list.rs` with loom's atomics instead,
//! which try every interleaving. That is why this file names them.

pub(crate) use std::sync::atomic::AtomicU64;
