//! The flag: a word of a memory that guests read and the host sets from any thread.
//!
//! This file does not know its meaning. Its unsafe code makes the address of the word. Invariant: only a memory
//! that never moves has one.

use std::ptr::NonNull;

use polyextism_core::backend::Word;
use wasmer::{AsStoreRef, Memory};

/// The word at `address`, if it is inside of `memory`. The memory must not move as long as its store lives.
pub(crate) fn word(memory: &Memory, store: &impl AsStoreRef, address: u64) -> Option<Word> {
    let view = memory.view(store);
    let end = address.checked_add(size_of::<u32>() as u64)?;
    if !address.is_multiple_of(align_of::<u32>() as u64) || end > view.data_size() {
        return None;
    }
    let address = usize::try_from(address).ok()?;
    #[allow(unsafe_code, reason = "see SAFETY")]
    // SAFETY: The word is aligned, because memories begin at a page, and inside of the memory. The caller promises
    // that the memory does not move and lives as long as its store; core drops the word before the instance. Core
    // accesses these bytes in no other way, and wasmer does not access them.
    let word = unsafe { Word::new(NonNull::new(view.data_ptr().add(address))?) };
    Some(word)
}
