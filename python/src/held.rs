//! The Python objects of a host function.
//!
//! They are items of a Python list, which the GIL guards. A lock instead took four atomic operations for each host
//! call, a tenth of its time. Invariants: they are replaced as a whole, and never while Rust borrows from one; the
//! list is known to the collector through the `Function` only, which clears it.

use pyo3::{
    PyClass, PyTraverseError, PyVisit,
    prelude::*,
    types::{PyList, PyTuple},
};

use crate::{arguments::Arguments, parking::OnDrop};

/// `[Target, Arguments]`, each of which may be `None`.
pub(crate) struct Held {
    _parks: OnDrop,
    list: Py<PyList>,
}

/// What guests and Python code call.
#[pyclass(module = "extism._native", frozen)]
pub(crate) struct Target {
    pub(crate) f: Py<PyAny>,
    pub(crate) user_data: Py<PyTuple>,
    /// The callable that Python code calls, if it is not `f`.
    pub(crate) wrapped: Option<Py<PyAny>>,
}

const TARGET: usize = 0;
const SPARE: usize = 1;

#[pymethods]
impl Target {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.f)?;
        visit.call(&self.user_data)?;
        visit.call(&self.wrapped)
    }
}

impl Held {
    pub(crate) fn new(py: Python<'_>, target: Target) -> PyResult<Self> {
        let target = Bound::new(py, target)?.into_any();
        let list = PyList::new(py, [target, py.None().into_bound(py)])?;
        Ok(Self {
            _parks: OnDrop,
            list: list.unbind(),
        })
    }

    /// `None` after the collector has cleared it.
    pub(crate) fn target<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Target>> {
        self.item(py, TARGET)
    }

    /// The arguments of the last explicit call, if they are fit for reuse. Another call may be using them.
    pub(crate) fn spare<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Arguments>> {
        self.item(py, SPARE)
    }

    /// Keeps arguments for the next call, instead of those that it has.
    pub(crate) fn keep(&self, arguments: &Bound<'_, Arguments>) -> PyResult<()> {
        let py = arguments.py();
        match self.target(py) {
            Some(_) => self.list.bind(py).set_item(SPARE, arguments),
            None => Ok(()),
        }
    }

    /// Drops the arguments for the next call.
    pub(crate) fn forget(&self, py: Python<'_>) -> PyResult<()> {
        match self.spare(py) {
            Some(_) => self.list.bind(py).set_item(SPARE, py.None()),
            None => Ok(()),
        }
    }

    /// Drops everything. The collector may have emptied the list before.
    pub(crate) fn clear(&self, py: Python<'_>) -> PyResult<()> {
        let list = self.list.bind(py);
        list.del_slice(0, list.len())
    }

    /// Visits the list for the garbage collector.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.list)
    }

    fn item<'py, T: PyClass>(&self, py: Python<'py>, index: usize) -> Option<Bound<'py, T>> {
        let item = self.list.bind(py).get_item(index).ok()?;
        item.cast_into_exact().ok()
    }
}
