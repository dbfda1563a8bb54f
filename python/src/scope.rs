//! The running host call of each thread, and Python's hooks for forks.
//!
//! Python code in a host function accesses the calling plug-in through this module. The [`Caller`] of core is a
//! borrow that no Python object can own, so it is in a scoped thread-local, and objects own only a [`Token`].
//!
//! Invariant: a token works only on the thread of its host call, while that call runs and is the innermost one.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

use polyextism::{Caller, internal::forks};
use pyo3::prelude::*;
use scoped_tls_hkt::{ReborrowMut, scoped_thread_local};

/// A host call, unique in the process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) u64);

/// A thread of this process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadId(pub(crate) u64);

/// The bits of a token that count the host calls of a thread. The bits above them number the threads.
const TOKENS: u32 = 40;

static THREADS: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static THREAD: u64 = THREADS.fetch_add(1, Ordering::Relaxed);
    static NEXT: Cell<u64> = Cell::new(THREAD.with(|thread| thread << TOKENS));
}

scoped_thread_local!(static mut FRAME: for<'a> Frame<'a>);

struct Frame<'a> {
    caller: Caller<'a>,
    token: Token,
}

impl<'a, 'b: 'a> ReborrowMut<'a> for Frame<'b> {
    type Result = Frame<'a>;

    fn reborrow_mut(&'a mut self) -> Frame<'a> {
        Frame {
            caller: self.caller.reborrow(),
            token: self.token,
        }
    }
}

/// Waits until no thread is in an operation that a fork must not interrupt. Python calls it before a fork.
#[pyfunction]
pub(crate) fn before_fork(py: Python<'_>) {
    let end = Instant::now() + forks::LONGEST;
    forks::want();
    while !forks::is_quiet() {
        if Instant::now() > end {
            return;
        }
        py.detach(|| thread::sleep(forks::PATIENCE));
    }
}

/// Ends the wait for a fork. Python calls it after a fork, in the parent.
#[pyfunction]
pub(crate) fn after_fork() {
    forks::release();
}

/// Resets the state of the process, which has only one thread. Python calls it after a fork, in the child.
#[pyfunction]
pub(crate) fn forked() {
    forks::renew();
    crate::ending::forked();
    crate::signals::forked();
}

/// The current thread.
pub(crate) fn thread() -> ThreadId {
    ThreadId(THREAD.with(|thread| *thread))
}

/// Runs `body` as a host call on behalf of `caller`.
pub(crate) fn enter<R>(caller: Caller<'_>, body: impl FnOnce(Token) -> R) -> R {
    let token = Token(NEXT.replace(NEXT.get() + 1));
    FRAME.set(Frame { caller, token }, || body(token))
}

/// Runs `body` with the plug-in of the host call `token`. Returns `None` if that is not the innermost running call of
/// this thread.
pub(crate) fn with<R>(token: Token, body: impl FnOnce(Caller<'_>) -> R) -> Option<R> {
    // Also unset while another `with` runs its `body`, which has the only borrow.
    if !FRAME.is_set() {
        return None;
    }
    FRAME.with(|frame| (frame.token == token).then(|| body(frame.caller)))
}
