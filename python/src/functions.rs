//! The host functions of a live or compiled plug-in, which keeps them alive.
//!
//! Core has only weak references to the Python objects. This module owns them, so the garbage collector sees them.
//! Core decides which of them a module imports.
//!
//! Invariant: no Python code runs under the lock.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use polyextism::HttpClient;
use pyo3::{PyTraverseError, PyVisit, prelude::*, types::PyList};

use crate::{
    convert::type_name,
    error, expect,
    function::Function,
    http::Client,
    parking::{self, OnDrop},
};

/// Host functions that are kept alive, until they are dropped or cleared.
pub(crate) struct Functions(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    _parks: OnDrop,
    functions: Vec<Py<Function>>,
    /// The HTTP client of the user, which is kept alive as well.
    client: Option<Py<Client>>,
}

impl Functions {
    /// Reads the argument `functions=`. `None` means the functions that the decorator has registered.
    pub(crate) fn given(py: Python<'_>, functions: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let functions = match functions {
            Some(functions) => collect(functions)?,
            None => collect(
                &parking::import(py, "extism.host_fn")?
                    .getattr("registered")?
                    .call0()?,
            )?,
        };
        let client = None;
        Ok(Self(Mutex::new(Kept {
            functions,
            client,
            ..Kept::default()
        })))
    }

    /// Adds an HTTP client.
    pub(crate) fn with_client(self, client: Option<Py<Client>>) -> Self {
        self.lock().client = client;
        self
    }

    /// The HTTP client of the user.
    pub(crate) fn client(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let client = self
            .lock()
            .client
            .as_ref()
            .map(|client| client.clone_ref(py));
        client?.get().callable(py)
    }

    /// Drops all functions that are not at these positions.
    pub(crate) fn keep(&self, positions: &[usize]) {
        let mut owned = self.lock();
        let all = mem::take(&mut owned.functions).into_iter().enumerate();
        let (kept, gone): (Vec<_>, Vec<_>) = all.partition(|(at, _)| positions.contains(at));
        owned.functions = kept.into_iter().map(|(_, function)| function).collect();
        drop(owned);
        // After the lock is free, because dropping them may run any Python code.
        drop(gone);
    }

    /// The functions as a Python list.
    pub(crate) fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let functions = self.share(py);
        PyList::new(py, &functions.lock().functions)
    }

    /// A second owner of the same functions.
    pub(crate) fn share(&self, py: Python<'_>) -> Self {
        let kept = self.lock();
        let functions = kept.functions.iter();
        Self(Mutex::new(Kept {
            functions: functions.map(|function| function.clone_ref(py)).collect(),
            client: kept.client.as_ref().map(|client| client.clone_ref(py)),
            ..Kept::default()
        }))
    }

    /// The functions for core to link.
    pub(crate) fn core(&self) -> Vec<polyextism::Function> {
        let kept = self.lock();
        let core = kept.functions.iter();
        core.map(|function| function.get().core().clone()).collect()
    }

    /// The HTTP client for core.
    pub(crate) fn core_client(&self) -> Option<Arc<dyn HttpClient>> {
        let kept = self.lock();
        kept.client.as_ref().map(|client| client.get().core())
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(kept) = self.0.try_lock() {
            for function in &kept.functions {
                visit.call(function)?;
            }
            visit.call(&kept.client)?;
        }
        Ok(())
    }

    pub(crate) fn clear(&self) {
        let kept = mem::take(&mut *self.lock());
        // After the lock is free, because dropping them may run any Python code.
        drop(kept);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
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
                    "functions= is a list of functions decorated with @extism.host_fn(), found \
                     a value of type {found}"
                );
                Err(error::argument(function.py(), message))
            }
        }
    };
    if functions.cast::<Function>().is_ok() {
        let message =
            "functions= is a list of host functions, found a single one; write functions=[f]";
        return Err(error::argument(functions.py(), message));
    }
    expect::items("functions", "a list of extism.Function objects", functions)?
        .map(one)
        .collect()
}
