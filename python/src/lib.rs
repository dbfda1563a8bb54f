//! The native module `extism._native`: plug-ins, host functions and engines for Python.
//!
//! A thin front over the package `polyextism`. Everything that a call passes through is here, in
//! Rust; decorators, exception classes and enumerations are in the Python package `extism`. It
//! knows no engine and no manifest field.

#![deny(unsafe_code)]

mod compiled;
mod convert;
mod current;
mod engines;
mod error;
mod function;
mod functions;
mod log;
mod plugin;
mod scope;
mod value;
mod view;
mod waiting;
mod wasi;

/// The native half of `extism`. Import `extism`, not this module.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::{
        compiled::CompiledPlugin,
        current::CurrentPlugin,
        engines::{Engine, engines, extism_version},
        function::Function,
        log::{CustomLog, set_log_file},
        plugin::Plugin,
        value::{Memory, Val},
        wasi::Wasi,
    };
}
