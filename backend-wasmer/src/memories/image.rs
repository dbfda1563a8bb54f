//! The initial content of memories, as an in-memory file that they map privately.
//!
//! It does not know the memories. Invariant: nothing writes to the file after it is made.

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

/// The unit of mappings, a multiple of the page size of every supported system.
const UNIT: usize = 64 << 10;

/// The range of the data of a memory.
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

    /// The range in whole units; empty if there is no data.
    pub(super) fn units(&self) -> Range<usize> {
        let start = self.start.load(Ordering::Relaxed) / UNIT * UNIT;
        let end = self.end.load(Ordering::Relaxed).next_multiple_of(UNIT);
        start.min(end)..end
    }
}

/// The initial content of a memory: bytes, and zeros before and after them.
#[derive(Debug)]
pub(super) struct Image {
    /// The bytes; `None` if there are only zeros.
    file: Option<OwnedFd>,
    /// Their start, a multiple of [`UNIT`].
    start: usize,
    /// Their number, a multiple of [`UNIT`].
    length: usize,
}

impl Image {
    /// Makes the image of the first bytes of a memory, whose bytes before `start` are zeros. Both numbers are
    /// multiples of [`UNIT`]. `None` if the system cannot make it.
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
        // From here on the system enforces the invariant.
        let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
        rustix::fs::fcntl_add_seals(&file, seals).ok()?;
        let file = Some(file);
        Some(Self {
            file,
            start,
            length,
        })
    }

    /// Maps it at `base` and returns whether that succeeded. If not, the content is unknown.
    ///
    /// # Safety
    /// From `base`, at least as many bytes are mapped for one memory as the first one of its kind had, and nothing
    /// uses them meanwhile.
    pub(super) unsafe fn map(&self, base: *mut u8) -> bool {
        let Some(file) = &self.file else { return true };
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        // SAFETY: The image ends within the memory that it was taken from, so also within this one.
        let place = unsafe { base.add(self.start) };
        // SAFETY: The caller promises that these bytes belong to one memory, so nothing else is replaced. The file
        // has this length, and nothing else can write to it.
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
        // SAFETY: Nothing else refers to these bytes, of which there are more than the image has.
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
