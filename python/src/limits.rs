//! Reads the argument `limits=`: what modules may cost and plug-ins may have.
//!
//! Core has the names and values. The class is in Python (`extism._limits`).

use polyextism::{Limits as Core, Proposal, Proposals};
use pyo3::{
    prelude::*,
    types::{PyDict, PyFrozenSet},
};

use crate::{convert::shown, error, parking};

/// Returns the default limits by name.
#[pyfunction]
pub(crate) fn default_limits(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    named(py, Core::default())
}

/// Returns the limits for untrusted code by name.
#[pyfunction]
pub(crate) fn strict_limits(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    named(py, Core::strict())
}

/// Returns the names of all WebAssembly features for `Limits(forbidden=...)`.
#[pyfunction]
pub(crate) fn feature_names(py: Python<'_>) -> PyResult<Bound<'_, PyFrozenSet>> {
    PyFrozenSet::new(py, Proposal::ALL.iter().map(|proposal| proposal.id()))
}

fn named(py: Python<'_>, mut limits: Core) -> PyResult<Bound<'_, PyDict>> {
    let named = PyDict::new(py);
    for (name, value) in limits.fields() {
        named.set_item(name, *value)?;
    }
    Ok(named)
}

/// The argument `limits=`: nothing, or an `extism.Limits`.
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) limits: Core,
    pub(crate) forbidden: Proposals,
    given: Option<Py<PyAny>>,
}

impl Limits {
    /// The value of `limits=` that means the same.
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
        let class = parking::import(py, "extism._limits")?.getattr("Limits")?;
        if !object.is_instance(&class)? {
            let found = object.get_type().name()?;
            let message = format!("limits= is an extism.Limits, found a value of type {found}");
            return Err(error::argument(py, message));
        }
        let mut limits = Core::default();
        for (name, limit) in limits.fields() {
            let value = object.getattr(name)?;
            *limit = value.extract().map_err(|_| {
                let found = shown(&value);
                let message =
                    format!("limits: {name}: expected a number from 0 to 2**64 - 1, found {found}");
                error::argument(py, message)
            })?;
        }
        let mut forbidden = Proposals::NONE;
        for name in object.getattr("forbidden")?.try_iter()? {
            let name: String = name?.extract()?;
            let proposal = Proposal::parse(&name);
            let wrong = |found| error::argument(py, format!("limits: forbidden: {found}"));
            forbidden = forbidden.with(proposal.map_err(wrong)?);
        }
        let given = Some(object.to_owned().unbind());
        Ok(Self {
            limits,
            forbidden,
            given,
        })
    }
}
