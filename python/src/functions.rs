//! The host functions that a plug-in, live or compiled, was given and keeps alive.
//!
//! Core holds on to what guests call, but does not keep its Python side alive: that is owned here,
//! where the garbage collector sees it. Which of them a module imports is core's to say.
//!
//! Invariant: no Python code runs under the lock.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use pyo3::{PyTraverseError, PyVisit, prelude::*, types::PyList};

use crate::{convert::type_name, error, function::Function};

/// Host functions that are kept alive, until they are dropped or cleared.
pub(crate) struct Functions(Mutex<Vec<Py<Function>>>);

impl Functions {
    /// Understands `functions=`; `None` are those that the decorator has registered.
    pub(crate) fn given(py: Python<'_>, functions: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let functions = match functions {
            Some(functions) => collect(functions)?,
            None => collect(
                &py.import("extism.host_fn")?
                    .getattr("registered")?
                    .call0()?,
            )?,
        };
        Ok(Self(Mutex::new(functions)))
    }

    /// Lets go of those that are not at these positions.
    pub(crate) fn keep(&self, positions: &[usize]) {
        let mut functions = self.lock();
        let all = mem::take(&mut *functions).into_iter().enumerate();
        let (kept, gone): (Vec<_>, Vec<_>) = all.partition(|(at, _)| positions.contains(at));
        functions.extend(kept.into_iter().map(|(_, function)| function));
        drop(functions);
        // After the lock is free: it may run any Python code.
        drop(gone);
    }

    /// The functions as a Python list.
    pub(crate) fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let functions = self.share(py);
        PyList::new(py, &*functions.lock())
    }

    /// The same functions, to keep them alive for another owner as well.
    pub(crate) fn share(&self, py: Python<'_>) -> Self {
        let functions = self.lock();
        let shared = functions.iter().map(|function| function.clone_ref(py));
        Self(Mutex::new(shared.collect()))
    }

    /// What core links.
    pub(crate) fn core(&self) -> Vec<polyextism::Function> {
        let functions = self.lock();
        let core = functions.iter().map(|function| function.get().core());
        core.cloned().collect()
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(functions) = self.0.try_lock() {
            for function in &*functions {
                visit.call(function)?;
            }
        }
        Ok(())
    }

    pub(crate) fn clear(&self) {
        let functions = mem::take(&mut *self.lock());
        // After the lock is free: it may run any Python code.
        drop(functions);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Py<Function>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn collect(functions: &Bound<'_, PyAny>) -> PyResult<Vec<Py<Function>>> {
    let one = |function: PyResult<Bound<'_, PyAny>>| {
        let function = function?;
        match function.cast::<Function>() {
            Ok(function) => Ok(function.clone().unbind()),
            Err(_) => {
                let found = type_name(&function);
                let message = format!(
                    "functions= are extism.Function objects, such as extism.host_fn makes, found \
                     a value of type {found}"
                );
                Err(error::argument(function.py(), message))
            }
        }
    };
    functions.try_iter()?.map(one).collect()
}
