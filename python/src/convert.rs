//! Arguments of Python calls as values of core: inputs, parsers, manifests and configurations.
//!
//! It checks forms only. What a manifest may contain is core's to say; a dictionary goes there as
//! a tree of values, so mistakes have the same text in every form of manifest.

use std::{collections::BTreeMap, path::PathBuf};

use polyextism::{
    Error, ErrorKind, Manifest,
    manifest::{Value, config_update},
};
use pyo3::{
    intern,
    prelude::*,
    types::{PyBytes, PyMapping, PyMemoryView, PyString},
};

use crate::{error, tree};

/// Bytes that outlive the release of the GIL: borrowed from an immutable object, or copied.
pub(crate) enum Input<'a, 'py> {
    Borrowed(&'a [u8]),
    Copied(Bound<'py, PyBytes>),
}

impl Input<'_, '_> {
    pub(crate) const EMPTY: Self = Self::Borrowed(&[]);

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Copied(bytes) => bytes.as_bytes(),
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Input<'a, 'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.extract::<&[u8]>() {
            return Ok(Self::Borrowed(bytes));
        }
        if object.is_instance_of::<PyString>() {
            return Ok(Self::Borrowed(object.extract::<&str>()?.as_bytes()));
        }
        match buffer(&object)? {
            Some(bytes) => Ok(Self::Copied(bytes)),
            None => {
                let found = type_name(&object);
                let message = format!(
                    "expected a str, bytes or another buffer, found a value of type {found}"
                );
                Err(error::argument(object.py(), message))
            }
        }
    }
}

/// A copy of what a buffer holds, or `None` if the object is none. The buffer protocol itself is
/// not part of the stable ABI of all supported versions; a memoryview is.
pub(crate) fn buffer<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let Ok(view) = PyMemoryView::from(object) else {
        return Ok(None);
    };
    let bytes = view.call_method0(intern!(object.py(), "tobytes"))?;
    Ok(Some(bytes.cast_into::<PyBytes>()?))
}

/// What becomes of the output of a call.
pub(crate) enum Parse<'py> {
    /// It is returned as `bytes`.
    Bytes,
    /// It is returned as a buffer.
    Buffer,
    /// It is given to a function, whose result is returned.
    With(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Parse<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            return Ok(Self::Buffer);
        }
        if object.is(object.py().get_type::<PyBytes>()) {
            return Ok(Self::Bytes);
        }
        if object.is_callable() {
            return Ok(Self::With(object.to_owned()));
        }
        let found = type_name(&object);
        let message = format!("parse is a callable or None, found a value of type {found}");
        Err(error::argument(object.py(), message))
    }
}

/// Understands what `Plugin(plugin=…)` was given.
pub(crate) fn manifest(plugin: &Bound<'_, PyAny>) -> PyResult<Manifest> {
    let py = plugin.py();
    if let Ok(text) = plugin.cast::<PyString>() {
        return self::text(py, text.to_str()?);
    }
    if plugin.cast::<PyMapping>().is_ok() || plugin.hasattr(intern!(py, "__manifest__"))? {
        return dictionary(plugin);
    }
    if let Some(path) = tree::path(plugin)? {
        return file(py, path);
    }
    if let Ok(bytes) = plugin.cast::<PyBytes>() {
        return Manifest::parse(bytes.as_bytes()).map_err(|failure| error::raise(py, failure));
    }
    match buffer(plugin)? {
        Some(bytes) => {
            Manifest::parse(bytes.as_bytes()).map_err(|failure| error::raise(py, failure))
        }
        None => {
            let found = type_name(plugin);
            let message = format!(
                "a plug-in is a path, text, bytes or a manifest, found a value of type \
                 {found}"
            );
            Err(error::argument(py, message))
        }
    }
}

fn text(py: Python<'_>, text: &str) -> PyResult<Manifest> {
    let path = PathBuf::from(text);
    if path.is_file() {
        return file(py, path);
    }
    // Nobody means such a text as a manifest: most likely a path is misspelt.
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if !start.starts_with(['{', '(', ';', '\0']) && !text.contains(['\n', '=']) && !text.is_empty()
    {
        let shown: String = text.chars().take(200).collect();
        return Err(wrong(
            py,
            format!("`{shown}` is not a file, nor the text of a module or a manifest"),
        ));
    }
    Manifest::parse(text.as_bytes()).map_err(|failure| error::raise(py, failure))
}

fn file(py: Python<'_>, path: PathBuf) -> PyResult<Manifest> {
    let read = || match std::fs::read(&path) {
        Ok(bytes) => Manifest::parse(&bytes),
        Err(error) => {
            let message = format!("manifest: cannot read `{}`: {error}", path.display());
            Err(Error::new(ErrorKind::Manifest, message).with_source(error))
        }
    };
    py.detach(read).map_err(|failure| error::raise(py, failure))
}

fn dictionary(manifest: &Bound<'_, PyAny>) -> PyResult<Manifest> {
    let value = tree::read(manifest)?;
    Manifest::from_value(value).map_err(|failure| error::raise(manifest.py(), failure))
}

/// A value of the configuration, which is text.
pub(crate) fn config_value(key: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    let entry = Value::Table(vec![(key.to_owned(), tree::read(value)?)]);
    let config = Value::Table(vec![("config".to_owned(), entry)]);
    match Manifest::from_value(config) {
        Ok(mut manifest) => Ok(manifest.config.remove(key).unwrap_or_default()),
        Err(failure) => Err(error::raise(value.py(), failure)),
    }
}

/// The entries that `config=` adds to those of the manifest; `None` removes one.
pub(crate) fn config(config: &Bound<'_, PyAny>) -> PyResult<BTreeMap<String, Option<String>>> {
    let update = config_update(tree::read(config)?);
    update.map_err(|failure| error::raise(config.py(), failure))
}

/// The name of the type of a value, for messages.
pub(crate) fn type_name(object: &Bound<'_, PyAny>) -> String {
    let name = object.get_type().name();
    name.map_or_else(|_| "?".into(), |name| name.to_string())
}

fn wrong(py: Python<'_>, why: String) -> PyErr {
    error::raise(
        py,
        Error::new(ErrorKind::Manifest, format!("manifest: {why}")),
    )
}
