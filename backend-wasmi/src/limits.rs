//! The memory limit and the stack of an instance, and the address space that must be left to make one.
//!
//! This file does not know when core sets them. Invariant: the limit counts the pages of all memories of the instance
//! and never counts too few.

use polyextism_core::backend::{Error, ErrorKind, PageLimit, Result, address_space};
use wasmi::{ResourceLimiter, errors::MemoryError};
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

/// By how many elements a table may grow at once: nearly 4 GiB.
const MOST_NEW_ELEMENTS: usize = (1 << 30) - 1;

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
pub(crate) struct MemoryLimit {
    pub(crate) pages: PageLimit,
    /// Before the last growth.
    before: PageLimit,
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> std::result::Result<bool, LimiterError> {
        self.before = self.pages;
        let granted = self.pages.grant(current, desired, maximum);
        Ok(granted && has_space(desired.saturating_sub(current)))
    }

    fn memory_grow_failed(&mut self, error: &MemoryError) -> std::result::Result<(), LimiterError> {
        // It will be asked for once more, after a check.
        if matches!(error, MemoryError::OutOfFuel { .. }) {
            self.pages = self.before;
        }
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> std::result::Result<bool, LimiterError> {
        // Beyond that it would cost fuel, and wasmi cannot go on with it if fuel is lacking.
        let is_free = desired.saturating_sub(current) <= MOST_NEW_ELEMENTS;
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

#[cfg(test)]
mod tests {
    use wasmi::{ResourceLimiter, errors::MemoryError};
    use wasmi_core::RawRef;

    use super::{MOST_NEW_ELEMENTS, MemoryLimit};

    #[test]
    fn tables_grow_as_long_as_that_costs_no_fuel() {
        let mut limit = MemoryLimit::default();
        let mut grows = |current, desired| {
            let granted = limit.table_growing(current, desired, None);
            granted.expect("it is granted or refused")
        };
        assert!(grows(10, 10 + MOST_NEW_ELEMENTS));
        assert!(!grows(10, 11 + MOST_NEW_ELEMENTS));
        // wasmi charges one unit for so many bytes.
        assert!(MOST_NEW_ELEMENTS * size_of::<RawRef>() < u32::MAX as usize);
    }

    #[test]
    fn a_growth_that_is_asked_for_again_counts_once() {
        let mut limit = MemoryLimit::default();
        limit.pages.enforce(10).expect("nothing is used");
        let page = 64 * 1024;
        for _ in 0..3 {
            assert!(matches!(limit.memory_growing(0, 8 * page, None), Ok(true)));
            let lacking = MemoryError::OutOfFuel { required_fuel: 1 };
            limit.memory_grow_failed(&lacking).expect("it is noted");
        }
        assert!(matches!(limit.memory_growing(0, 8 * page, None), Ok(true)));
        assert!(matches!(limit.memory_growing(0, 8 * page, None), Ok(false)));
    }
}
