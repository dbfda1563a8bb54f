//! Threads that are still there when the interpreter ends: daemon threads.
//!
//! Python 3.13 and older end every other thread that wants to go on, by unwinding its stack, which aborts the process
//! where it meets Rust code; `parking` has such threads wait. And `faulthandler` takes signal handlers of engines
//! away with its own when the interpreter ends, so a guest that traps afterwards ends the process by a signal. It
//! does not know what runs. Invariants: a panic of Rust passes as if nothing were here; once the end has begun,
//! the thread on which it began is the only one that enters guests.

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

/// How long the end of the interpreter waits for guests of other threads. One that runs on does no harm unless
/// it traps within the last milliseconds of the process.
const GRACE: Duration = Duration::from_millis(100);

/// The thread on which the interpreter ends; 0 as long as it does not.
static ENDS_ON: AtomicU64 = AtomicU64::new(0);

/// Of every thread that has been in a guest, whether it is in one. Its lock is taken with the GIL only, as forks
/// are made, so a child never finds it locked.
static INSIDE: Mutex<Vec<Arc<AtomicBool>>> = Mutex::new(Vec::new());

thread_local! {
    /// Made with the GIL.
    static HERE: Arc<AtomicBool> = here();
}

fn here() -> Arc<AtomicBool> {
    let here = Arc::new(AtomicBool::new(false));
    let mut inside = inside();
    // Threads that are gone have dropped theirs.
    inside.retain(|flag| Arc::strong_count(flag) > 1);
    inside.push(Arc::clone(&here));
    here
}

fn inside() -> MutexGuard<'static, Vec<Arc<AtomicBool>>> {
    // Nothing panics under the lock.
    INSIDE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The interpreter begins to end, on this thread: others enter guests no more, and come out. Python calls it when
/// the threads that it waits for are over.
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

/// This process has no other threads.
pub(crate) fn forked() {
    HERE.with(|here| inside().retain(|flag| Arc::ptr_eq(flag, here)));
}

/// Runs a guest, without the GIL. If the end has begun on another thread it waits for the end of the process.
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

/// Waits for the end of the process, if the end of the interpreter has begun on another thread. Who waits without the
/// GIL in a host function calls it before it goes back to Python.
pub(crate) fn stay_if_over() {
    let on = ENDS_ON.load(Ordering::SeqCst);
    if on != 0 {
        HERE.with(|here| wait_for_the_end(on, here));
    }
}

/// Whether the end of the interpreter has begun, on another thread.
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

/// A thread is in a guest, until this is dropped.
struct Inside<'a> {
    here: &'a AtomicBool,
    /// Whether it is in the host function of another.
    before: bool,
}

impl<'a> Inside<'a> {
    fn new(here: &'a AtomicBool) -> Self {
        let before = here.load(Ordering::Relaxed);
        // Without a fence the end may miss a thread that enters in the same nanoseconds, and that is all.
        here.store(true, Ordering::Relaxed);
        Self { here, before }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.here.store(self.before, Ordering::Relaxed);
    }
}

/// Runs `body`, which runs Python code. A thread that Python ends in there waits for the end of the
/// process instead.
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
