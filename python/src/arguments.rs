//! The argument objects of explicit host functions, which are reused if nobody has kept them.
//!
//! Such a function gets a `CurrentPlugin` and two lists with a `Val` for each number. Creating them was most of the
//! cost of a call, and most functions keep none of them. So they are kept for the next call of the same function.
//!
//! Invariants: reuse cannot be observed. If anything else has a reference to one of the objects, or if one was
//! changed, the next call gets new objects. Between calls the objects contain no value from outside.

use polyextism::backend::{NumType, Signature};
use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    types::{PyList, PyTuple},
};

use crate::{current::CurrentPlugin, field::Scalar, scope::Token, value::Val};

/// The arguments of one call.
#[pyclass(module = "extism._native", frozen)]
pub(crate) struct Arguments {
    /// The callable.
    f: Py<PyAny>,
    /// `(current, params, results, *user_data)`.
    all: Py<PyTuple>,
    current: Py<CurrentPlugin>,
    params: Values,
    results: Values,
}

/// What [`Arguments::take`] has taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All results. Their list is as it was made.
    All,
    NotAll,
}

/// A list of `Val`, and its items.
struct Values {
    list: Py<PyList>,
    vals: Box<[Py<Val>]>,
}

#[pymethods]
impl Arguments {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.f)?;
        visit.call(&self.all)?;
        visit.call(&self.current)?;
        for values in [&self.params, &self.results] {
            visit.call(&values.list)?;
            for val in &values.vals {
                visit.call(val)?;
            }
        }
        Ok(())
    }
}

impl Arguments {
    /// New arguments for a function of this signature.
    pub(crate) fn new(
        py: Python<'_>,
        signature: &Signature,
        f: &Bound<'_, PyAny>,
        user_data: &Bound<'_, PyTuple>,
    ) -> PyResult<Self> {
        let current = Bound::new(py, CurrentPlugin::default())?;
        let params = Values::new(py, &signature.params)?;
        let results = Values::new(py, &signature.results)?;
        let mut all = vec![
            current.clone().into_any(),
            params.list.bind(py).clone().into_any(),
            results.list.bind(py).clone().into_any(),
        ];
        all.extend(user_data);
        Ok(Self {
            f: f.clone().unbind(),
            all: PyTuple::new(py, all)?.unbind(),
            current: current.unbind(),
            params,
            results,
        })
    }

    /// Sets them up for a host call.
    pub(crate) fn begin(&self, token: Token, signature: &Signature, slots: &[u64]) {
        self.current.get().begin(token);
        let params = self.params.vals.iter().zip(&signature.params).zip(slots);
        for ((val, &ty), &slot) in params {
            val.get().value.set_scalar(Scalar::load(ty, slot));
        }
    }

    /// Calls the function.
    pub(crate) fn call(&self, py: Python<'_>) -> PyResult<()> {
        self.f.bind(py).call1(&self.all).map(drop)
    }

    pub(crate) fn current(&self) -> &CurrentPlugin {
        self.current.get()
    }

    pub(crate) fn results<'py>(&self, py: Python<'py>) -> &Bound<'py, PyList> {
        self.results.list.bind(py)
    }

    /// Writes the results to `slots`, if they are numbers that fit, in the original list. No Python code runs.
    pub(crate) fn take(&self, py: Python<'_>, types: &[NumType], slots: &mut [u64]) -> Taken {
        let vals = self.results.vals.iter().zip(types).zip(slots);
        let store = |((val, &ty), slot): ((&Py<Val>, &NumType), &mut u64)| {
            let stored = val.get().value.scalar().and_then(|scalar| scalar.store(ty));
            stored.map(|stored| *slot = stored)
        };
        match self.results.is_as_made(py) && vals.map(store).all(|stored| stored.is_some()) {
            true => Taken::All,
            false => Taken::NotAll,
        }
    }

    /// Drops the values from outside. Returns whether the objects can be reused: not if one was kept or changed.
    pub(crate) fn rest(&self, py: Python<'_>, signature: &Signature, taken: Taken) -> bool {
        let free = self.is_free(py)
            && self.params.is_as_made(py)
            && (taken == Taken::All || self.results.is_as_made(py));
        if free {
            self.params.rest(&signature.params);
            self.results.rest(&signature.results);
        }
        free
    }

    /// Whether nobody else has a reference to any of them.
    fn is_free(&self, py: Python<'_>) -> bool {
        holders(py, &self.all) == 1
            // The tuple has the other reference.
            && holders(py, &self.current) == 2
            && self.params.are_free(py)
            && self.results.are_free(py)
    }
}

impl Values {
    /// Zeros of these types.
    fn new(py: Python<'_>, types: &[NumType]) -> PyResult<Self> {
        let zero = |&ty: &NumType| {
            let (t, value) = (Scalar::Type(ty).into(), Scalar::load(ty, 0).into());
            Py::new(py, Val { t, value })
        };
        let vals = types.iter().map(zero).collect::<PyResult<Box<[_]>>>()?;
        let list = PyList::new(py, &vals)?.unbind();
        Ok(Self { list, vals })
    }

    fn are_free(&self, py: Python<'_>) -> bool {
        // The tuple has the other reference to the list, and the list has those to its items.
        holders(py, &self.list) == 2 && self.vals.iter().all(|val| holders(py, val) == 2)
    }

    /// Whether the list still has its original items.
    fn is_as_made(&self, py: Python<'_>) -> bool {
        let list = self.list.bind(py);
        // A list iterator checks the length at each step, which costs more than the items.
        let mut vals = self.vals.iter().enumerate();
        list.len() == self.vals.len()
            && vals.all(|(index, val)| list.get_item(index).is_ok_and(|item| item.is(val)))
    }

    /// Sets all values to zero again.
    fn rest(&self, types: &[NumType]) {
        for (val, &ty) in self.vals.iter().zip(types) {
            let val = val.get();
            val.value.set_scalar(Scalar::load(ty, 0));
            val.t.set_scalar(Scalar::Type(ty));
        }
    }
}

/// Whether no other call uses arguments that a [`Held`](crate::held::Held) lends, and nobody else anything in them.
pub(crate) fn is_unused(lent: &Bound<'_, Arguments>) -> bool {
    let py = lent.py();
    // The list has the other reference.
    holders(py, lent.as_unbound()) == 2 && lent.get().is_free(py)
}

/// The number of references to an object.
#[expect(
    deprecated,
    reason = "the other spelling is code that the compiler cannot check, which this crate keeps in one file"
)]
fn holders<T>(py: Python<'_>, object: &Py<T>) -> isize {
    object.get_refcnt(py)
}
