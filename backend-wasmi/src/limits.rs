//! The memory limit and the stack of an instance, and the address space that must be left to make one.
//!
//! This file does not know when core sets them. Invariant: the limit counts the pages of all memories of the instance
//! and never counts too few.

use polyextism_core::backend::{Error, ErrorKind, PageLimit, Result, address_space};
use wasmi::ResourceLimiter;
use wasmi_core::LimiterError;

/// The most nested calls.
pub(crate) const RECURSION: usize = 10_000;
/// The most bytes of the values of these calls together.
pub(crate) const STACK: usize = 1024 * 1024;

/// The stack that must be left when wasmi is entered, in bytes. Guests have a stack of their own, but wasmi and
/// host functions run on the stack of the calling thread, and may call further programs.
const NEEDED_STACK: usize = 128 * 1024;
/// The size of the new stack if less is left.
const GROWN_STACK: usize = 1024 * 1024;

/// The most elements of a table, 2 GiB of them.
const MOST_ELEMENTS: usize = 1 << 28;

/// The address space that must be left if it is limited, in bytes. Memories of wasmi reserve nothing beyond their
/// size. Without this margin the last one could use up all address space, and the process would end at the next
/// small allocation.
const NEEDED_SPACE: u64 = 32 << 20;

/// Checks whether there is address space for another instance.
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

/// Whether a memory may grow by this many bytes.
fn has_space(growth: usize) -> bool {
    address_space::left().is_none_or(|left| left >= NEEDED_SPACE.saturating_add(growth as u64))
}

/// Runs a step of wasmi on the stack of the calling thread, or on a new one if little is left.
#[inline]
pub(crate) fn on_enough_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(NEEDED_STACK, GROWN_STACK, work)
}

/// [`PageLimit`] behind the trait of the engine.
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
        // Beyond that a growth would cost fuel, and wasmi cannot go on with it if fuel is lacking.
        let is_free = desired <= MOST_ELEMENTS;
        Ok(is_free && maximum.is_none_or(|maximum| desired <= maximum))
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
