//! For systems without in-memory files: each memory is wasmer's own, and nothing is reused.

use std::sync::Arc;

/// The memories of a program.
#[derive(Debug, Default)]
pub(crate) struct Stock;

impl Stock {
    /// Makes an instance with `make`.
    pub(crate) fn supply<T, E>(
        self: &Arc<Self>,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        make()
    }
}

/// Sets the module of the program that is instantiated now.
pub(crate) fn module(_: usize) {}

/// The maker of the memories of an engine.
pub(crate) use wasmer::sys::BaseTunables as Supplied;

/// The tunables of an engine.
pub(crate) fn supplied(base: Supplied) -> Supplied {
    base
}
