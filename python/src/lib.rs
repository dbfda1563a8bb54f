//! The native module `extism._native`: plug-ins, host functions and engines for Python.
//!
//! A thin layer over the package `polyextism`. All code on the path of a call is here, in Rust. Decorators, exception
//! classes and enumerations are in the Python package `extism`. This module knows no engine and no manifest field.

#![deny(unsafe_code)]

mod arguments;
mod bound;
mod bytes;
mod cache;
mod callback;
mod cancel;
mod compare;
mod compiled;
mod contents;
mod convert;
mod current;
mod diagnostics;
mod ending;
mod engines;
mod error;
mod expect;
#[cfg(unix)]
mod faults;
mod field;
mod fuel;
mod function;
mod functions;
mod held;
mod http;
mod limits;
mod log;
mod logging;
mod named;
mod parking;
mod plugin;
mod pool;
mod schema;
mod scope;
mod signals;
mod stacks;
mod stopwatch;
mod store;
mod ticket;
mod tree;
mod turns;
mod value;
mod view;
mod wake_event;
mod wasi;

/// The native half of `extism`. Import `extism`, not this module.
// Locks are taken only with the GIL, so no fork leaves one locked. Free-threaded builds of Python enable the GIL.
#[pyo3::pymodule(gil_used = true)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::error::prepare(module.py())?;
        crate::logging::logger(module.py())?;
        crate::function::make_first(module.py())?;
        Ok(())
    }

    #[cfg(unix)]
    #[pymodule_export]
    use crate::faults::below_engine_handlers;

    #[pymodule_export]
    use crate::{
        bound::PluginFunction,
        cache::cache_folder,
        cancel::CancelHandle,
        compare::compare,
        compiled::CompiledPlugin,
        contents::inspect,
        convert::shown,
        current::CurrentPlugin,
        ending::begin_to_end,
        engines::{Engine, engines, extism_version},
        function::Function,
        limits::{default_limits, feature_names, strict_limits},
        log::{CustomLog, follow_logging, set_log_file},
        plugin::Plugin,
        pool::Pool,
        schema::manifest_schema,
        scope::after_fork,
        scope::before_fork,
        scope::forked,
        signals::abandon,
        signals::unwatched,
        stopwatch::{Stopwatch, watched},
        store::Store,
        ticket::{Ticket, make_until},
        value::{Memory, Val},
        wake_event::WakeEvent,
        wasi::Wasi,
    };
}
