//! The flag: a word of a memory that guests read and the host sets from any thread.
//!
//! This file does not know its meaning. Its unsafe code makes the address of the word. Invariant: only a memory
//! that never moves has one.

use std::ptr::NonNull;

use polyextism_core::backend::Word;
use wasmtime::{AsContext, Memory};

/// The word at `address`, if it is inside of `memory`. The memory must not move as long as its store lives.
pub(crate) fn word(memory: Memory, store: impl AsContext, address: u64) -> Option<Word> {
    let address = usize::try_from(address).ok()?;
    let end = address.checked_add(size_of::<u32>())?;
    if !address.is_multiple_of(align_of::<u32>()) || end > memory.data_size(&store) {
        return None;
    }
    #[allow(unsafe_code, reason = "see SAFETY")]
    // SAFETY: The word is aligned, because memories begin at a page, and inside of the memory. The caller promises
    // that the memory does not move and lives as long as its store; core drops the word before the instance. Core
    // accesses these bytes in no other way, and wasmtime does not access them.
    let word = unsafe { Word::new(NonNull::new(memory.data_ptr(&store).add(address))?) };
    Some(word)
}
