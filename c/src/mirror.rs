//! A copy of the kernel memory at a fixed address, for engines that move the memory when it grows.
//!
//! In a host function, clients read the address of the memory once and keep using it while they allocate. If the
//! engine moves the memory, they get the address of a mirror: the used part is copied there, and copied back before
//! anybody else accesses the memory. `current` decides when.
//!
//! Invariants: a mirror never moves; it takes memory only for what was copied; the addresses behind it are reserved
//! while it is in use.

use memmap2::{MmapMut, MmapOptions};

/// The most bytes that a kernel memory can have.
const LARGEST: usize = 1 << 32;
/// The least bytes of a mirror.
const LEAST: usize = 1 << 20;
/// A mirror that has touched more bytes is not reused.
const KEPT: usize = 1 << 20;

pub(crate) struct Mirror {
    memory: MmapMut,
    /// How many bytes were ever written.
    touched: usize,
}

impl Mirror {
    /// A mirror of the used part of a memory. `None` if there is no address space for it.
    pub(crate) fn new(used: usize) -> Option<Self> {
        let mut size = LARGEST;
        // If address space is short, take what is left, with room to grow.
        while size >= LEAST && size / 2 >= used {
            let reserved = MmapOptions::new().len(size).no_reserve_swap().map_anon();
            if let Ok(memory) = reserved {
                let touched = 0;
                return Some(Self { memory, touched });
            }
            size /= 2;
        }
        None
    }

    pub(crate) fn address(&mut self) -> *mut u8 {
        self.memory.as_mut_ptr()
    }

    /// The largest size of the memory.
    pub(crate) fn size(&self) -> usize {
        self.memory.len()
    }

    /// Copies the used part of the memory to the mirror.
    pub(crate) fn pull(&mut self, memory: &[u8], used: usize) {
        let used = used.min(self.memory.len());
        self.memory[..used].copy_from_slice(&memory[..used]);
        self.touched = self.touched.max(used);
    }

    /// Copies the mirror back.
    pub(crate) fn push(&self, memory: &mut [u8], used: usize) {
        let used = used.min(self.memory.len());
        memory[..used].copy_from_slice(&self.memory[..used]);
    }

    /// Whether it is small enough for reuse.
    pub(crate) fn is_small(&self) -> bool {
        self.touched <= KEPT
    }
}

#[cfg(test)]
mod tests {
    use super::Mirror;

    #[test]
    fn what_is_written_to_it_comes_back() {
        let mut mirror = Mirror::new(100).expect("there are addresses");
        let mut memory = vec![7; 300];
        mirror.pull(&memory, 200);
        mirror.memory[3] = 9;
        mirror.memory[250] = 9;
        mirror.push(&mut memory, 200);
        assert_eq!((memory[2], memory[3], memory[250]), (7, 9, 7));
    }
}
