//! Memories where address space is scarce. They take what they use, and move when they grow.
//!
//! Guest code checks every address there, so nothing is reserved behind a memory. To the system, memories that lie side
//! by side are one mapping, of which it allows only so many. It knows nothing of guests. Invariant: bytes that no guest
//! has written are 0.

#![allow(unsafe_code, reason = "see SAFETY")]

use std::io;

use memmap2::{MmapMut, MmapOptions};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

/// The maker of such memories.
pub(crate) struct Movable;

struct Memory {
    bytes: MmapMut,
    /// How many of them the guest has.
    size: usize,
}

fn map(size: usize) -> io::Result<MmapMut> {
    MmapOptions::new().len(size.max(1)).map_anon()
}

// SAFETY: A memory has as many bytes as were asked for, all of them 0. What code would rely on beside them is refused.
unsafe impl MemoryCreator for Movable {
    fn new_memory(
        &self,
        _ty: MemoryType,
        minimum: usize,
        _maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        if reserved.is_some_and(|reserved| reserved > 0) || guard > 0 {
            return Err("memories that move have no reservation and no guard".to_owned());
        }
        let bytes = map(minimum).map_err(|error| error.to_string())?;
        Ok(Box::new(Memory {
            bytes,
            size: minimum,
        }))
    }
}

// SAFETY: `bytes` owns at least `size` bytes, which can be read and written, at an address that only changes where
// `size` exceeds their number.
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.bytes.len()
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        if size > self.bytes.len() {
            // So that a memory that grows in small steps is not copied in each.
            let ample = size.max(self.size.saturating_add(self.size / 2));
            let mut grown = map(ample).or_else(|_| map(size))?;
            grown[..self.size].copy_from_slice(&self.bytes[..self.size]);
            self.bytes = grown;
        }
        self.size = size;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.bytes.as_ptr().cast_mut()
    }
}
