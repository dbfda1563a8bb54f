//! The memory limit and the stack of an instance.
//!
//! This file does not know when core sets them. wasmi cannot be interrupted. Invariant: the limit
//! counts the pages of all memories of the instance and never counts too few.

use polyextism_core::{Error, ErrorKind, Result};
use wasmi::ResourceLimiter;
use wasmi_core::LimiterError;

const PAGE: u64 = 64 * 1024;

/// How many calls may be inside each other.
pub(crate) const RECURSION: usize = 10_000;
/// What the values of these calls may take together, in bytes.
pub(crate) const STACK: usize = 1024 * 1024;

/// What must be left of the stack when wasmi begins something, in bytes. Guests have a stack of their own, but
/// wasmi and host functions run on that of the calling thread, and may call further programs.
const NEEDED_STACK: usize = 128 * 1024;
/// What they get instead if there is less.
const GROWN_STACK: usize = 1024 * 1024;

/// Does what wasmi does on the stack of the calling thread, which may have little left.
#[inline]
pub(crate) fn on_enough_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(NEEDED_STACK, GROWN_STACK, work)
}

/// Counts the bytes of all memories of an instance.
///
/// While the instance is made every memory is granted, so that the error can name their sum; no
/// guest code runs before [`MemoryLimit::enforce`].
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
    ) -> Result<bool, LimiterError> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let used = self.used + desired.saturating_sub(current) as u64;
        let granted = self.limit.is_none_or(|limit| used <= limit);
        if granted {
            // Stays counted should the system then refuse the memory.
            self.used = used;
        }
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn instances(&self) -> usize {
        usize::MAX
    }

    fn tables(&self) -> usize {
        usize::MAX
    }

    fn memories(&self) -> usize {
        usize::MAX
    }
}
