//! Reads the argument `cache=`: where compiled code is kept for later.
//!
//! Core decides what the values mean.

use std::path::PathBuf;

use polyextism::{Cache, CachePlace};
use pyo3::{
    prelude::*,
    types::{PyBool, PyString},
};

use crate::{convert, error, tree};

/// Returns the folder of the compile cache, which `cache=` overrides.
///
/// Returns:
///     The folder, as a `pathlib.Path`. It need not exist. `None` if the cache is off.
///
/// Raises:
///     extism.ArgumentError: If the configuration that `EXTISM_CACHE_CONFIG` names is wrong.
#[pyfunction]
pub(crate) fn cache_folder(py: Python<'_>) -> PyResult<Option<PathBuf>> {
    let folder = CachePlace::User.folder();
    folder.map_err(|failure| error::raise(py, failure))
}

/// The argument `cache=`: nothing, a bool, or a folder.
#[derive(Clone, Default)]
pub(crate) struct Setting(pub(crate) Cache);

impl Setting {
    /// The value of `cache=` that means the same; `None` for the default.
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(match &self.0.place {
            CachePlace::User => None,
            CachePlace::Off => Some(PyBool::new(py, false).to_owned().into_any()),
            CachePlace::Folder(folder) => Some(folder.as_os_str().into_pyobject(py)?.into_any()),
        })
    }
}

impl<'py> FromPyObject<'_, 'py> for Setting {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(is_on) = value.cast::<PyBool>() {
            let place = match is_on.is_true() {
                true => CachePlace::User,
                false => CachePlace::Off,
            };
            return Ok(Self(place.into()));
        }
        let folder = match value.is_instance_of::<PyString>() {
            true => Some(value.extract()?),
            false => tree::path(&value)?,
        };
        match folder {
            Some(folder) => Ok(Self(CachePlace::Folder(folder).into())),
            None => {
                let found = convert::type_name(&value);
                let message = format!(
                    "cache= is a value of type {found}; it is True, False or the path of a folder"
                );
                Err(error::argument(value.py(), message))
            }
        }
    }
}
