//! The memory limit and the interruption of an instance.
//!
//! This file does not know when core sets them. Invariants: the limit counts the pages of all
//! memories of the instance and never counts too few; all instances of an engine share its epoch, and
//! each asks its own host whether to go on.

use polyextism_core::backend::PageLimit;
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use crate::{engines::Collects, heap, instance::State};

/// The stack that guests may use, in bytes. They run on the stack of the calling thread.
pub(crate) const STACK: usize = 512 * 1024;
/// What must be left of it when a guest is entered: host functions come on top of the guest.
pub(crate) const NEEDED_STACK: usize = STACK + 512 * 1024;
/// What a guest gets instead if there is less.
pub(crate) const GROWN_STACK: usize = STACK + 2048 * 1024;

/// Where address space is scarce: what a memory can grow by before it has to move, in bytes.
pub(crate) const ROOM_TO_GROW: u64 = 8 << 20;
/// Where address space is scarce: the space around a memory that traps, in bytes.
pub(crate) const SMALL_GUARD: u64 = 64 << 10;

/// [`PageLimit`] as the engine asks it.
#[derive(Default)]
pub(crate) struct MemoryLimit {
    pub(crate) pages: PageLimit,
    /// Only where there is a heap are memories told from it.
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

/// Makes an instance check with its host whenever the epoch of the engine has moved.
///
/// wasmtime computes the next deadline after the callback has run, so a request that falls into the
/// callback is lost on this instance; who needs it repeats it.
pub(crate) fn check_interrupt(store: &mut Store<State>) {
    store.epoch_deadline_callback(|mut store| match store.data_mut().host.check_interrupt() {
        Ok(()) => Ok(UpdateDeadline::Continue(1)),
        Err(failed) => Err(failed.into()),
    });
    store.set_epoch_deadline(1);
}
