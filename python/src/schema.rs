//! The JSON Schema of manifests, which core contains.

use pyo3::prelude::*;

/// Returns the JSON Schema of manifests as text.
#[pyfunction]
pub(crate) fn manifest_schema() -> &'static str {
    polyextism::manifest::JSON_SCHEMA
}
