//! Threads that Python ends while Rust is on their stack.
//!
//! When the interpreter ends, Python 3.13 and older end every other thread that wants to go on, by
//! unwinding its stack. Where that meets Rust code that catches panics the process aborts. It does not know
//! what runs. Invariant: a panic of Rust passes as if nothing were here.

use std::{mem, thread};

/// Runs `body`, which runs Python code. A thread that Python ends in there waits for the end of the
/// process instead.
#[inline]
pub(crate) fn outlast<R>(body: impl FnOnce() -> R) -> R {
    let guard = Hang;
    let outcome = body();
    mem::forget(guard);
    outcome
}

struct Hang;

impl Drop for Hang {
    fn drop(&mut self) {
        while !thread::panicking() {
            thread::park();
        }
    }
}
