//! The host's half of the kernel memory: the same layout and the same decisions as `kernel.wat`,
//! in Rust, over a byte slice.
//!
//! It knows nothing of engines: if the memory is too small, it returns how many bytes are needed. Invariants: only
//! the kernel and the host write the root, so its fields are trusted to lie inside the memory; values from a block
//! header are checked before use.

use crate::base::span::Span;

/// The bytes of the root; no guest-supplied address below is ever served.
pub(super) const ROOT: u64 = 64;
/// The bytes of a block header, and the alignment of blocks.
const HEADER: u64 = 16;
/// The most bytes the memory can have: 65535 pages, so that addresses fit in 32 bits.
const MAX_BYTES: u64 = 0xffff_0000;
/// The bytes that `load_u64` reads.
const WORD: u64 = 8;
/// The bytes of the free lists: a head for each size class.
const HEADS_BYTES: u64 = 432;

const POSITION: usize = 0;
const DIRTY: usize = 4;
const HEADS: usize = 8;
const GENERATION: usize = 12;
const WORDS: usize = 16;
const ERROR: usize = 20;
const INPUT_OFFSET: usize = 24;
const INPUT_LENGTH: usize = 28;
const OUTPUT_OFFSET: usize = 32;
const OUTPUT_LENGTH: usize = 36;
const INPUT_WORDS: usize = 40;
const ERROR_LENGTH: usize = 44;
/// The flag that tells guests to call the host. Nothing here writes it.
pub(super) const FLAG: usize = 48;

/// Why a block could not be allocated.
pub(super) enum Full {
    /// The memory needs this many bytes.
    Needs(u64),
    /// No kernel memory can be that large.
    Never,
}

/// The kernel memory.
pub(super) struct Arena<'a>(pub(super) &'a mut [u8]);

impl Arena<'_> {
    /// Frees everything and makes `input` the input of a new call.
    #[inline]
    pub(super) fn begin(&mut self, input: &[u8]) -> Result<(), Full> {
        let length = input.len() as u64;
        let (offset, end) = match length {
            0 => (0, ROOT),
            _ => (ROOT + HEADER, ROOT + HEADER + aligned(length)),
        };
        if end > self.size() {
            return Err(if end > MAX_BYTES {
                Full::Never
            } else {
                Full::Needs(end)
            });
        }
        let generation = self.field(GENERATION).wrapping_add(1);
        // Writes the fields of the root in pairs, in order, because a later read of a part of a larger write would
        // stall.
        let root = [
            pair(end, self.field(DIRTY).max(end)),
            pair(0, generation),
            pair(self.words(), 0),
            pair(offset, length),
            pair(0, 0),
            pair(length.saturating_sub(WORD - 1), 0),
        ];
        for (fields, pair) in self.0[..ROOT as usize].chunks_exact_mut(8).zip(root) {
            fields.copy_from_slice(&pair.to_le_bytes());
        }
        if length > 0 {
            self.set_tag(offset, self.tag(offset));
            self.set((offset - 8) as usize, length);
            self.set((offset - 4) as usize, end - offset);
            self.0[offset as usize..][..input.len()].copy_from_slice(input);
        }
        Ok(())
    }

    /// The end of the part that was used since the last reset.
    pub(super) fn used(&self) -> u64 {
        self.field(DIRTY).max(self.field(POSITION)).max(ROOT)
    }

    /// As the kernel's `reset`: frees everything and clears the memory.
    pub(super) fn reset(&mut self) {
        let generation = (self.field(GENERATION) as u32).wrapping_add(1);
        self.0[..FLAG].fill(0);
        self.0[ROOT as usize..].fill(0);
        self.set(POSITION, ROOT);
        self.set(DIRTY, ROOT);
        self.set(GENERATION, generation.into());
        self.set(WORDS, self.words());
    }

    /// As the kernel's `alloc`. `length` is not 0.
    pub(super) fn alloc(&mut self, length: u64) -> Result<u64, Full> {
        if length > MAX_BYTES {
            return Err(Full::Never);
        }
        // The memory may have grown for this block.
        self.set(WORDS, self.words());
        let capacity = length.next_multiple_of(step(length));
        let offset = self.place(capacity)?;
        let end = offset + capacity;
        let dirty = self.field(DIRTY);
        if dirty > offset {
            self.0[offset as usize..end.min(dirty) as usize].fill(0);
        }
        self.set(DIRTY, dirty.max(end));
        self.set_tag(offset, self.tag(offset));
        self.set((offset - 8) as usize, length);
        Ok(offset)
    }

    /// As the kernel's `free`. If there is no room for the lists, the block is not reused.
    pub(super) fn free(&mut self, offset: u64) {
        if !self.tagged(offset, self.tag(offset)) {
            return;
        }
        if offset == self.field(INPUT_OFFSET) {
            self.set(INPUT_LENGTH, 0);
            self.set(INPUT_WORDS, 0);
        }
        self.set_tag(offset, !self.tag(offset));
        let capacity = self.field((offset - 4) as usize);
        if offset + capacity > self.field(POSITION) || capacity < HEADER {
            return;
        }
        if self.field(HEADS) == 0 {
            let Ok(heads) = self.alloc(HEADS_BYTES) else {
                return;
            };
            self.set_tag(heads, 0);
            self.set(HEADS, heads);
        }
        let slot = self.slot(capacity);
        self.set((offset - 8) as usize, self.field(slot));
        self.set(slot, offset);
    }

    /// As the kernel's `length`.
    pub(super) fn length(&self, offset: u64) -> u64 {
        match self.tagged(offset, self.tag(offset)) {
            true => self.field((offset - 8) as usize),
            false => 0,
        }
    }

    /// The address of the error text, 0 if none is set.
    #[inline]
    pub(super) fn error(&self) -> u64 {
        self.field(ERROR)
    }

    /// The bytes of the error text, also if its block was freed. None if they lie outside of the memory.
    pub(super) fn error_text(&self) -> Span {
        let text = Span::new(self.error(), self.field(ERROR_LENGTH), self.0.len());
        text.unwrap_or_default()
    }

    /// Makes the block at `offset` the error text; 0 clears it.
    pub(super) fn set_error(&mut self, offset: u64) {
        self.set(ERROR, offset);
        self.set(ERROR_LENGTH, self.length(offset));
    }

    /// The position of the output. `output_set` keeps it inside the memory, so `None` never happens. The check is
    /// cheap.
    #[inline]
    pub(super) fn output(&self) -> Option<Span> {
        Span::new(
            self.field(OUTPUT_OFFSET),
            self.field(OUTPUT_LENGTH),
            self.0.len(),
        )
    }

    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    /// The number of addresses after the root at which eight bytes can be read.
    fn words(&self) -> u64 {
        self.size() - ROOT - (WORD - 1)
    }

    /// As the kernel's `place`. Freed blocks are reused only when the memory would have to grow.
    fn place(&mut self, capacity: u64) -> Result<u64, Full> {
        let offset = self.field(POSITION) + HEADER;
        let end = offset + capacity;
        if end > self.size() {
            if self.field(HEADS) != 0
                && let Some(freed) = self.pop(capacity)
            {
                return Ok(freed);
            }
            return Err(if end > MAX_BYTES {
                Full::Never
            } else {
                Full::Needs(end)
            });
        }
        self.set(POSITION, end);
        self.set((offset - 4) as usize, capacity);
        Ok(offset)
    }

    fn pop(&mut self, capacity: u64) -> Option<u64> {
        let slot = self.slot(capacity);
        let offset = self.field(slot);
        if offset == 0 {
            return None;
        }
        if self.tagged(offset, !self.tag(offset)) {
            let has = self.field((offset - 4) as usize);
            if has >= capacity && offset + has <= self.field(POSITION) {
                if self.kept(offset, offset + has) {
                    return None;
                }
                self.set(slot, self.field((offset - 8) as usize));
                return Some(offset);
            }
        }
        self.set(slot, 0);
        None
    }

    /// Whether the output or the error text, which are read when the call ends, overlap a range.
    fn kept(&self, start: u64, end: u64) -> bool {
        let fields = [(OUTPUT_OFFSET, OUTPUT_LENGTH), (ERROR, ERROR_LENGTH)];
        fields.into_iter().any(|(offset, length)| {
            let offset = self.field(offset);
            offset < end && start < offset + self.field(length)
        })
    }

    /// The address of the list head of the largest size class up to `capacity`.
    fn slot(&self, capacity: u64) -> usize {
        let class = match capacity {
            ..=64 => capacity / 16 - 1,
            _ => {
                let power = 57 - u64::from((capacity - 1).leading_zeros());
                power * 4 + capacity / step(capacity) - 1
            }
        };
        self.field(HEADS) as usize + class as usize * 4
    }

    fn tag(&self, offset: u64) -> u64 {
        (offset ^ self.field(GENERATION) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn tagged(&self, offset: u64, tag: u64) -> bool {
        offset.is_multiple_of(HEADER)
            && offset >= ROOT + HEADER
            && offset <= self.size()
            && self.0[(offset - HEADER) as usize..][..8] == tag.to_le_bytes()
    }

    fn set_tag(&mut self, offset: u64, tag: u64) {
        self.0[(offset - HEADER) as usize..][..8].copy_from_slice(&tag.to_le_bytes());
    }

    /// A field of the root or of a header.
    #[inline]
    fn field(&self, at: usize) -> u64 {
        let bytes = self.0[at..][..4].try_into();
        u32::from_le_bytes(bytes.expect("the slice has 4 bytes")).into()
    }

    /// Sets the field to an address, length or capacity of this memory, all of which fit.
    #[inline]
    fn set(&mut self, at: usize, value: u64) {
        self.0[at..][..4].copy_from_slice(&(value as u32).to_le_bytes());
    }
}

/// The distance between size classes around `length`: four for each power of two, 16 at least.
fn step(length: u64) -> u64 {
    match length {
        ..=64 => HEADER,
        _ => 1 << (61 - (length - 1).leading_zeros()),
    }
}

/// Two neighbouring fields.
fn pair(first: u64, second: u64) -> u64 {
    u64::from(first as u32) | second << 32
}

fn aligned(length: u64) -> u64 {
    length.next_multiple_of(HEADER)
}
