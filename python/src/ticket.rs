//! `Ticket`: lets another thread cancel one call, whether it has begun or not.
//!
//! A cancel handle of a plug-in cancels whatever call is running; a ticket cancels only its own call. Invariants: the
//! call has the plug-in between `begin` and `end`, and both take the lock that `cancel` holds, so a ticket cancels no
//! other call; no Python code runs under the lock.

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
    /// The call has not begun.
    #[default]
    Waiting,
    /// The call has the plug-in.
    Running(CancelHandle),
    /// The call must not begin.
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
    /// The ticket of the plug-in that this thread is compiling, if it has one.
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

/// Checks whether the compilation of this thread was cancelled.
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
    /// Begins the call, which now has the plug-in.
    ///
    /// # Errors
    /// `Cancelled` if the ticket was cancelled.
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

/// A running call, until it is dropped.
pub(crate) struct Begun<'a>(&'a Ticket);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        *self.0.lock() = State::Over;
    }
}
