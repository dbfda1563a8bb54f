//! Stacks that others switch: greenlets, as gevent and eventlet have them.
//!
//! Engines keep what runs on a thread in the order in which it was entered, and what they keep points into the stack.
//! A host function that lets another greenlet of its thread go on takes both away: a plug-in that is called there
//! would leave the process in ruins. So such a call is an error, before anything is entered. It knows of greenlets what
//! the package `greenlet` says, if somebody has imported it.
//!
//! Invariant: the calls of a thread that are running were all made by one greenlet.

use std::cell::RefCell;

use polyextism::{Error, ErrorKind, Result};
use pyo3::{intern, prelude::*, sync::PyOnceLock, types::PyDict};

/// A greenlet that is in a call, by its address; 0 as long as there is no such package.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Greenlet(usize);

thread_local! {
    /// Those who have made the calls of this thread that are running, the innermost last.
    static CALLERS: RefCell<Vec<Greenlet>> = const { RefCell::new(Vec::new()) };
}

/// A call is running, until this is dropped.
pub(crate) struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        CALLERS.with_borrow_mut(|callers| _ = callers.pop());
    }
}

/// A call of the current greenlet begins.
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

/// Whether the call around this one was made before anybody imported the package, and by the greenlet that is current
/// now: that of the thread itself.
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

/// The function of the package, if that has been imported.
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
    // At the very end of the interpreter nothing can be imported any more, and nobody switches greenlets.
    let Ok(modules) = modules else {
        return Ok(None);
    };
    let Some(greenlet) = modules.bind(py).get_item(intern!(py, "greenlet"))? else {
        return Ok(None);
    };
    // While it is being imported it has none.
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
