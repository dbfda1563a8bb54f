//! Errors of core as Python exceptions: the one mapping.
//!
//! The classes are in Python (`extism._errors`) and are found by the name of the kind. The text of an exception is
//! the message of core, so it is the same on every engine. A hint may follow it that says what to write in Python.
//!
//! Invariant: an exception that a host function has raised becomes the cause, as the same object; one that is no
//! `Exception` (KeyboardInterrupt, SystemExit) propagates unchanged.

use std::io;

use polyextism::{Error, ErrorKind, Frame, LinkReason, internal::WASI_OFF};
use pyo3::{
    exceptions::{PyException, PyRuntimeError},
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyTuple, PyType},
};
use uuid::Uuid;

use crate::{bytes, convert::type_name, ending::park_at_exit, parking, signals::Raised};

/// Where an error happened.
#[derive(Clone, Copy, Default)]
pub(crate) struct CallSite<'a> {
    pub(crate) plugin: Option<Uuid>,
    pub(crate) function: Option<&'a str>,
}

/// The Python exception for `error`.
#[cold]
pub(crate) fn raise(py: Python<'_>, error: Error) -> PyErr {
    raise_at(py, error, CallSite::default())
}

/// The Python exception for a wrong argument.
#[cold]
pub(crate) fn argument(py: Python<'_>, message: impl Into<String>) -> PyErr {
    raise(py, Error::new(ErrorKind::Argument, message))
}

/// As [`raise`], with the site in the attributes of the exception.
#[cold]
pub(crate) fn raise_at(py: Python<'_>, mut error: Error, site: CallSite<'_>) -> PyErr {
    parking::prepare();
    let source = match error
        .take_source()
        .map(|source| source.downcast::<Raised>())
    {
        Some(Ok(raised)) => return raised.0,
        Some(Err(source)) => Some(source),
        None => None,
    };
    let cause = source.map(|source| cause(py, source));
    if let Some(cause) = cause.as_ref().filter(|_| is_host(&error))
        && !cause.is_instance_of::<PyException>(py)
    {
        return cause.clone_ref(py);
    }
    match park_at_exit(|| exception(py, &error, site)) {
        Ok(exception) => {
            let raised = PyErr::from_value(exception);
            raised.set_cause(py, cause);
            raised
        }
        Err(failure) => failure,
    }
}

/// Adds the position of an item to the exception that was raised for it.
#[cold]
pub(crate) fn at_item(py: Python<'_>, raised: PyErr, position: usize) -> PyErr {
    let name = intern!(py, "extism._functions");
    let marked = py
        .import(name)
        .and_then(|module| module.call_method1("at_item", (raised.value(py), position)));
    match marked {
        Ok(_) => raised,
        Err(failure) => failure,
    }
}

/// The error of core for an exception of Python code. `who` names the code, such as a host function.
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

/// Whether the exception says that a call of a plug-in was interrupted.
#[cold]
pub(crate) fn is_interruption(py: Python<'_>, raised: &PyErr) -> bool {
    [ErrorKind::Timeout, ErrorKind::Cancelled]
        .iter()
        .any(
            |kind| match classes(py).map(|all| all.get_item(kind.name())) {
                Ok(Ok(Some(class))) => raised.matches(py, class).unwrap_or(false),
                _ => false,
            },
        )
}

fn is_host(error: &Error) -> bool {
    error.kind() == ErrorKind::HostFunction
}

static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
static FRAME: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn classes(py: Python<'_>) -> PyResult<&Bound<'_, PyDict>> {
    CLASSES.import(py, "extism._errors", "CLASSES")
}

fn frame(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    FRAME.import(py, "extism._errors", "Frame")
}

/// Finds the Python classes when the module is imported, because nothing can be imported when the interpreter ends.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    classes(py)?;
    frame(py)?;
    // The class of UUIDs as well.
    Uuid::nil().into_pyobject(py).map(drop)
}

/// The hint that says how to enable WASI.
const WASI: &str = "; in Python: `wasi=True`";

/// The message for an unresolved import, with a hint for Python.
pub(crate) fn unanswered(why: &str) -> String {
    match why == WASI_OFF {
        true => format!("{why}{WASI}"),
        false => why.to_owned(),
    }
}

/// The message, with hints for Python: how to enable WASI, and the decorator for each host function whose namespace
/// differs.
fn text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut mistakes = error.link_mistakes().iter();
    if mistakes.any(|mistake| mistake.reason == LinkReason::WasiOff) {
        text.push_str(WASI);
    }
    for mistake in error.link_mistakes() {
        if mistake.reason == LinkReason::OtherNamespace {
            let (name, namespace) = (&mistake.name, &mistake.namespace);
            text.push_str(&format!(
                "; in Python: `@extism.host_fn(name=\"{name}\", namespace=\"{namespace}\")`"
            ));
        }
    }
    text
}

fn exception<'py>(
    py: Python<'py>,
    error: &Error,
    site: CallSite<'_>,
) -> PyResult<Bound<'py, PyAny>> {
    let classes = classes(py)?;
    let kind = error.kind();
    let class = match classes.get_item(kind.name())? {
        Some(class) => class,
        None => py.import("extism._errors")?.getattr("Error")?,
    };
    let exception = class.call1((text(error),))?;
    if let Some(code) = error.code() {
        exception.setattr(intern!(py, "code"), code)?;
    }
    if let ErrorKind::Trap(trap) = kind {
        exception.setattr(intern!(py, "trap"), trap.name())?;
    }
    if let Some(text) = error.guest_text() {
        exception.setattr(intern!(py, "guest_text"), bytes::bytes(py, text)?)?;
    }
    if !error.backtrace().is_empty() {
        set_backtrace(&exception, error.backtrace())?;
    }
    if let Some(plugin) = site.plugin {
        exception.setattr(intern!(py, "plugin_id"), plugin)?;
    }
    if let Some(function) = site.function {
        exception.setattr(intern!(py, "function"), function)?;
    }
    Ok(exception)
}

/// Adds an attribute for programs, and a note, which tracebacks show after the text.
#[cold]
fn set_backtrace(exception: &Bound<'_, PyAny>, backtrace: &[Frame]) -> PyResult<()> {
    let py = exception.py();
    let class = frame(py)?;
    let mut note = "guest backtrace, the innermost function first:".to_owned();
    let mut frames = Vec::new();
    for frame in backtrace {
        note.push_str(&format!("\n  {frame}"));
        frames.push(class.call1((&*frame.module, frame.function.as_deref(), frame.index))?);
    }
    exception.setattr(intern!(py, "backtrace"), PyTuple::new(py, frames)?)?;
    // `add_note` exists since Python 3.11. Older versions ignore the attribute.
    exception.setattr(intern!(py, "__notes__"), [note])
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
