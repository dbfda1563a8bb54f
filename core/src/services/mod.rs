//! The functions that guests may call: the builtins of Extism, WASI, host functions of the program, and checks that
//! core adds.
//!
//! It may import the folders up to `engine` in the list of `lib.rs`. The bodies know no engine and no module.
//! Invariant: a guest reaches the host through these functions and the kernel memory, and in no other way.

pub(crate) mod checks;
pub(crate) mod env;
pub(crate) mod function;
#[cfg(feature = "wasi")]
pub(crate) mod wasi;

/// The names of the builtins that the host implements in `extism:host/env`.
pub fn builtins() -> impl Iterator<Item = &'static str> {
    env::names()
}
