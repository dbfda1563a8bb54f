//! Counts what all memories of an instance have, and the heap of what an engine collects, for engines that ask before
//! one grows.
//!
//! Invariant: what is counted is never less than what the memories have.

use crate::base::error::{Error, ErrorKind, Result};

const PAGE: u64 = 64 * 1024;

/// The bytes of all memories of an instance and of its heap, and how many they may be.
///
/// While the instance is made every memory is granted, so that the error can name their sum; no
/// guest code runs before [`PageLimit::enforce`], and pages that nothing has touched cost nothing.
#[derive(Debug, Default)]
pub struct PageLimit {
    /// In bytes.
    used: u64,
    /// In bytes.
    limit: Option<u64>,
}

impl PageLimit {
    /// Starts to refuse what goes beyond `limit` pages.
    ///
    /// # Errors
    /// `MemoryLimit` if the memories have more already.
    pub fn enforce(&mut self, limit: u64) -> Result<()> {
        pages_left(self.used.div_ceil(PAGE), limit)?;
        self.limit = Some(limit.saturating_mul(PAGE));
        Ok(())
    }

    /// Whether a memory may grow from `current` to `desired` bytes, of at most `maximum`. What is granted stays
    /// counted should the system then refuse it: engines also report failures that were never asked for here,
    /// and those must not give pages back.
    pub fn grant(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return false;
        }
        let used = self.used + desired.saturating_sub(current) as u64;
        let granted = self.limit.is_none_or(|limit| used <= limit);
        if granted {
            self.used = used;
        }
        granted
    }
}

/// How many pages a limit leaves to memories that have `used` when no guest code has run.
///
/// # Errors
/// `MemoryLimit` if that is too many already.
pub fn pages_left(used: u64, limit: u64) -> Result<u64> {
    limit.checked_sub(used).ok_or_else(|| {
        let message = format!(
            "the memories of the program need {used} pages at the start, the limit is {limit}"
        );
        Error::new(ErrorKind::MemoryLimit, message)
    })
}
