//! The memory limit and the interruption of an instance.
//!
//! This file does not know when core sets them. Invariants: the limit counts the pages of all
//! memories of the instance and never counts too few; all instances of an engine share its epoch, and
//! each asks its own host whether to go on.

use polyextism_core::{Error, ErrorKind, Result};
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use crate::instance::State;

const PAGE: u64 = 64 * 1024;

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

/// Counts the bytes of all memories of an instance, and of the heap of what is collected.
///
/// While the instance is made every memory is granted, so that the error can name their sum; no
/// guest code runs before [`MemoryLimit::enforce`], and pages that nothing has touched cost nothing.
#[derive(Default)]
pub(crate) struct MemoryLimit {
    /// In bytes.
    used: u64,
    /// In bytes.
    limit: Option<u64>,
}

impl MemoryLimit {
    /// Starts to refuse what goes beyond `limit`, in pages of 64 KiB.
    pub(crate) fn enforce(&mut self, limit: u64) -> Result<()> {
        let used = self.used.div_ceil(PAGE);
        if used > limit {
            let message = format!(
                "the memories of the program need {used} pages at the start, the limit is {limit}"
            );
            return Err(Error::new(ErrorKind::MemoryLimit, message));
        }
        self.limit = Some(limit.saturating_mul(PAGE));
        Ok(())
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let used = self.used + desired.saturating_sub(current) as u64;
        let granted = self.limit.is_none_or(|limit| used <= limit);
        if granted {
            // Stays counted should the system then refuse the memory: wasmtime also reports
            // failures that were never asked for here, and those must not give pages back.
            self.used = used;
        }
        Ok(granted)
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

/// Makes an instance attend to its host whenever the epoch of the engine has moved.
///
/// wasmtime computes the next deadline after the callback has run, so a nudge that falls into the
/// callback is lost on this instance; who needs it repeats it.
pub(crate) fn attend(store: &mut Store<State>) {
    store.epoch_deadline_callback(|mut store| match store.data_mut().host.attend() {
        Ok(()) => Ok(UpdateDeadline::Continue(1)),
        Err(failed) => Err(failed.into()),
    });
    store.set_epoch_deadline(1);
}
