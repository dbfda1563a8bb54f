//! The memory limit and the interruption of an instance.
//!
//! This file does not know when core sets them. Invariants: the limit counts the pages of all memories of the
//! instance and never counts too few; all instances of an engine share its epoch, and each checks its own host.

use polyextism_core::backend::PageLimit;
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use crate::{engines::Collects, heap, instance::State};

/// The stack that guests may use, in bytes. They run on the stack of the calling thread.
pub(crate) const STACK: usize = 512 * 1024;
/// The stack that must be left beyond that when a guest is entered, for host functions.
const NEEDED_STACK: usize = STACK + 512 * 1024;
/// The size of the new stack if less is left.
const GROWN_STACK: usize = STACK + 2048 * 1024;

/// Enters a guest on the stack of the calling thread, or on a new one if little is left: wasmtime ends the process
/// if the stack is too small.
#[inline]
pub(crate) fn on_enough_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(NEEDED_STACK, GROWN_STACK, work)
}

/// [`PageLimit`] behind the trait of the engine.
#[derive(Default)]
pub(crate) struct MemoryLimit {
    pub(crate) pages: PageLimit,
    /// Only programs with a heap need the distinction.
    pub(crate) collects: Collects,
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let is_heap =
            self.collects == Collects::Objects && heap::is_heap(current, desired, maximum);
        Ok(match is_heap {
            true => self.pages.grant_heap(current, desired),
            false => self.pages.grant(current, desired, maximum),
        })
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }
}

/// Makes an instance check its host whenever the epoch of the engine has changed.
///
/// wasmtime computes the next deadline after the callback has run, so a request during the callback is lost for
/// this instance. Callers repeat requests.
pub(crate) fn check_interrupt(store: &mut Store<State>) {
    store.epoch_deadline_callback(|mut store| match store.data_mut().host.check_interrupt() {
        Ok(()) => Ok(UpdateDeadline::Continue(1)),
        Err(failed) => Err(failed.into()),
    });
    store.set_epoch_deadline(1);
}
