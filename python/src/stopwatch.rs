//! Plug-ins whose host functions are timed, for `extism.bench`.
//!
//! Core measures. This module starts and reads the stopwatch. `extism._bench` has the benchmarks.

use pyo3::prelude::*;

use crate::{
    compiled::{CompiledPlugin, Extras},
    convert, engines, expect,
    functions::Functions,
    http::Given,
    wasi::Setting,
};

/// Counts the calls of host functions of the plug-ins that are compiled with it.
#[pyclass(module = "extism._native", frozen)]
pub(crate) struct Stopwatch(polyextism::Stopwatch);

#[pymethods]
impl Stopwatch {
    #[new]
    fn new() -> Self {
        Self(polyextism::Stopwatch::default())
    }

    /// Returns the calls since the last `take`, and starts again from 0.
    ///
    /// Returns:
    ///     The number of calls, and the seconds that they took together.
    fn take(&self) -> (u64, f64) {
        let laps = self.0.take();
        (laps.calls, laps.time.as_secs_f64())
    }
}

/// As `CompiledPlugin`, with a stopwatch for its host functions.
#[pyfunction]
#[pyo3(signature = (
    plugin, stopwatch, wasi, functions, *, engine, http_client, http_response_headers
))]
pub(crate) fn watched(
    plugin: &Bound<'_, PyAny>,
    stopwatch: &Stopwatch,
    wasi: Setting,
    functions: Option<&Bound<'_, PyAny>>,
    engine: Option<&Bound<'_, PyAny>>,
    http_client: Option<&Bound<'_, PyAny>>,
    #[pyo3(from_py_with = expect::http_response_headers)] http_response_headers: bool,
) -> PyResult<CompiledPlugin> {
    let py = plugin.py();
    let choice = engines::choose(py, engine)?;
    let manifest = convert::manifest(plugin, &convert::Pipes::default())?;
    let functions = Functions::given(py, functions)?;
    let http = Given {
        client: http_client,
        response_headers: http_response_headers,
        progress: None,
    };
    let extras = Extras {
        wasi,
        http,
        fuel: None,
        limits: None,
        compile_timeout: None,
        cache: None,
        diagnostics: None,
        stopwatch: Some(stopwatch.0.clone()),
    };
    CompiledPlugin::compile(py, manifest, functions, choice, extras)
}
