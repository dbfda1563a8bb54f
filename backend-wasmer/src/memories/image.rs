//! What memories of a program begin with, as a file in memory that they map privately.
//!
//! It does not know whose memories these are. Invariant: nobody writes to the file once it is made.

#![allow(unsafe_code, reason = "see SAFETY")]

use rustix::{
    fd::OwnedFd,
    fs::MemfdFlags,
    mm::{MapFlags, ProtFlags},
};

/// The unit of mappings; a multiple of the pages of every system that this runs on.
pub(super) const UNIT: usize = 64 << 10;

/// What a memory begins with: bytes, and zeros after them.
#[derive(Debug)]
pub(super) struct Image {
    /// The bytes; `None` if there are only zeros.
    file: Option<OwnedFd>,
    /// How many there are, a multiple of [`UNIT`].
    length: usize,
}

impl Image {
    /// The image of bytes, a multiple of [`UNIT`]. `None` if the system does not give it.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let length = bytes.len();
        if length == 0 {
            return Some(Self { file: None, length });
        }
        let file = rustix::fs::memfd_create("memory image", MemfdFlags::CLOEXEC).ok()?;
        let mut left = bytes;
        while !left.is_empty() {
            match rustix::io::write(&file, left) {
                Ok(0) | Err(_) => return None,
                Ok(written) => left = &left[written..],
            }
        }
        let file = Some(file);
        Some(Self { file, length })
    }

    /// Maps it at `base`. Whether that was possible; if not, nobody knows what is there.
    ///
    /// # Safety
    /// From `base` at least as many bytes as the image has are mapped for one memory, and nobody uses them
    /// meanwhile.
    pub(super) unsafe fn map(&self, base: *mut u8) -> bool {
        let Some(file) = &self.file else { return true };
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        // SAFETY: The caller says that these bytes are one memory's own, so nothing else is replaced. The file has
        // this length, and nobody writes to it: no one else knows it.
        let mapped =
            unsafe { rustix::mm::mmap(base.cast(), self.length, protection, flags, file, 0) };
        mapped.is_ok()
    }
}
