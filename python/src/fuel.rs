//! Reads the argument `fuel=`: how much work a call may do.
//!
//! Core defines the units and counts them.

use pyo3::prelude::*;

use crate::{convert::shown, error};

/// A number of units; `None` if it is infinite.
#[derive(Clone, Copy)]
pub(crate) struct Fuel(pub(crate) Option<u64>);

impl Fuel {
    /// The fuel that a plug-in is compiled with.
    pub(crate) fn counted(self) -> u64 {
        self.0.unwrap_or(u64::MAX)
    }

    /// The value of `fuel=` that means the same as `counted`; `None` is a plug-in that does not count.
    pub(crate) fn object(py: Python<'_>, counted: Option<u64>) -> PyResult<Bound<'_, PyAny>> {
        match counted {
            None => Ok(py.None().into_bound(py)),
            Some(u64::MAX) => Ok(f64::INFINITY.into_pyobject(py)?.into_any()),
            Some(units) => Ok(units.into_pyobject(py)?.into_any()),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Fuel {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(units) = object.extract::<u64>() {
            return Ok(Self(Some(units)));
        }
        if object
            .extract::<f64>()
            .is_ok_and(|units| units == f64::INFINITY)
        {
            return Ok(Self(None));
        }
        let found = shown(&object);
        let message = format!(
            "fuel: expected a number of units from 0 to 2**64 - 1, or math.inf, found {found}"
        );
        Err(error::argument(object.py(), message))
    }
}
