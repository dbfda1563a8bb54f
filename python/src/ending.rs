//! Daemon threads at the end of the interpreter.
//!
//! Python 3.13 and older end other threads by unwinding their stacks when they take the GIL. Unwinding Rust code
//! aborts the process, so `parking` makes such threads wait. `faulthandler` removes the signal handlers of engines
//! together with its own when the interpreter ends, so a later trap of a guest would kill the process. This module
//! does not know what the threads run. Invariants: it does not affect panics of Rust; once the end has begun, only
//! the ending thread enters guests.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use pyo3::prelude::*;

use crate::scope::{self, ThreadId};

/// How long the end of the interpreter waits for guests of other threads. A guest that runs on does harm only if it
/// traps within the last milliseconds of the process.
const GRACE: Duration = Duration::from_millis(100);

/// The thread that ends the interpreter; 0 before that.
static ENDS_ON: AtomicU64 = AtomicU64::new(0);

/// For each thread that has entered a guest, whether it is in one now. The lock is taken only with the GIL, and
/// Python forks with the GIL, so a child never finds it locked.
static INSIDE: Mutex<Vec<Arc<AtomicBool>>> = Mutex::new(Vec::new());

thread_local! {
    /// Created with the GIL.
    static HERE: Arc<AtomicBool> = here();
}

fn here() -> Arc<AtomicBool> {
    let here = Arc::new(AtomicBool::new(false));
    let mut inside = inside();
    // Ended threads have dropped their flags.
    inside.retain(|flag| Arc::strong_count(flag) > 1);
    inside.push(Arc::clone(&here));
    here
}

fn inside() -> MutexGuard<'static, Vec<Arc<AtomicBool>>> {
    // Nothing panics under the lock.
    INSIDE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins the end of the interpreter on this thread: other threads leave their guests and enter no more. Python
/// calls it after it has joined the other threads.
#[pyfunction]
pub(crate) fn begin_to_end(py: Python<'_>) {
    let ThreadId(me) = scope::thread();
    ENDS_ON.store(me, Ordering::SeqCst);
    let end = Instant::now() + GRACE;
    while HERE.with(others_are_inside) && Instant::now() < end {
        py.detach(|| thread::sleep(Duration::from_millis(1)));
    }
}

fn others_are_inside(here: &Arc<AtomicBool>) -> bool {
    let inside = inside();
    let mut others = inside.iter().filter(|flag| !Arc::ptr_eq(flag, here));
    others.any(|flag| flag.load(Ordering::SeqCst))
}

/// Removes the threads of the parent process, in a forked child.
pub(crate) fn forked() {
    HERE.with(|here| inside().retain(|flag| Arc::ptr_eq(flag, here)));
}

/// Runs a guest, without the GIL. If another thread ends the interpreter, waits for the end of the process instead.
#[inline]
pub(crate) fn run_guest<R: Send>(py: Python<'_>, guest: impl FnOnce() -> R + Send) -> R {
    HERE.with(|here| {
        py.detach(|| {
            let _inside = Inside::new(here);
            let on = ENDS_ON.load(Ordering::Relaxed);
            if on != 0 {
                wait_for_the_end(on, here);
            }
            guest()
        })
    })
}

/// Waits for the end of the process if another thread ends the interpreter. A host function that waits without the
/// GIL calls this before it returns to Python.
pub(crate) fn stay_if_over() {
    let on = ENDS_ON.load(Ordering::SeqCst);
    if on != 0 {
        HERE.with(|here| wait_for_the_end(on, here));
    }
}

/// Whether another thread ends the interpreter.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn has_begun_elsewhere() -> bool {
    let on = ENDS_ON.load(Ordering::SeqCst);
    on != 0 && ThreadId(on) != scope::thread()
}

#[cold]
fn wait_for_the_end(on: u64, here: &AtomicBool) {
    while ThreadId(on) != scope::thread() {
        here.store(false, Ordering::SeqCst);
        thread::park();
    }
}

/// Marks the thread as being in a guest, until it is dropped.
struct Inside<'a> {
    here: &'a AtomicBool,
    /// Whether the thread was in a guest already.
    before: bool,
}

impl<'a> Inside<'a> {
    fn new(here: &'a AtomicBool) -> Self {
        let before = here.load(Ordering::Relaxed);
        // Without a fence, the end may only miss a thread that enters within the same nanoseconds.
        here.store(true, Ordering::Relaxed);
        Self { here, before }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.here.store(self.before, Ordering::Relaxed);
    }
}

/// Runs `body`, which runs Python code. If Python ends the thread there, the thread waits for the end of the process
/// instead.
#[inline]
pub(crate) fn park_at_exit<R>(body: impl FnOnce() -> R) -> R {
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
