//! Python's signals while a guest runs: Ctrl-C ends a call.
//!
//! Python runs signal handlers on its main thread between Python instructions, and a guest executes none. So calls on
//! the main thread check for signals about twenty times a second. Other threads do not, so they need not wait for the
//! GIL. Invariant: the call raises the exception of a signal handler unchanged.

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

/// Whether Ctrl-C ends the program on the main thread, so that guests of other threads have to end.
static ABANDONED: AtomicBool = AtomicBool::new(false);

/// Whether `extism._ending` watches the main thread.
static WATCHED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this is the main thread, if that is known.
    static MAIN: Cell<Option<bool>> = const { Cell::new(None) };
}

/// The exception of a signal handler.
#[derive(Debug)]
pub(crate) struct Raised(pub(crate) PyErr);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a signal handler raised {}", self.0)
    }
}

impl std::error::Error for Raised {}

/// Determines whether calls of this thread have to check for signals.
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
        // The interpreter is ending: nothing can be imported and no handler runs any more.
        Err(failure) if failure.is_instance_of::<PyImportError>(py) => return Ok(()),
        Err(raised) => return Err(raised),
    };
    #[cfg(unix)]
    crate::faults::unblock();
    let main = threading.call_method0("main_thread")?;
    MAIN.set(Some(threading.call_method0("current_thread")?.is(&main)));
    Ok(())
}

/// Makes the calls of a plug-in check for signals.
pub(crate) fn watch(plugin: &mut polyextism::Plugin) {
    plugin.host().alarm().set_check(check);
}

/// Runs pending signal handlers, on the main thread. On other threads, checks whether Ctrl-C ends the program.
pub(crate) fn check() -> polyextism::Result<()> {
    match MAIN.get() {
        Some(true) => Python::attach(|py| py.check_signals()).map_err(raised),
        _ if ABANDONED.load(Ordering::Relaxed) => Err(abandoned()),
        _ if WATCHED.load(Ordering::Relaxed) => Ok(()),
        _ => watch_main(),
    }
}

/// The options for waiting for a compiler, with this time limit.
pub(crate) fn compiling(timeout: Option<Duration>) -> Compiling {
    Compiling::default()
        .with_timeout(timeout)
        .with_check(check_while_compiling)
}

/// The check while a thread waits for a compiler. If the interpreter has ended meanwhile, it does not return.
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

/// Makes `extism._ending` watch the main thread for a while. It runs on another thread, because the thread of a guest
/// must not wait for the GIL.
#[cold]
fn watch_main() -> polyextism::Result<()> {
    if !WATCHED.swap(true, Ordering::Relaxed) {
        // If it fails, other threads do not notice Ctrl-C. When the interpreter ends, they need not.
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

/// Sets whether calls on threads other than the main one have to end. For `extism._ending`.
#[pyfunction]
pub(crate) fn abandon(is_so: bool) {
    ABANDONED.store(is_so, Ordering::Relaxed);
}

/// Tells that `extism._ending` no longer watches the main thread. For `extism._ending`.
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

/// Forgets what is known about the main thread, in a forked child.
pub(crate) fn forked() {
    MAIN.set(None);
    ABANDONED.store(false, Ordering::Relaxed);
    WATCHED.store(false, Ordering::Relaxed);
}
