//! The functions that guests may call: those of Extism, of WASI, of the host program, and the checks that core adds.
//!
//! It may import all that comes before it down to `engine`. The bodies know no engine and no module. Invariant: a guest
//! reaches the host through these functions and the kernel memory, and in no other way.

pub(crate) mod checks;
pub(crate) mod env;
pub(crate) mod function;
#[cfg(feature = "wasi")]
pub(crate) mod wasi;

/// The names of the functions that the host itself serves in `extism:host/env`.
pub fn builtins() -> impl Iterator<Item = &'static str> {
    env::names()
}
