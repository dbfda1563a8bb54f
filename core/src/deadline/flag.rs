//! The flag that guests read: a word of guest memory that the host may set from any thread.
//!
//! Guests read it in loops and where recursion begins (see `interrupt` in `polyextism-transform`), and call the
//! host when it is set. This file does not know why it is set. Invariants: a word is written only while its memory
//! is alive; a guest may call the host once too often, but never misses a flag that is set while it runs.

#![allow(unsafe_code, reason = "the word is in the memory of a guest")]

use std::{
    ptr::NonNull,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

/// A word of guest memory that another thread may write to while the guest runs.
#[derive(Debug)]
pub struct Word(NonNull<AtomicU32>);

// SAFETY: The caller of `Word::new` promises that any thread may access the word.
unsafe impl Send for Word {}

impl Word {
    /// The word at this address.
    ///
    /// # Safety
    /// The word is aligned. Only guests and the owner of this value access it. It stays valid at this address until
    /// the instance is dropped; core drops this value first.
    pub unsafe fn new(address: NonNull<u8>) -> Self {
        Self(address.cast())
    }

    fn store(&self, value: u32) {
        // SAFETY: The caller of `new` promises that the word is valid.
        unsafe { self.0.as_ref() }.store(value, Ordering::SeqCst);
    }
}

/// The flag of a plug-in. It moves from instance to instance.
#[derive(Debug, Default)]
pub(crate) struct Flag(Mutex<Option<Word>>);

impl Flag {
    /// Moves to the word of an instance, or to none. The old word is not accessed any more.
    pub(crate) fn move_to(&self, word: Option<Word>) {
        *self.lock() = word;
    }

    /// Takes the word of the instance, for another flag.
    pub(crate) fn take(&self) -> Option<Word> {
        self.lock().take()
    }

    /// Sets the flag. Takes a lock for a moment, which a fork must not leave locked.
    pub(crate) fn raise(&self) {
        self.store(1);
    }

    /// Clears the flag, before the reasons are checked. A later reason sets it again.
    pub(crate) fn lower(&self) {
        self.store(0);
    }

    fn store(&self, value: u32) {
        if let Some(word) = &*self.lock() {
            word.store(value);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Word>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        ptr::NonNull,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::{Flag, Word};

    #[test]
    fn a_word_is_written_while_it_is_there() {
        let (one, other) = (AtomicU32::new(0), AtomicU32::new(0));
        let values = || (one.load(Ordering::SeqCst), other.load(Ordering::SeqCst));
        // SAFETY: Both live longer than the flag, and the test reads them as atomics.
        let word = |word: &AtomicU32| unsafe { Word::new(NonNull::from(word).cast()) };
        let flag = Flag::default();
        flag.raise();
        flag.move_to(Some(word(&one)));
        assert_eq!(values(), (0, 0));
        flag.raise();
        assert_eq!(values(), (1, 0));
        flag.lower();
        flag.move_to(Some(word(&other)));
        flag.raise();
        assert_eq!(values(), (0, 1));
        flag.move_to(None);
        flag.lower();
        assert_eq!(values(), (0, 1));
    }
}
