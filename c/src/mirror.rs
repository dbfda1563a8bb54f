//! The kernel memory at an address of its own, for engines that move it when it grows.
//!
//! Clients take its address in a host function and go on with that while they allocate. Where the engine moves the
//! memory, they get a mirror instead: what has been used is copied there, and back before anybody else looks. It does
//! not know when that is (see `current`).
//!
//! Invariants: a mirror stays in its place; it takes memory only for what was copied; what lies beyond it is not
//! allocated while it is in use.

use memmap2::{MmapMut, MmapOptions};

/// The addresses that a kernel memory can have.
const LARGEST: usize = 1 << 32;
/// The fewest that are worth a mirror.
const LEAST: usize = 1 << 20;
/// The most bytes that a mirror may have touched and be kept for the next host function.
const KEPT: usize = 1 << 20;

pub(crate) struct Mirror {
    memory: MmapMut,
    /// How much of it was ever written.
    touched: usize,
}

impl Mirror {
    /// A mirror of what has been used of a memory. `None` if there is no room for it.
    pub(crate) fn new(used: usize) -> Option<Self> {
        let mut size = LARGEST;
        // Where addresses are short, as many as there are, with room to grow.
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

    /// How large the memory may become.
    pub(crate) fn size(&self) -> usize {
        self.memory.len()
    }

    /// Takes over what has been used of the memory.
    pub(crate) fn pull(&mut self, memory: &[u8], used: usize) {
        let used = used.min(self.memory.len());
        self.memory[..used].copy_from_slice(&memory[..used]);
        self.touched = self.touched.max(used);
    }

    /// Gives it back.
    pub(crate) fn push(&self, memory: &mut [u8], used: usize) {
        let used = used.min(self.memory.len());
        memory[..used].copy_from_slice(&self.memory[..used]);
    }

    /// Whether it can be kept without keeping much.
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
