//! What memories of a program begin with, as a file in memory that they map privately.
//!
//! It does not know whose memories these are. Invariant: nobody writes to the file once it is made.

#![allow(unsafe_code, reason = "see SAFETY")]

use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::{
    fd::OwnedFd,
    fs::{MemfdFlags, SealFlags},
    mm::{MapFlags, ProtFlags},
};

/// The unit of mappings; a multiple of the pages of every system that this runs on.
const UNIT: usize = 64 << 10;

/// Where the data of a memory lies.
#[derive(Debug)]
pub(super) struct Written {
    start: AtomicUsize,
    end: AtomicUsize,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            start: AtomicUsize::new(usize::MAX),
            end: AtomicUsize::new(0),
        }
    }
}

impl Written {
    /// Notes `length` bytes at `start`.
    pub(super) fn note(&self, start: usize, length: usize) {
        if length > 0 {
            self.start.fetch_min(start, Ordering::Relaxed);
            let end = start.saturating_add(length);
            self.end.fetch_max(end, Ordering::Relaxed);
        }
    }

    /// The whole units that all of it lies in; empty if there is none.
    pub(super) fn units(&self) -> Range<usize> {
        let start = self.start.load(Ordering::Relaxed) / UNIT * UNIT;
        let end = self.end.load(Ordering::Relaxed).next_multiple_of(UNIT);
        start.min(end)..end
    }
}

/// What a memory begins with: bytes, and zeros before and after them.
#[derive(Debug)]
pub(super) struct Image {
    /// The bytes; `None` if there are only zeros.
    file: Option<OwnedFd>,
    /// Where they begin, a multiple of [`UNIT`].
    start: usize,
    /// How many there are, a multiple of [`UNIT`].
    length: usize,
}

impl Image {
    /// The image of the first bytes of a memory, of which those before `start` are zeros; both numbers are
    /// multiples of [`UNIT`]. `None` if the system does not give it.
    pub(super) fn of(bytes: &[u8], start: usize) -> Option<Self> {
        let bytes = bytes.get(start..)?;
        let length = bytes.len();
        if length == 0 {
            return Some(Self {
                file: None,
                start,
                length,
            });
        }
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("memory image", flags).ok()?;
        let mut left = bytes;
        while !left.is_empty() {
            match rustix::io::write(&file, left) {
                Ok(0) | Err(_) => return None,
                Ok(written) => left = &left[written..],
            }
        }
        // From here on the system sees to the invariant.
        let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
        rustix::fs::fcntl_add_seals(&file, seals).ok()?;
        let file = Some(file);
        Some(Self {
            file,
            start,
            length,
        })
    }

    /// Maps it at `base`. Whether that was possible; if not, nobody knows what is there.
    ///
    /// # Safety
    /// From `base` at least as many bytes are mapped for one memory as the first one of its kind had, and nobody
    /// uses them meanwhile.
    pub(super) unsafe fn map(&self, base: *mut u8) -> bool {
        let Some(file) = &self.file else { return true };
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        // SAFETY: The image ends within the memory that it was taken of, so also within this one.
        let place = unsafe { base.add(self.start) };
        // SAFETY: The caller says that these bytes are one memory's own, so nothing else is replaced. The file has
        // this length, and nobody writes to it: no one else knows it.
        let mapped =
            unsafe { rustix::mm::mmap(place.cast(), self.length, protection, flags, file, 0) };
        mapped.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{ptr, slice};

    use rustix::mm::{Advice, MapFlags, ProtFlags};

    use super::{Image, UNIT};

    #[test]
    fn a_memory_begins_with_its_image_again_and_again() {
        let mut bytes = vec![0; 3 * UNIT];
        bytes[UNIT + 5] = 5;
        bytes[3 * UNIT - 1] = 7;
        let image = Image::of(&bytes, UNIT).expect("the system has files in memory");
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let size = 4 * UNIT;
        // SAFETY: The system chooses the place.
        let base = unsafe {
            rustix::mm::mmap_anonymous(ptr::null_mut(), size, protection, MapFlags::PRIVATE)
        };
        let base = base.expect("there is room");
        // SAFETY: Nobody else knows of these bytes, of which there are more than the image has.
        assert!(unsafe { image.map(base.cast()) });
        bytes.resize(size, 0);
        for _ in 0..2 {
            // SAFETY: They are mapped, and nothing else refers to them.
            let memory = unsafe { slice::from_raw_parts_mut(base.cast::<u8>(), size) };
            assert!(memory == bytes);
            memory.fill(9);
            // SAFETY: As above; the slice is not used any more.
            unsafe { rustix::mm::madvise(base, size, Advice::LinuxDontNeed) }.expect("it is ours");
        }
        // SAFETY: As above.
        unsafe { rustix::mm::munmap(base, size) }.expect("it is ours");
    }
}
