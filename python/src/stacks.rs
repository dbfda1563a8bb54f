//! Refuses calls from different greenlets of one thread, as gevent and eventlet use them.
//!
//! Engines assume that calls of a thread end in the reverse order of their beginning, and keep pointers into the
//! stack. If a host function switches to another greenlet, and that one calls a plug-in, both assumptions break and
//! memory is corrupted. So such a call is an error. This module asks the package `greenlet`, if it is imported.
//!
//! Invariant: all running calls of a thread were made by the same greenlet.

use std::cell::RefCell;

use polyextism::{Error, ErrorKind, Result};
use pyo3::{intern, prelude::*, sync::PyOnceLock, types::PyDict};

/// The address of a greenlet that is in a call; 0 if the package is not imported.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Greenlet(usize);

thread_local! {
    /// The greenlets of the running calls of this thread, the innermost last.
    static CALLERS: RefCell<Vec<Greenlet>> = const { RefCell::new(Vec::new()) };
}

/// A running call, until it is dropped.
pub(crate) struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        CALLERS.with_borrow_mut(|callers| _ = callers.pop());
    }
}

/// Begins a call of the current greenlet.
///
/// # Errors
/// The inner one is `Reentrant` if another greenlet of this thread is in a call.
#[inline]
pub(crate) fn enter(py: Python<'_>) -> PyResult<Result<Running>> {
    let current = current(py)?;
    let outer = CALLERS.with_borrow(|callers| callers.last().copied());
    if let Some(outer) = outer
        && outer != current
        && !is_the_first(py, outer)?
    {
        return Ok(Err(another()));
    }
    CALLERS.with_borrow_mut(|callers| callers.push(current));
    Ok(Ok(Running))
}

fn current(py: Python<'_>) -> PyResult<Greenlet> {
    match getcurrent(py)? {
        None => Ok(Greenlet(0)),
        Some(getcurrent) => Ok(Greenlet(getcurrent.call0()?.as_ptr() as usize)),
    }
}

/// Whether the surrounding call began before the package was imported, and on the current greenlet, which is then the
/// main greenlet of the thread.
#[cold]
fn is_the_first(py: Python<'_>, outer: Greenlet) -> PyResult<bool> {
    match (outer, getcurrent(py)?) {
        (Greenlet(0), Some(getcurrent)) => Ok(getcurrent
            .call0()?
            .getattr(intern!(py, "parent"))?
            .is_none()),
        _ => Ok(false),
    }
}

/// The function `getcurrent` of the package, if it is imported.
#[inline]
fn getcurrent(py: Python<'_>) -> PyResult<Option<&Bound<'_, PyAny>>> {
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    static GETCURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if let Some(getcurrent) = GETCURRENT.get(py) {
        return Ok(Some(getcurrent.bind(py)));
    }
    let modules = MODULES.get_or_try_init(py, || {
        let modules = py.import("sys")?.getattr("modules")?;
        Ok::<_, PyErr>(modules.cast_into::<PyDict>()?.unbind())
    });
    // When the interpreter ends, nothing can be imported and no greenlet is switched any more.
    let Ok(modules) = modules else {
        return Ok(None);
    };
    let Some(greenlet) = modules.bind(py).get_item(intern!(py, "greenlet"))? else {
        return Ok(None);
    };
    // While the package is being imported, the function may be missing.
    match greenlet.getattr_opt(intern!(py, "getcurrent"))? {
        None => Ok(None),
        Some(found) => {
            let kept = GETCURRENT.get_or_init(py, || found.unbind());
            Ok(Some(kept.bind(py)))
        }
    }
}

#[cold]
fn another() -> Error {
    let message = "another greenlet of this thread is in a call of a plug-in, whose host function waits; call \
                   plug-ins whose host functions switch greenlets on threads (`gevent.get_hub().threadpool`, \
                   `eventlet.tpool`)";
    Error::new(ErrorKind::Reentrant, message)
}
