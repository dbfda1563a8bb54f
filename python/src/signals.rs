//! Python's signals while a guest runs: Ctrl-C ends a call.
//!
//! Python runs signal handlers on its main thread between instructions of Python, and a guest has
//! none. So every plug-in looks for signals during its calls, about twenty times a second, on the
//! main thread only: others need not wait for the GIL. Invariant: what a handler raises comes out of
//! the call as itself.

use std::{cell::Cell, fmt};

use polyextism::{Error, ErrorKind};
use pyo3::{exceptions::PyImportError, prelude::*};

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

/// Runs what signal handlers have to run, on the main thread.
pub(crate) fn check() -> polyextism::Result<()> {
    match MAIN.get() {
        Some(true) => Python::attach(|py| py.check_signals()).map_err(raised),
        _ => Ok(()),
    }
}

#[cold]
fn raised(error: PyErr) -> Error {
    let message = "a signal handler ended the call";
    Error::new(ErrorKind::HostFunction, message).with_source(Raised(error))
}

/// The only thread of this process is its main thread.
pub(crate) fn forked() {
    MAIN.set(None);
}
