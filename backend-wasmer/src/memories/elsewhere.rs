//! For systems without in-memory files: each memory is wasmer's own, and nothing is reused.

use std::sync::Arc;

use polyextism_core::backend::Room;
use wasmer::Pages;

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
pub(crate) fn supplied(mut base: Supplied, room: Room) -> Supplied {
    if room == Room::Scarce {
        // No memory is reserved for what it may grow to; it moves instead.
        base.static_memory_bound = Pages(0);
    }
    base
}
