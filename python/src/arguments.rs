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

use crate::{current::CurrentPlugin, scope::Token, value, value::Val};

/// The arguments of one call.
pub(crate) struct Arguments {
    /// The callable.
    f: Py<PyAny>,
    /// `(current, params, results, *user_data)`.
    all: Py<PyTuple>,
    current: Py<CurrentPlugin>,
    params: Values,
    results: Values,
}

/// A list of `Val`, and its items.
struct Values {
    list: Py<PyList>,
    vals: Box<[Py<Val>]>,
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
    pub(crate) fn begin(
        &self,
        py: Python<'_>,
        token: Token,
        signature: &Signature,
        slots: &[u64],
    ) -> PyResult<()> {
        self.current.get().begin(token);
        let params = self.params.vals.iter().zip(&signature.params).zip(slots);
        for ((val, &ty), &slot) in params {
            val.bind(py).try_borrow_mut()?.value = value::load(py, ty, slot)?;
        }
        Ok(())
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

    /// Drops the values from outside, and returns the objects for reuse. `None` if one was kept or changed.
    pub(crate) fn rest(self, py: Python<'_>, signature: &Signature) -> Option<Self> {
        let free = self.is_free(py)
            && self.params.is_as_made(py)
            && self.results.is_as_made(py)
            && self.params.rest(py, &signature.params)
            && self.results.rest(py, &signature.results);
        free.then_some(self)
    }

    /// Whether nobody else has a reference to any of them.
    pub(crate) fn is_free(&self, py: Python<'_>) -> bool {
        holders(py, &self.all) == 1
            // The tuple has the other reference.
            && holders(py, &self.current) == 2
            && self.params.are_free(py)
            && self.results.are_free(py)
    }

    /// Visits the objects for the garbage collector.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
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

impl Values {
    /// Zeros of these types.
    fn new(py: Python<'_>, types: &[NumType]) -> PyResult<Self> {
        let zero = |&ty: &NumType| {
            let t = value::val_type(py, ty)?.clone_ref(py);
            let value = value::load(py, ty, 0)?;
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

    /// Sets all values to zero again. Returns whether that succeeded.
    fn rest(&self, py: Python<'_>, types: &[NumType]) -> bool {
        self.vals.iter().zip(types).all(|(val, &ty)| {
            let zero = value::load(py, ty, 0);
            let t = value::val_type(py, ty);
            match (val.bind(py).try_borrow_mut(), zero, t) {
                (Ok(mut val), Ok(zero), Ok(t)) => {
                    let old = std::mem::replace(&mut val.value, zero);
                    let other = match val.t.is(t) {
                        true => None,
                        false => Some(std::mem::replace(&mut val.t, t.clone_ref(py))),
                    };
                    // Dropping these may run any Python code, which must find nothing borrowed.
                    drop(val);
                    drop((old, other));
                    true
                }
                _ => false,
            }
        })
    }
}

/// The number of references to an object.
#[expect(
    deprecated,
    reason = "the other spelling is code that the compiler cannot check, which this crate keeps in one file"
)]
fn holders<T>(py: Python<'_>, object: &Py<T>) -> isize {
    object.get_refcnt(py)
}
