//! `Bell`: what the thread of a guest waits for, while its host function goes on elsewhere.
//!
//! It does not know what rings it. Invariants: who waits has no GIL and ends with the call that it serves; if the
//! interpreter ends meanwhile it waits for the end of the process, as guests do.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use polyextism::internal::nesting;
use pyo3::prelude::*;

use crate::{convert::Timeout, ending, error, signals};

/// How long at most until it looks whether the call has to end.
const PATIENCE: Duration = Duration::from_millis(8);

/// How often it lets Python look for signals, on the main thread.
const SIGNALS: Duration = Duration::from_millis(50);

/// What the thread of a guest waits for. For `extism._async`.
#[pyclass(module = "extism._native", frozen)]
#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

#[pymethods]
impl Bell {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Lets the one who waits go on, or the next one who would.
    fn ring(&self) {
        *self.lock() = true;
        self.changed.notify_one();
    }

    /// Waits until it is rung.
    ///
    /// Args:
    ///     timeout: For how long, in seconds.
    ///     attends: Whether to end with the call that the current thread serves.
    ///
    /// Returns:
    ///     Whether it was rung.
    ///
    /// Raises:
    ///     extism.Error: Why the call has to end.
    fn wait(&self, py: Python<'_>, timeout: Timeout, attends: bool) -> PyResult<bool> {
        signals::arrive(py)?;
        let end = timeout
            .0
            .and_then(|timeout| Instant::now().checked_add(timeout));
        let outcome = py.detach(|| self.wait_detached(end, attends));
        outcome.map_err(|failure| error::raise(py, failure))
    }
}

impl Bell {
    fn wait_detached(&self, end: Option<Instant>, attends: bool) -> polyextism::Result<bool> {
        let mut looked = Instant::now();
        loop {
            let mut rung = self.lock();
            if !*rung {
                let patience = nesting::patience(PATIENCE);
                let waited = self.changed.wait_timeout(rung, patience);
                (rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
            }
            if std::mem::take(&mut *rung) {
                break;
            }
            drop(rung);
            ending::stay_if_over();
            let now = Instant::now();
            if attends {
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
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
