//! The parts of a live program that host code may access.
//!
//! Invariant: [`Guest::split`] is the only borrow of guest memory, and takes the host state with it. Both
//! it and [`Guest::host`] take `&mut self`, so no slice survives a `grow` or a re-entry into the guest.

use crate::{base::ids::MemoryId, host::Host, kernel};

/// The memories and the host state of a live program.
///
/// A backend implements it twice: for its instance (between calls) and for its call frame (inside
/// a host function).
pub trait Guest {
    /// A linear memory of the program and the host state, borrowed together.
    ///
    /// # Panics
    /// If the program has no such memory; core only uses ids that it put into the program.
    fn split(&mut self, memory: MemoryId) -> (&mut [u8], &mut Host);

    /// The host state alone. A backend overrides this if it has a faster way.
    fn host(&mut self) -> &mut Host {
        self.split(kernel::MEMORY).1
    }

    /// Grows the memory by `pages` of 64 KiB and returns its former size in pages; `None` if the limit or the
    /// declared maximum forbids it.
    fn grow(&mut self, memory: MemoryId, pages: u64) -> Option<u64>;
}
