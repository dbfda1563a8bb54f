//! Counts the pages of all memories of an instance and of its heap of objects. Engines ask before one of them
//! grows.
//!
//! Invariant: the count is never less than the pages of the memories.

use crate::base::error::{Error, ErrorKind, Result};

const PAGE: u64 = 64 * 1024;

/// The bytes of all memories of an instance and of its heap, with their limits.
///
/// While an instance is made, every memory is granted, so that the error can name their sum. No guest code runs
/// before [`PageLimit::enforce`], and untouched pages cost nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageLimit {
    /// In bytes.
    used: u64,
    /// In bytes.
    limit: Option<u64>,
    /// The used bytes.
    heap: u64,
    /// In bytes.
    heap_limit: Option<u64>,
}

impl PageLimit {
    /// Enforces a limit of `limit` pages from now on.
    ///
    /// # Errors
    /// `MemoryLimit` if the memories already have more.
    pub fn enforce(&mut self, limit: u64) -> Result<()> {
        pages_left(self.used.div_ceil(PAGE), limit)?;
        self.limit = Some(limit.saturating_mul(PAGE));
        Ok(())
    }

    /// Enforces a limit of `limit` pages for the heap from now on.
    ///
    /// # Errors
    /// `MemoryLimit` if it already has more.
    pub fn enforce_heap(&mut self, limit: u64) -> Result<()> {
        let used = self.heap.div_ceil(PAGE);
        if used > limit {
            let message = format!(
                "the objects of the program need {used} pages at the start, the limit `heap_pages` is {limit}"
            );
            return Err(Error::new(ErrorKind::MemoryLimit, message));
        }
        self.heap_limit = Some(limit.saturating_mul(PAGE));
        Ok(())
    }

    /// Whether the heap may grow from `current` to `desired` bytes.
    pub fn grant_heap(&mut self, current: usize, desired: usize) -> bool {
        let heap = grown(self.heap, current, desired);
        let granted =
            self.heap_limit.is_none_or(|limit| heap <= limit) && self.grant(current, desired, None);
        if granted {
            self.heap = heap;
        }
        granted
    }

    /// Whether a memory may grow from `current` to `desired` bytes, of at most `maximum`. Granted pages stay
    /// counted even if the system then refuses them: engines also report failures of growths that were never
    /// requested here, and those must not return pages.
    pub fn grant(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return false;
        }
        let used = grown(self.used, current, desired);
        let granted = self.limit.is_none_or(|limit| used <= limit);
        if granted {
            self.used = used;
        }
        granted
    }
}

/// `used` plus the growth of a memory. Memories with 64-bit addresses may ask for up to 2^64 bytes.
fn grown(used: u64, current: usize, desired: usize) -> u64 {
    used.saturating_add(desired.saturating_sub(current) as u64)
}

/// How many pages a limit leaves beyond the `used` pages at the start.
///
/// # Errors
/// `MemoryLimit` if the start already exceeds the limit.
pub fn pages_left(used: u64, limit: u64) -> Result<u64> {
    limit.checked_sub(used).ok_or_else(|| {
        let message = format!(
            "the memories of the program need {used} pages at the start, the limit is {limit}"
        );
        Error::new(ErrorKind::MemoryLimit, message)
    })
}

#[cfg(test)]
mod tests {
    use super::PageLimit;
    use crate::base::error::ErrorKind;

    const PAGE: usize = 64 * 1024;

    #[test]
    fn a_heap_has_its_own_limit_within_that_of_all() {
        let mut limit = PageLimit::default();
        assert!(limit.grant_heap(0, PAGE) && limit.grant(0, 6 * PAGE, None));
        limit.enforce(10).expect("they are seven");
        limit.enforce_heap(3).expect("it is one");
        assert!(limit.grant_heap(PAGE, 3 * PAGE));
        assert!(!limit.grant_heap(3 * PAGE, 4 * PAGE), "its own limit");
        assert!(
            limit.grant(6 * PAGE, 7 * PAGE, None),
            "what was refused is not counted"
        );
        assert!(!limit.grant(7 * PAGE, 8 * PAGE, None), "the limit of all");
    }

    #[test]
    fn what_is_asked_for_may_be_all_that_there_is() {
        let mut limit = PageLimit::default();
        assert!(limit.grant(0, 2 * PAGE, None) && limit.grant_heap(0, PAGE));
        limit.enforce(4).expect("they are three");
        assert!(!limit.grant(PAGE, usize::MAX, None));
        assert!(!limit.grant_heap(PAGE, usize::MAX));
        assert!(limit.grant(2 * PAGE, 3 * PAGE, None), "one is left");
        assert!(!limit.grant(3 * PAGE, 4 * PAGE, None), "none is left");
    }

    #[test]
    fn a_heap_that_is_too_large_from_the_start() {
        let mut limit = PageLimit::default();
        assert!(limit.grant_heap(0, 5 * PAGE));
        let error = limit.enforce_heap(4).expect_err("it has five");
        assert_eq!(error.kind(), ErrorKind::MemoryLimit);
        assert!(error.to_string().contains("need 5 pages"), "{error}");
    }
}
