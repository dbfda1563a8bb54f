//! `CancelHandle`: ends calls of a plug-in from outside.
//!
//! It has only the handle of the plug-in, so it may outlive the plug-in.

use pyo3::prelude::*;

/// Cancels calls of a plug-in, from any thread. It stays valid when the plug-in is closed.
#[pyclass(module = "extism", frozen)]
pub(crate) struct CancelHandle(pub(crate) polyextism::CancelHandle);

#[pymethods]
impl CancelHandle {
    /// Cancels the running call, which raises `extism.CancelledError`. The next call is not affected.
    ///
    /// Returns:
    ///     Whether a call was running.
    fn cancel(&self) -> bool {
        self.0.cancel()
    }

    fn __repr__(&self) -> String {
        let state = match self.0.is_running() {
            true => "a call is running",
            false => "no call is running",
        };
        format!("<extism.CancelHandle: {state}>")
    }
}
