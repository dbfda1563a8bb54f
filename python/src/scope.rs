//! Which host call is running on this thread, and what Python tells about forks.
//!
//! Python code that runs inside a host call reaches the calling plug-in through here: core's
//! [`Caller`] is a borrow that no Python object can own, so it is kept in a scoped thread-local
//! and objects own a [`Token`] only.
//!
//! Invariants: a token opens its own host call, on its own thread, while that call is the
//! innermost one and running; at any other time it opens nothing.

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

/// Host calls that a thread can make before its tokens run into those of the next thread.
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

/// Python calls it before a fork: other threads come out of what a fork must not interrupt.
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

/// Python calls it after a fork, in the parent.
#[pyfunction]
pub(crate) fn after_fork() {
    forks::release();
}

/// Tells that this process is a new one, with one thread only. Python calls it after a fork.
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

/// Runs `body` with the plug-in of the host call `token`, or returns `None` if that call is not
/// the innermost one that is running on this thread.
pub(crate) fn with<R>(token: Token, body: impl FnOnce(Caller<'_>) -> R) -> Option<R> {
    // Unset also while `body` of another `with` runs: it has the only borrow.
    if !FRAME.is_set() {
        return None;
    }
    FRAME.with(|frame| (frame.token == token).then(|| body(frame.caller)))
}
