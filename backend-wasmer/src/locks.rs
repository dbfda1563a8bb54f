//! What a fork takes of the locks of wasmer, so that no other thread has them.
//!
//! wasmer takes a backtrace of the host for every trap, under a lock of the library `backtrace`, and reads its register of
//! all code. For a trap that is a signal, and for the failure of a host function, a section begins before
//! (`traps.rs`, `host.rs`). For `unreachable` and what else its own functions find wrong nothing of ours runs
//! before. This file does not know who forks.
//!
//! Invariants: the lock of backtraces is taken and released on the same thread; who waits for it needs nothing that
//! this thread has.

use std::{
    any::Any,
    sync::TryLockError,
    thread,
    time::{Duration, Instant},
};

use corosensei::{Coroutine, Yielder};
use polyextism_core::forks::{Held, PATIENCE};
use wasmer_compiler::FRAME_INFO;

/// Far longer than anybody reads the register. Who waits for the lock of backtraces with it would do so for ever.
const LONGEST_READ: Duration = Duration::from_secs(1);

/// A backtrace that is being taken: the only way to have the lock.
struct Backtrace(Coroutine<(), (), ()>);

impl Backtrace {
    fn begin() -> Self {
        let mut taking = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            backtrace::trace(|_| {
                yielder.suspend(());
                false
            });
        });
        taking.resume(());
        Self(taking)
    }
}

impl Drop for Backtrace {
    fn drop(&mut self) {
        while !self.0.done() {
            self.0.resume(());
        }
    }
}

/// Takes the lock of backtraces, and waits until nobody reads the register of code.
///
/// The register itself is not held: to free a module takes it, perhaps with a lock that the forking thread still
/// needs. Who reads it has taken a backtrace just before.
pub(crate) fn hold() -> Held {
    let held: Box<dyn Any> = Box::new(Backtrace::begin());
    let end = Instant::now() + LONGEST_READ;
    while matches!(FRAME_INFO.try_write(), Err(TryLockError::WouldBlock)) && Instant::now() < end {
        thread::sleep(PATIENCE);
    }
    held
}
