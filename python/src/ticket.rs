//! `Ticket`: one call that another thread can cancel, whether it has begun or not.
//!
//! A handle of a plug-in cancels whatever call runs; who waits for a call on another thread means that call only.
//! Invariants: a ticket cancels its own call and no other, because the plug-in is its call's between `begin` and
//! `end`, and both take the lock that `cancel` holds; no Python code runs under the lock.

use std::{
    cell::RefCell,
    sync::{Mutex, MutexGuard, PoisonError},
};

use polyextism::{CancelHandle, Error, ErrorKind};
use pyo3::prelude::*;

/// One call that can be cancelled from another thread. For `extism._async`.
#[pyclass(module = "extism._native", frozen)]
#[derive(Default)]
pub(crate) struct Ticket(Mutex<State>);

#[derive(Default)]
enum State {
    /// It has not begun.
    #[default]
    Waiting,
    /// The plug-in is this call's.
    Running(CancelHandle),
    /// It must not begin.
    Cancelled,
    Over,
}

#[pymethods]
impl Ticket {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Cancels the call. While it begins, that may come to nothing: who needs it to end repeats this.
    ///
    /// Returns:
    ///     Whether there is a call that has to end before it is over.
    fn cancel(&self) -> bool {
        let mut state = self.lock();
        match &*state {
            State::Waiting => {
                *state = State::Cancelled;
                false
            }
            State::Running(handle) => {
                handle.cancel();
                true
            }
            State::Cancelled | State::Over => false,
        }
    }
}

thread_local! {
    /// Of what this thread makes, if that can be cancelled.
    static CURRENT: RefCell<Option<Py<Ticket>>> = const { RefCell::new(None) };
}

/// Calls `make`, which compiles a plug-in; cancelling `ticket` ends the wait for that. For `extism._async`.
#[pyfunction]
pub(crate) fn make_until<'py>(
    ticket: Py<Ticket>,
    make: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let before = CURRENT.replace(Some(ticket));
    let made = make.call0();
    CURRENT.set(before);
    made
}

/// Looks whether what this thread makes was cancelled.
///
/// # Errors
/// `Cancelled`.
pub(crate) fn check() -> polyextism::Result<()> {
    CURRENT.with_borrow(|ticket| match ticket {
        Some(ticket) if matches!(*ticket.get().lock(), State::Cancelled) => {
            let message = "compiling was cancelled";
            Err(Error::new(ErrorKind::Cancelled, message))
        }
        _ => Ok(()),
    })
}

impl Ticket {
    /// The plug-in is the call's from now on.
    ///
    /// # Errors
    /// `Cancelled` if it was.
    pub(crate) fn begin(&self, handle: &CancelHandle) -> polyextism::Result<Begun<'_>> {
        let mut state = self.lock();
        if let State::Waiting = *state {
            *state = State::Running(handle.clone());
            return Ok(Begun(self));
        }
        Err(Error::new(ErrorKind::Cancelled, "the call was cancelled"))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that has begun and is not over, until this is dropped.
pub(crate) struct Begun<'a>(&'a Ticket);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        *self.0.lock() = State::Over;
    }
}
