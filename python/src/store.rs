//! Access to the variables and the configuration of a plug-in, from outside and from its host functions.
//!
//! `extism._state` builds mappings on top of it. Invariant: an access from outside waits for its turn, as a call does;
//! an access from a host function goes through the host call, and is refused after the call.

use polyextism::{Error, ErrorKind, Host};
use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyDict, PyType},
};

use crate::{
    bytes,
    convert::{self, Input},
    current, error, expect, parking,
    plugin::Plugin,
    scope::{self, Token},
};

/// The variables and the configuration of a plug-in.
#[pyclass(module = "extism._native", frozen)]
pub(crate) struct Store(Owner);

enum Owner {
    Plugin(Py<Plugin>),
    Call(Token),
}

impl Store {
    pub(crate) fn of_plugin(plugin: Py<Plugin>) -> Self {
        Self(Owner::Plugin(plugin))
    }

    pub(crate) fn of_call(token: Token) -> Self {
        Self(Owner::Call(token))
    }

    /// The mapping of variables over this store.
    pub(crate) fn vars(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        CLASS.import(py, "extism._state", "Vars")?.call1((self,))
    }

    /// The mapping of the configuration over this store.
    pub(crate) fn config(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        CLASS.import(py, "extism._state", "Config")?.call1((self,))
    }

    /// `body` must not run Python code that could come back here.
    fn with<R>(&self, py: Python<'_>, body: impl FnOnce(&mut Host) -> R) -> PyResult<R> {
        parking::prepare();
        match &self.0 {
            Owner::Plugin(plugin) => plugin.get().host(py, body),
            Owner::Call(token) => scope::with(*token, |mut caller| body(caller.host()))
                .ok_or_else(|| current::expired(py)),
        }
    }
}

#[pymethods]
impl Store {
    /// The value of a variable, or `None`.
    fn var<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = expect::key)] key: &str,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.with(py, |host| {
            let value = host.vars().get(key);
            value.map(|value| bytes::bytes(py, value)).transpose()
        })?
    }

    /// Sets a variable.
    fn set_var(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = expect::key)] key: &str,
        value: Input<'_, '_>,
    ) -> PyResult<()> {
        let set = self.with(py, |host| host.vars_mut().set(key, value.bytes()))?;
        set.map_err(|why| error::raise(py, Error::new(ErrorKind::Argument, why.to_string())))
    }

    /// Removes a variable. Returns whether there was one.
    fn remove_var(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = expect::key)] key: &str,
    ) -> PyResult<bool> {
        self.with(py, |host| host.vars_mut().remove(key).is_some())
    }

    /// The keys of all variables, in order.
    fn var_keys(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let keys = |host: &mut Host| host.vars().iter().map(|(key, _)| key.to_owned()).collect();
        self.with(py, keys)
    }

    /// A copy of the configuration.
    fn config_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let entries = self.with(py, |host| host.config().clone())?;
        let config = PyDict::new(py);
        for (key, value) in entries {
            config.set_item(key, value)?;
        }
        Ok(config)
    }

    /// The value of a key of the configuration, or `None`.
    fn config_value(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = expect::key)] key: &str,
    ) -> PyResult<Option<String>> {
        self.with(py, |host| host.config().get(key).cloned())
    }

    /// Sets a key of the configuration.
    fn set_config(
        &self,
        #[pyo3(from_py_with = expect::key)] key: &str,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let text = convert::config_value(key, value)?;
        let update = [(key.to_owned(), Some(text))];
        self.with(value.py(), |host| host.update_config(update))
    }

    /// Sets keys of the configuration, and removes those with the value `None`. If one is wrong, none changes.
    pub(crate) fn update_config(&self, config: &Bound<'_, PyAny>) -> PyResult<()> {
        let update = convert::config(config)?;
        self.with(config.py(), |host| host.update_config(update))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.0 {
            Owner::Plugin(plugin) => visit.call(plugin),
            Owner::Call(_) => Ok(()),
        }
    }
}
