//! The JSON Schema of manifests, as core ships it.

use pyo3::prelude::*;

/// Returns the JSON Schema of manifests as text.
#[pyfunction]
pub(crate) fn manifest_schema() -> &'static str {
    polyextism::manifest::JSON_SCHEMA
}
