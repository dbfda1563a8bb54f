//! The flag that guests look at: a word of guest memory that the host may set from any thread.
//!
//! Guests read it at loops and where cycles of calls are entered (see `interrupt`), and call the host
//! when it is set. It does not know why. Invariants: a word is written only while its memory is
//! there; a guest may look once too often, but never misses a flag that is set while it runs.

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

// SAFETY: Who makes a word promises that any thread may access it.
unsafe impl Send for Word {}

impl Word {
    /// The word at this address.
    ///
    /// # Safety
    /// It is aligned, nobody accesses it but guests and whoever has this, and it is there and in the same
    /// place until the instance is dropped, which core does after it has dropped this.
    pub unsafe fn new(address: NonNull<u8>) -> Self {
        Self(address.cast())
    }

    fn store(&self, value: u32) {
        // SAFETY: `new` promises that it is there.
        unsafe { self.0.as_ref() }.store(value, Ordering::SeqCst);
    }
}

/// The flag of a plug-in, whose instances come and go.
#[derive(Debug, Default)]
pub(crate) struct Flag(Mutex<Option<Word>>);

impl Flag {
    /// Moves to an instance, or away from the one that was there. The old one is not touched from now on.
    pub(crate) fn move_to(&self, word: Option<Word>) {
        *self.lock() = word;
    }

    /// Moves away from the instance, for another flag to move there.
    pub(crate) fn take(&self) -> Option<Word> {
        self.lock().take()
    }

    /// Makes the guest look. Takes a lock for a moment, which no fork may leave locked.
    pub(crate) fn raise(&self) {
        self.store(1);
    }

    /// What a guest does that has looked, before the reasons are looked at: who has one later raises
    /// the flag again.
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
