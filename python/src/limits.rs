//! `limits=`: what modules may cost and plug-ins may have, as Python says it.
//!
//! The names and defaults are core's; the class is Python's (`extism._limits`).

use polyextism::Bounds;
use pyo3::{prelude::*, types::PyDict};

use crate::error;

/// The limits that hold if nobody says others, by name.
#[pyfunction]
pub(crate) fn default_limits(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let limits = PyDict::new(py);
    for (name, value) in Bounds::default().fields() {
        limits.set_item(name, *value)?;
    }
    Ok(limits)
}

/// What `limits=` says: nothing, or an `extism.Limits`.
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) bounds: Bounds,
    given: Option<Py<PyAny>>,
}

impl Limits {
    /// What says the same.
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        match &self.given {
            Some(given) => given.bind(py).clone(),
            None => py.None().into_bound(py),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Limits {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let class = py.import("extism._limits")?.getattr("Limits")?;
        if !object.is_instance(&class)? {
            let found = object.get_type().name()?;
            let message = format!("limits= is an extism.Limits, found a value of type {found}");
            return Err(error::argument(py, message));
        }
        let mut bounds = Bounds::default();
        for (name, bound) in bounds.fields() {
            let value = object.getattr(name)?;
            *bound = value.extract().map_err(|_| {
                let message = match value.repr() {
                    Ok(found) => format!(
                        "limits: {name}: expected a number from 0 to 2**64 - 1, found {found}"
                    ),
                    Err(error) => return error,
                };
                error::argument(py, message)
            })?;
        }
        let given = Some(object.to_owned().unbind());
        Ok(Self { bounds, given })
    }
}
