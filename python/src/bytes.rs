//! Bytes for Python of which a guest decides how many there are: the one place where Python is asked for memory for
//! them.
//!
//! Invariant: where Python has none, that is a `MemoryError` of the one who asked, and nothing else happens.

use pyo3::{
    prelude::*,
    types::{PyByteArray, PyBytes},
};

/// From so many bytes on, memory is asked for so that it can fail, which costs to clear it first. Without that
/// much, Python itself does not go on.
const LARGE: usize = 16 << 20;

/// A copy as `bytes`.
#[inline]
pub(crate) fn bytes<'py>(py: Python<'py>, from: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    match from.len() < LARGE {
        true => Ok(PyBytes::new(py, from)),
        false => PyBytes::new_with(py, from.len(), |to| {
            to.copy_from_slice(from);
            Ok(())
        }),
    }
}

/// A copy as a `bytearray`.
pub(crate) fn array<'py>(py: Python<'py>, from: &[u8]) -> PyResult<Bound<'py, PyByteArray>> {
    match from.len() < LARGE {
        true => Ok(PyByteArray::new(py, from)),
        false => PyByteArray::new_with(py, from.len(), |to| {
            to.copy_from_slice(from);
            Ok(())
        }),
    }
}
