//! The memory limit and the stack of an instance, and the address space that must be left to make one.
//!
//! This file does not know when core sets them. wasmi cannot be interrupted. Invariant: the limit
//! counts the pages of all memories of the instance and never counts too few.

use polyextism_core::backend::{Error, ErrorKind, PageLimit, Result, address_space};
use wasmi::ResourceLimiter;
use wasmi_core::LimiterError;

/// How many calls may be inside each other.
pub(crate) const RECURSION: usize = 10_000;
/// What the values of these calls may take together, in bytes.
pub(crate) const STACK: usize = 1024 * 1024;

/// What must be left of the stack when wasmi begins something, in bytes. Guests have a stack of their own, but
/// wasmi and host functions run on that of the calling thread, and may call further programs.
const NEEDED_STACK: usize = 128 * 1024;
/// What they get instead if there is less.
const GROWN_STACK: usize = 1024 * 1024;

/// What must be left of an address space that is limited, in bytes. Memories of wasmi take what they have and reserve
/// nothing, so without this the last one would leave nothing to anybody, and the process would end at the next small
/// allocation.
const NEEDED_SPACE: u64 = 32 << 20;

/// Whether there is address space for a further instance.
///
/// # Errors
/// `Engine` if there is not.
pub(crate) fn enough_space() -> Result<()> {
    match address_space::left() {
        Some(left) if left < NEEDED_SPACE => {
            let source =
                format!("{left} bytes of address space are left, an instance needs {NEEDED_SPACE}");
            let message = "the engine could not instantiate the program";
            Err(Error::new(ErrorKind::Engine, message).with_source(source))
        }
        _ => Ok(()),
    }
}

/// Whether a memory may grow by so many bytes.
fn has_space(growth: usize) -> bool {
    address_space::left().is_none_or(|left| left >= NEEDED_SPACE.saturating_add(growth as u64))
}

/// Does what wasmi does on the stack of the calling thread, which may have little left.
#[inline]
pub(crate) fn on_enough_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(NEEDED_STACK, GROWN_STACK, work)
}

/// [`PageLimit`] as the engine asks it.
#[derive(Default)]
pub(crate) struct MemoryLimit(pub(crate) PageLimit);

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> std::result::Result<bool, LimiterError> {
        Ok(self.0.grant(current, desired, maximum) && has_space(desired.saturating_sub(current)))
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> std::result::Result<bool, LimiterError> {
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
