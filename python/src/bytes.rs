//! Creates Python bytes whose length a guest decides. Nothing else allocates memory of Python for guests.
//!
//! Invariant: if Python has no memory, the caller gets a `MemoryError` and nothing else happens.

use pyo3::{
    prelude::*,
    types::{PyByteArray, PyBytes},
};

/// From this length on, memory is allocated in a way that can fail, which costs clearing it. If even less cannot be
/// allocated, Python itself cannot go on.
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
