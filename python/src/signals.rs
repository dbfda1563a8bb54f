//! Python's signals while a guest runs: Ctrl-C ends a call.
//!
//! Python runs signal handlers on its main thread between instructions of Python, and a guest has
//! none. So every plug-in looks for signals during its calls, about twenty times a second, on the
//! main thread only: others need not wait for the GIL. Invariant: what a handler raises comes out of
//! the call as itself.

use std::{
    cell::Cell,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use polyextism::{Compiling, Error, ErrorKind};
use pyo3::{exceptions::PyImportError, prelude::*};

use crate::{
    ending::{park_at_exit, stay_if_over},
    parking, ticket,
};

/// Whether the main thread leaves the program by Ctrl-C, so that nobody wants what other threads do in guests.
static ABANDONED: AtomicBool = AtomicBool::new(false);

/// Whether `extism._ending` looks after the main thread.
static WATCHED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this is the main thread, if that is known.
    static MAIN: Cell<Option<bool>> = const { Cell::new(None) };
}

/// What a signal handler raised.
#[derive(Debug)]
pub(crate) struct Raised(pub(crate) PyErr);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a signal handler raised {}", self.0)
    }
}

impl std::error::Error for Raised {}

/// Finds out whether calls of this thread have to look for signals.
#[inline]
pub(crate) fn arrive(py: Python<'_>) -> PyResult<()> {
    match MAIN.get() {
        Some(_) => Ok(()),
        None => find_out(py),
    }
}

#[cold]
fn find_out(py: Python<'_>) -> PyResult<()> {
    parking::prepare();
    let threading = match py.import("threading") {
        Ok(threading) => threading,
        // The interpreter ends: nothing can be imported, and no handler will run any more.
        Err(failure) if failure.is_instance_of::<PyImportError>(py) => return Ok(()),
        Err(raised) => return Err(raised),
    };
    #[cfg(unix)]
    crate::faults::unblock();
    let main = threading.call_method0("main_thread")?;
    MAIN.set(Some(threading.call_method0("current_thread")?.is(&main)));
    Ok(())
}

/// Has the calls of a plug-in look for signals.
pub(crate) fn watch(plugin: &mut polyextism::Plugin) {
    plugin.host().alarm().set_check(check);
}

/// Runs what signal handlers have to run, on the main thread. Others look whether that one leaves the program.
pub(crate) fn check() -> polyextism::Result<()> {
    match MAIN.get() {
        Some(true) => Python::attach(|py| py.check_signals()).map_err(raised),
        _ if ABANDONED.load(Ordering::Relaxed) => Err(abandoned()),
        _ if WATCHED.load(Ordering::Relaxed) => Ok(()),
        _ => watch_main(),
    }
}

/// How long compiling is waited for, at most for so long.
pub(crate) fn compiling(timeout: Option<Duration>) -> Compiling {
    Compiling::default()
        .with_timeout(timeout)
        .with_check(check_while_compiling)
}

/// A thread that the end of the interpreter has overtaken does not come back.
fn check_while_compiling() -> polyextism::Result<()> {
    stay_if_over();
    ticket::check()?;
    check()
}

#[cold]
fn abandoned() -> Error {
    let message = "the call was cancelled, because the main thread leaves the program by Ctrl-C";
    Error::new(ErrorKind::Cancelled, message)
}

/// Has `extism._ending` look after the main thread, once for a while: the thread of a guest never waits for the GIL
/// to do so itself.
#[cold]
fn watch_main() -> polyextism::Result<()> {
    if !WATCHED.swap(true, Ordering::Relaxed) {
        // Without it, only Ctrl-C is not seen on other threads; at the end of the interpreter nobody needs it.
        let _ = Python::try_attach(|py| {
            park_at_exit(|| {
                let watch = py
                    .import("extism._ending")
                    .and_then(|ending| ending.getattr("watch"));
                watch.and_then(|watch| watch.call0()).map(drop)
            })
        });
    }
    Ok(())
}

/// Says whether calls on other threads than the main one have to end. For `extism._ending`.
#[pyfunction]
pub(crate) fn abandon(is_so: bool) {
    ABANDONED.store(is_so, Ordering::Relaxed);
}

/// Says that nobody looks after the main thread any more. For `extism._ending`.
#[pyfunction]
pub(crate) fn unwatched() {
    WATCHED.store(false, Ordering::Relaxed);
}

/// Whether this is the main thread.
pub(crate) fn is_main() -> bool {
    MAIN.get() == Some(true)
}

#[cold]
fn raised(error: PyErr) -> Error {
    let message = "a signal handler ended the call";
    Error::new(ErrorKind::HostFunction, message).with_source(Raised(error))
}

/// The only thread of this process is its main thread.
pub(crate) fn forked() {
    MAIN.set(None);
    ABANDONED.store(false, Ordering::Relaxed);
    WATCHED.store(false, Ordering::Relaxed);
}
