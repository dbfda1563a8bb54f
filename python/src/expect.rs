//! Arguments of plain types, such as text, truth values and numbers, with errors that name the argument.
//!
//! PyO3 reads such arguments itself, but its errors say neither which argument is wrong nor what is allowed. Each
//! function at the end reads one argument, for `from_py_with`. This module does not know what the values mean.

use pyo3::{
    FromPyObject,
    prelude::*,
    types::{PyIterator, PyString},
};

use crate::{
    convert::{Timeout, shown, type_name},
    error,
};

/// A text.
///
/// # Errors
/// `ArgumentError`, which names the argument; `UnicodeEncodeError` for a text that UTF-8 cannot encode.
#[inline]
pub(crate) fn text<'a>(name: &str, object: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    object
        .extract()
        .map_err(|error| no_text(name, object, error))
}

/// True or False.
///
/// # Errors
/// `ArgumentError`, which names the argument.
pub(crate) fn flag(name: &str, object: &Bound<'_, PyAny>) -> PyResult<bool> {
    object
        .extract()
        .map_err(|_| wrong(name, "True or False", object, type_name(object)))
}

/// A whole number of at least 0 that fits into `T`.
///
/// # Errors
/// `ArgumentError`, which names the argument.
pub(crate) fn number<'a, 'py, T>(name: &str, object: &'a Bound<'py, PyAny>) -> PyResult<T>
where
    T: FromPyObject<'a, 'py> + Bounded,
{
    object.extract().map_err(|_| {
        let needed = format!("a whole number from 0 to {}", T::MOST);
        let found = shown(object);
        error::argument(
            object.py(),
            format!("{name}: expected {needed}, found {found}"),
        )
    })
}

/// A type of numbers, with its largest value for errors.
pub(crate) trait Bounded {
    /// The largest value, in words.
    const MOST: &'static str;
}

impl Bounded for u64 {
    const MOST: &'static str = "2**64 - 1";
}

impl Bounded for usize {
    const MOST: &'static str = if Self::BITS == 64 {
        "2**64 - 1"
    } else {
        "2**32 - 1"
    };
}

/// An iterator over an argument. `what` names the items.
///
/// # Errors
/// `ArgumentError`, which names the argument; any exception of its iterator.
pub(crate) fn items<'py>(
    name: &str,
    what: &str,
    object: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyIterator>> {
    if object.hasattr("__iter__")? || object.hasattr("__getitem__")? {
        return object.try_iter();
    }
    Err(wrong(name, what, object, type_name(object)))
}

#[cold]
fn wrong(name: &str, needed: &str, object: &Bound<'_, PyAny>, found: String) -> PyErr {
    let message = format!("{name}: expected {needed}, found a value of type {found}");
    error::argument(object.py(), message)
}

/// The name of a function.
pub(crate) struct FunctionName<'a>(pub(crate) &'a str);

impl<'a, 'py> FromPyObject<'a, 'py> for FunctionName<'a> {
    type Error = PyErr;

    #[inline]
    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match object.extract::<&str>() {
            Ok(name) => Ok(Self(name)),
            Err(error) => Err(no_text("the name of a function", &object, error)),
        }
    }
}

/// Keeps the error of a text that UTF-8 cannot encode.
#[cold]
fn no_text(name: &str, object: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    match object.is_instance_of::<PyString>() {
        true => error,
        false => wrong(name, "a str", object, type_name(object)),
    }
}

pub(crate) fn capture_limit(object: &Bound<'_, PyAny>) -> PyResult<usize> {
    number("capture_limit", object)
}

pub(crate) fn clock(object: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    optional(object, |object| number("clock", object))
}

pub(crate) fn compile_timeout(object: &Bound<'_, PyAny>) -> PyResult<Option<Timeout>> {
    optional(object, |object| Timeout::read("compile_timeout", object))
}

pub(crate) fn compiler<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<Option<&'a str>> {
    optional(object, |object| text("compiler", object))
}

pub(crate) fn deterministic(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    flag("deterministic", object)
}

pub(crate) fn error_text<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    text("text", object)
}

pub(crate) fn http_response_headers(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    flag("http_response_headers", object)
}

pub(crate) fn key<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    text("key", object)
}

pub(crate) fn length(object: &Bound<'_, PyAny>) -> PyResult<u64> {
    number("length", object)
}

pub(crate) fn level<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<Option<&'a str>> {
    optional(object, |object| text("level", object))
}

pub(crate) fn line_level<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    text("level", object)
}

pub(crate) fn log_level<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    text("log_level", object)
}

pub(crate) fn max_descriptors(object: &Bound<'_, PyAny>) -> PyResult<usize> {
    number("max_descriptors", object)
}

pub(crate) fn name<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    text("name", object)
}

pub(crate) fn offs(object: &Bound<'_, PyAny>) -> PyResult<u64> {
    number("offs", object)
}

pub(crate) fn reuse(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    flag("reuse", object)
}

pub(crate) fn seed(object: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    optional(object, |object| number("seed", object))
}

pub(crate) fn stderr<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<Option<&'a str>> {
    optional(object, |object| text("stderr", object))
}

pub(crate) fn stdout<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<Option<&'a str>> {
    optional(object, |object| text("stdout", object))
}

pub(crate) fn string<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    text("s", object)
}

pub(crate) fn unsupported<'a>(object: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    text("unsupported", object)
}

/// `None` for Python's `None`; any other value is read by `read`.
fn optional<'a, 'py, T>(
    object: &'a Bound<'py, PyAny>,
    read: impl FnOnce(&'a Bound<'py, PyAny>) -> PyResult<T>,
) -> PyResult<Option<T>> {
    match object.is_none() {
        true => Ok(None),
        false => read(object).map(Some),
    }
}
