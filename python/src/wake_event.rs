//! `WakeEvent`: an event for which the thread of a guest waits while an event loop runs its host function.
//!
//! It resets itself when a wait ends. It does not know who sets it. Invariants: the waiting thread does not hold the
//! GIL; a wait ends with the call that the thread serves; if the interpreter ends meanwhile, the thread waits for the
//! end of the process, as guests do.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use polyextism::internal::nesting;
use pyo3::prelude::*;

use crate::{convert::Timeout, ending, error, signals};

/// How often a wait checks whether the call has to end.
const PATIENCE: Duration = Duration::from_millis(8);

/// How often a wait on the main thread lets Python check for signals.
const SIGNALS: Duration = Duration::from_millis(50);

/// An event for which the thread of a guest waits. For `extism._async`.
#[pyclass(module = "extism._native", frozen)]
#[derive(Default)]
pub(crate) struct WakeEvent {
    set: Mutex<bool>,
    changed: Condvar,
}

#[pymethods]
impl WakeEvent {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Ends the wait of one thread, or the next wait if no thread waits.
    fn set(&self) {
        *self.lock() = true;
        self.changed.notify_one();
    }

    /// Waits until it is set, and resets it.
    ///
    /// Args:
    ///     timeout: For how long, in seconds.
    ///     interruptible: Whether to end with the call that the current thread serves.
    ///
    /// Returns:
    ///     Whether it was set.
    ///
    /// Raises:
    ///     extism.Error: Why the call has to end.
    fn wait(&self, py: Python<'_>, timeout: Timeout, interruptible: bool) -> PyResult<bool> {
        signals::arrive(py)?;
        let end = timeout
            .0
            .and_then(|timeout| Instant::now().checked_add(timeout));
        let outcome = py.detach(|| self.wait_detached(end, interruptible));
        outcome.map_err(|failure| error::raise(py, failure))
    }
}

impl WakeEvent {
    fn wait_detached(&self, end: Option<Instant>, interruptible: bool) -> polyextism::Result<bool> {
        let mut looked = Instant::now();
        loop {
            let mut set = self.lock();
            if !*set {
                let patience = nesting::patience(PATIENCE);
                let waited = self.changed.wait_timeout(set, patience);
                (set, _) = waited.unwrap_or_else(PoisonError::into_inner);
            }
            if std::mem::take(&mut *set) {
                break;
            }
            drop(set);
            ending::stay_if_over();
            let now = Instant::now();
            if interruptible {
                nesting::check_interrupt()?;
                if !signals::is_main() || now - looked > SIGNALS {
                    looked = now;
                    signals::check()?;
                }
            }
            if end.is_some_and(|end| now >= end) {
                return Ok(false);
            }
        }
        ending::stay_if_over();
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
