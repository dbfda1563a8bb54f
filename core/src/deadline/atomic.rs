//! The atomic words of alarms. `tests/loom` compiles `alarm.rs` and `clock/list.rs` with words of another
//! kind, which try every interleaving; that is why they are named here and not where they are used.

pub(crate) use std::sync::atomic::AtomicU64;
