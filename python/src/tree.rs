//! Converts a Python value to the tree of values that the manifest reader of core takes.
//!
//! It knows no field of manifests. A value of an unknown type is passed as the name of its type, so that the message
//! of core says where it is.

use std::path::PathBuf;

use polyextism::{Error, ErrorKind, manifest::Value};
use pyo3::{
    intern,
    prelude::*,
    types::{PyBool, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple},
};

use crate::{
    convert::{buffer, type_name},
    error,
};

/// The largest depth. No manifest is nested deeper, but a value that contains itself is.
const DEEPEST: usize = 16;

/// The tree of a Python value.
pub(crate) fn read(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    node(object, 0)
}

fn node(object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    let py = object.py();
    if depth > DEEPEST {
        let message = format!("manifest: nested too deep, at most {DEEPEST} levels are allowed");
        let failure = Error::new(ErrorKind::Manifest, message);
        return Err(error::raise(py, failure));
    }
    if object.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = object.cast::<PyBool>() {
        return Ok(Value::Bool(flag.is_true()));
    }
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(match text.to_str() {
            Ok(text) => Value::Text(text.to_owned()),
            // Names of files need not be UTF-8.
            Err(_) => Value::Path(text.extract()?),
        });
    }
    if object.cast::<PyInt>().is_ok() {
        return Ok(match object.extract::<i128>() {
            Ok(number) => Value::Integer(number),
            // No field accepts a number of this size.
            Err(_) => Value::Float(object.extract::<f64>().unwrap_or(f64::INFINITY)),
        });
    }
    if object.cast::<PyFloat>().is_ok() {
        return Ok(Value::Float(object.extract()?));
    }
    if let Ok(mapping) = object.cast::<PyMapping>() {
        return table(mapping, depth);
    }
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        let items = object.try_iter()?;
        let list = items.map(|item| node(&item?, depth + 1));
        return list.collect::<PyResult<_>>().map(Value::List);
    }
    // The typed objects of `extism._manifest` convert themselves.
    let fields = intern!(py, "__manifest__");
    if object.hasattr(fields)? {
        return node(&object.call_method0(fields)?, depth + 1);
    }
    if let Some(path) = path(object)? {
        return Ok(Value::Path(path));
    }
    match buffer(object)? {
        Some(bytes) => Ok(Value::Bytes(bytes.as_bytes().to_vec())),
        None => Ok(Value::Other(type_name(object))),
    }
}

fn table(mapping: &Bound<'_, PyMapping>, depth: usize) -> PyResult<Value> {
    let mut table = Vec::new();
    for item in mapping.items()? {
        let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let Ok(key) = key.cast::<PyString>() else {
            let (table, key) = (type_name(mapping), type_name(&key));
            return Ok(Value::Other(format!("{table} with a key of type {key}")));
        };
        table.push((key.to_str()?.to_owned(), node(&value, depth + 1)?));
    }
    Ok(Value::Table(table))
}

/// The path of a path-like object.
pub(crate) fn path(object: &Bound<'_, PyAny>) -> PyResult<Option<PathBuf>> {
    match object.hasattr(intern!(object.py(), "__fspath__"))? {
        true => object.extract().map(Some),
        false => Ok(None),
    }
}
