//! Reads the argument `diagnostics=`: dumps after failures, and profiling.
//!
//! Core decides what the values mean. The class is in Python (`extism._diagnostics`).

use std::path::PathBuf;

use polyextism::{Profiler, Setting};
use pyo3::{
    prelude::*,
    types::{PyBool, PyString},
};

use crate::{convert, error, parking, tree};

/// The argument `diagnostics=`: nothing, or an `extism.Diagnostics`.
#[derive(Default)]
pub(crate) struct Diagnostics {
    pub(crate) settings: polyextism::Diagnostics,
    given: Option<Py<PyAny>>,
}

impl Diagnostics {
    /// The value of `diagnostics=` that means the same.
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        match &self.given {
            Some(given) => given.bind(py).clone(),
            None => py.None().into_bound(py),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Diagnostics {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let class = parking::import(py, "extism._diagnostics")?.getattr("Diagnostics")?;
        if !object.is_instance(&class)? {
            let found = object.get_type().name()?;
            let message =
                format!("diagnostics= is an extism.Diagnostics, found a value of type {found}");
            return Err(error::argument(py, message));
        }
        let settings = polyextism::Diagnostics::default()
            .with_core_dump(setting(&object, "core_dump", "the path of a file", path)?)
            .with_memory_dump(setting(&object, "memory_dump", "the path of a file", path)?)
            .with_profiler(setting(
                &object,
                "profiler",
                "'perf', 'jitdump' or 'vtune'",
                profiler,
            )?);
        let given = Some(object.to_owned().unbind());
        Ok(Self { settings, given })
    }
}

/// Reads a field: `None` leaves it to the environment, `False` switches it off, `read` reads any other value.
fn setting<T>(
    object: &Bound<'_, PyAny>,
    field: &str,
    allowed: &str,
    read: impl Fn(&Bound<'_, PyAny>) -> PyResult<Option<T>>,
) -> PyResult<Setting<T>> {
    let value = object.getattr(field)?;
    if value.is_none() {
        return Ok(Setting::Environment);
    }
    if value.cast::<PyBool>().is_ok_and(|is_on| !is_on.is_true()) {
        return Ok(Setting::Off);
    }
    match read(&value)? {
        Some(value) => Ok(Setting::On(value)),
        None => {
            let found = match value.cast::<PyString>() {
                Ok(text) => convert::shown(text),
                Err(_) => format!("a value of type {}", convert::type_name(&value)),
            };
            let message =
                format!("diagnostics: {field} is {found}; it is {allowed}, False or None");
            Err(error::argument(object.py(), message))
        }
    }
}

fn path(value: &Bound<'_, PyAny>) -> PyResult<Option<PathBuf>> {
    match value.is_instance_of::<PyString>() {
        true => value.extract().map(Some),
        false => tree::path(value),
    }
}

fn profiler(value: &Bound<'_, PyAny>) -> PyResult<Option<Profiler>> {
    let Ok(name) = value.cast::<PyString>() else {
        return Ok(None);
    };
    let name = name.to_str()?;
    let mut known = Profiler::ALL.iter().copied();
    Ok(known.find(|profiler| profiler.name() == name))
}
