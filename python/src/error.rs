//! Errors of core as Python exceptions: the one mapping.
//!
//! The classes are Python's (`extism._errors`), found by the name of the kind. The text of an
//! exception is exactly the message of core, so it is the same on every engine.
//!
//! Invariant: an exception that a host function raised comes out as the same object, as the cause;
//! one that is no `Exception` (KeyboardInterrupt, SystemExit) comes out as itself.

use std::io;

use polyextism::{Error, ErrorKind};
use pyo3::{
    exceptions::{PyException, PyRuntimeError},
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::PyDict,
};
use uuid::Uuid;

use crate::convert::type_name;

/// Where an error happened.
#[derive(Clone, Copy, Default)]
pub(crate) struct Place<'a> {
    pub(crate) plugin: Option<Uuid>,
    pub(crate) function: Option<&'a str>,
}

/// The Python exception for `error`.
#[cold]
pub(crate) fn raise(py: Python<'_>, error: Error) -> PyErr {
    raise_at(py, error, Place::default())
}

/// The Python exception for a wrong argument.
#[cold]
pub(crate) fn argument(py: Python<'_>, message: impl Into<String>) -> PyErr {
    raise(py, Error::new(ErrorKind::Argument, message))
}

/// As [`raise`], with the place in the attributes.
#[cold]
pub(crate) fn raise_at(py: Python<'_>, mut error: Error, place: Place<'_>) -> PyErr {
    let cause = error.take_source().map(|source| cause(py, source));
    if let Some(cause) = cause.as_ref().filter(|_| is_host(&error))
        && !cause.is_instance_of::<PyException>(py)
    {
        return cause.clone_ref(py);
    }
    match exception(py, &error, place) {
        Ok(exception) => {
            let raised = PyErr::from_value(exception);
            raised.set_cause(py, cause);
            raised
        }
        Err(failure) => failure,
    }
}

/// The error of core for what Python code raised, in a host function or in its place; `who` names it.
#[cold]
pub(crate) fn raised(py: Python<'_>, who: &str, raised: PyErr) -> Error {
    let value = raised.value(py).as_any();
    let mut message = format!("{who} raised {}", type_name(value));
    match value.str() {
        Ok(text) if text.is_empty().unwrap_or(true) => {}
        Ok(text) => message = format!("{message}: {}", text.to_string_lossy()),
        Err(_) => message.push_str(", whose text cannot be shown"),
    }
    Error::new(ErrorKind::HostFunction, message).with_source(raised)
}

fn is_host(error: &Error) -> bool {
    error.kind() == ErrorKind::HostFunction
}

fn exception<'py>(py: Python<'py>, error: &Error, place: Place<'_>) -> PyResult<Bound<'py, PyAny>> {
    static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let classes = CLASSES.import(py, "extism._errors", "CLASSES")?;
    let kind = error.kind();
    let class = match classes.get_item(kind.name())? {
        Some(class) => class,
        None => py.import("extism._errors")?.getattr("Error")?,
    };
    let exception = class.call1((error.to_string(),))?;
    if let Some(code) = error.code() {
        exception.setattr(intern!(py, "code"), code)?;
    }
    if let ErrorKind::Trap(trap) = kind {
        exception.setattr(intern!(py, "trap"), trap.name())?;
    }
    if let Some(plugin) = place.plugin {
        exception.setattr(intern!(py, "plugin_id"), plugin)?;
    }
    if let Some(function) = place.function {
        exception.setattr(intern!(py, "function"), function)?;
    }
    Ok(exception)
}

fn cause(py: Python<'_>, source: Box<dyn std::error::Error + Send + Sync>) -> PyErr {
    let source = match source.downcast::<PyErr>() {
        Ok(raised) => return *raised,
        Err(source) => source,
    };
    let source = match source.downcast::<Error>() {
        Ok(error) => return raise(py, *error),
        Err(source) => source,
    };
    match source.downcast::<io::Error>() {
        Ok(error) => PyErr::from(*error),
        Err(source) => PyRuntimeError::new_err(source.to_string()),
    }
}
