//! `CompiledPlugin`: a plug-in that is compiled once and has any number of instances.
//!
//! Core reads manifests and links; `plugin` has the instances. Invariants: it is immutable, so any thread may use it
//! at any time; its instances outlive it. A pickle contains its arguments and not its code, because code fits only
//! one engine and machine.

use std::{path::PathBuf, time::Duration};

use polyextism::{Choice, Compiled, Manifest, Options, Stopwatch};
use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    types::{IntoPyDict, PyDict, PyTuple},
};

use crate::{
    cache,
    contents::Origin,
    convert::{self, Timeout},
    diagnostics::Diagnostics,
    engines, error,
    expect::{self, FunctionName},
    fuel::Fuel,
    functions::Functions,
    http::{Given, ProgressReporter},
    limits::Limits,
    log, parking, signals,
    wasi::Setting,
};

/// A plug-in that is compiled and linked, ready to be instantiated.
///
/// `Plugin(compiled)` makes an instance without compiling again. You can make any number of instances, on any
/// thread. Instances share no state, and they outlive the `CompiledPlugin`.
///
/// You can pickle it. Unpickling compiles again, from the same bytes and paths, for the same engine and with the
/// same host functions. Host functions at the top level of an importable module are pickled by name. Others, and
/// those of `__main__`, are pickled by value; this needs the package `cloudpickle`.
///
/// Args:
///     plugin: A path, text, bytes or a manifest, as for `Plugin`.
///     wasi: `True` lets the modules import WASI preview 1. An `extism.Wasi` also has settings for it.
///     functions: Host functions. The default is all functions that `extism.host_fn` has registered so far.
///         Functions that no module imports are ignored.
///     engine: The engine, as for `Plugin`.
///     http_client: A callable that replaces the built-in HTTP client, for requests of plug-ins and for
///         modules behind a URL. It takes an `extism.HttpRequest` and returns an `extism.HttpResponse`.
///         `allowed_hosts` is checked before the call.
///     http_response_headers: Whether plug-ins can read the headers of HTTP responses.
///     progress: A callable that is called while a module is downloaded, with the bytes received and the total.
///         The total is `None` if it is unknown. An exception ends the download.
///     fuel: The fuel of each call of an instance, as for `Plugin`.
///     limits: Limits on compiling and on memory, an `extism.Limits`.
///     compile_timeout: The time limit of compiling, in seconds, without downloads. `math.inf` and `None` mean no
///         limit. After a timeout the engine finishes on a background thread, and the result is dropped.
///     cache: Where compiled code is stored for later processes: the path of a folder, or `False` for nowhere.
///         The default is the cache folder of the user, or the environment variable `EXTISM_CACHE_DIR`.
///         Whoever can write to the folder can run code as you. Problems with the cache are never errors.
///     diagnostics: Dumps after failures and profiling, an `extism.Diagnostics`. The default comes from
///         environment variables.
///
/// Raises:
///     extism.ArgumentError: If an argument is wrong.
///     extism.ManifestError: If the manifest is wrong.
///     extism.InvalidModuleError: If a module is not WebAssembly that can be run.
///     extism.LinkError: If an import cannot be resolved.
///     extism.UnknownEngineError: If the engine is not built in.
///     extism.UnsupportedError: If the engine lacks a feature that was asked for.
///     extism.TimeoutError: If compiling exceeds `compile_timeout`.
#[pyclass(module = "extism", frozen, subclass, weakref)]
pub(crate) struct CompiledPlugin {
    compiled: Compiled,
    origin: Origin,
    /// The file that the only module was read from.
    path: Option<PathBuf>,
    choice: Choice,
    wasi: Setting,
    response_headers: bool,
    fuel: Option<u64>,
    limits: Limits,
    compile_timeout: Option<Duration>,
    cache: cache::Setting,
    diagnostics: Diagnostics,
    functions: Functions,
}

/// The options of a plug-in beside its manifest and its host functions.
pub(crate) struct Extras<'a, 'py> {
    pub(crate) wasi: Setting,
    pub(crate) http: Given<'a, 'py>,
    pub(crate) fuel: Option<Fuel>,
    pub(crate) limits: Option<Limits>,
    pub(crate) compile_timeout: Option<Timeout>,
    pub(crate) stopwatch: Option<Stopwatch>,
    pub(crate) cache: Option<cache::Setting>,
    pub(crate) diagnostics: Option<Diagnostics>,
}

impl CompiledPlugin {
    pub(crate) fn compile(
        py: Python<'_>,
        manifest: Manifest,
        functions: Functions,
        choice: Choice,
        extras: Extras<'_, '_>,
    ) -> PyResult<Self> {
        let Extras {
            wasi,
            http,
            stopwatch,
            ..
        } = extras;
        let fuel = extras.fuel.map(Fuel::counted);
        let limits = extras.limits.unwrap_or_default();
        let compile_timeout = extras.compile_timeout.and_then(|timeout| timeout.0);
        let cache = extras.cache.unwrap_or_default();
        let diagnostics = extras.diagnostics.unwrap_or_default();
        let functions = functions.with_client(http.client(py)?);
        let progress = ProgressReporter::new(http)?;
        let mut options = Options::default()
            .with_functions(functions.core())
            .with_wasi(wasi.0.clone())
            .with_http(progress.options(http))
            .with_fuel(fuel)
            .with_limits(limits.limits.clone())
            .with_compiling(signals::compiling(compile_timeout))
            .with_forbidden(limits.forbidden)
            .with_stopwatch(stopwatch)
            .with_cache(cache.0.clone())
            .with_diagnostics(diagnostics.settings.clone());
        options.http.client = functions.core_client();
        engines::prepare(py)?;
        log::look_at_logging(py)?;
        signals::arrive(py)?;
        let compiled = py.detach(|| Compiled::new(&choice, &manifest, &options));
        let raised = |failure| match progress.take_raised() {
            Some(raised) => raised,
            None => error::raise(py, failure),
        };
        let compiled = compiled.map_err(raised)?;
        functions.keep(compiled.bound_functions());
        Ok(Self {
            origin: Origin::new(&compiled, manifest),
            compiled,
            path: None,
            choice,
            wasi,
            response_headers: http.response_headers,
            fuel,
            limits,
            compile_timeout,
            cache,
            diagnostics,
            functions,
        })
    }

    /// A new instance, and the owner of its host functions.
    pub(crate) fn instance(&self, py: Python<'_>) -> PyResult<(polyextism::Plugin, Functions)> {
        let plugin = py.detach(|| polyextism::Plugin::new(&self.compiled));
        let plugin = plugin.map_err(|failure| error::raise(py, failure))?;
        Ok((plugin, self.functions(py)))
    }

    /// The owner of the host functions of an instance.
    pub(crate) fn functions(&self, py: Python<'_>) -> Functions {
        self.functions.share(py)
    }

    /// The compiled plug-in of core.
    pub(crate) fn core(&self) -> &Compiled {
        &self.compiled
    }

    /// The arguments that it was made with.
    pub(crate) fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// Refuses an engine that differs from the one it is compiled for.
    pub(crate) fn accept(&self, py: Python<'_>, engine: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        if engine.is_some() {
            let other = engines::choose(py, engine)?;
            if !engines::are_same(&self.choice, &other) {
                let (own, other) = (&self.choice, &other);
                let (own, other) = (engines::described(own), engines::described(other));
                let message = format!(
                    "engine= is `{other}`, but the CompiledPlugin is compiled for `{own}`; leave \
                     it out"
                );
                return Err(error::argument(py, message));
            }
        }
        Ok(())
    }
}

#[pymethods]
impl CompiledPlugin {
    #[new]
    #[pyo3(
        signature = (
            plugin, wasi = Setting::OFF, functions = None, *, engine = None, http_client = None,
            http_response_headers = false, progress = None, fuel = None, limits = None,
            compile_timeout = None, cache = None, diagnostics = None
        ),
        text_signature = "(plugin, wasi=False, functions=None, *, engine=None, http_client=None, \
                          http_response_headers=False, progress=None, fuel=None, \
                          limits=None, compile_timeout=None, cache=None, diagnostics=None)"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "Python names them where it calls it"
    )]
    fn new(
        plugin: &Bound<'_, PyAny>,
        wasi: Setting,
        functions: Option<&Bound<'_, PyAny>>,
        engine: Option<&Bound<'_, PyAny>>,
        http_client: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = expect::http_response_headers)] http_response_headers: bool,
        progress: Option<&Bound<'_, PyAny>>,
        fuel: Option<Fuel>,
        limits: Option<Limits>,
        #[pyo3(from_py_with = expect::compile_timeout)] compile_timeout: Option<Timeout>,
        cache: Option<cache::Setting>,
        diagnostics: Option<Diagnostics>,
    ) -> PyResult<Self> {
        let py = plugin.py();
        let choice = engines::choose(py, engine)?;
        let pipes = convert::Pipes::of(limits.as_ref(), compile_timeout);
        let (manifest, path) = convert::manifest_and_path(plugin, &pipes)?;
        let functions = Functions::given(py, functions)?;
        let http = Given {
            client: http_client,
            response_headers: http_response_headers,
            progress,
        };
        let extras = Extras {
            wasi,
            http,
            fuel,
            limits,
            compile_timeout,
            stopwatch: None,
            cache,
            diagnostics,
        };
        let compiled = Self::compile(py, manifest, functions, choice, extras)?;
        Ok(Self { path, ..compiled })
    }

    /// Makes a function that you can pickle and map over items on threads, processes and other machines. It makes
    /// its instances where it is called.
    ///
    /// >>> count = compiled.function("count_vowels")
    /// >>> multiprocessing.Pool().map(count, ["Hello", "World"])
    ///
    /// Args:
    ///     name: The name of the exported function.
    ///     takes: The type of the argument, as for `Plugin.function`.
    ///     gives: The type of the result, as for `Plugin.function`.
    ///     **options: `fresh`, `by`, `timeout`, `fuel` and `config`, as for `extism.CompiledFunction`.
    ///
    /// Returns:
    ///     An `extism.CompiledFunction`.
    ///
    /// Raises:
    ///     extism.UnknownFunctionError: If the plug-in has no callable function of that name.
    ///     extism.ArgumentError: If an option is wrong, or if no codec is known for a type.
    #[pyo3(
        signature = (name, *, takes = None, gives = None, **options),
        text_signature = "($self, name, *, takes=None, gives=None, **options)"
    )]
    fn function<'py>(
        slf: &Bound<'py, Self>,
        name: FunctionName<'_>,
        takes: Option<&Bound<'py, PyAny>>,
        gives: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, name) = (slf.py(), name.0);
        let known = slf.get().core().check_function(name);
        known.map_err(|failure| error::raise(py, failure))?;
        let class = parking::import(py, "extism._functions")?.getattr("CompiledFunction")?;
        class.call((slf, name, takes, gives), options)
    }

    /// The exports of the main module, as a tuple of `extism.Export`.
    #[getter]
    fn exports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.origin.exports(py)
    }

    /// The imports of all modules and their providers, as a tuple of `extism.Import`.
    #[getter]
    fn imports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.origin.imports(py)
    }

    /// The manifest, as a `dict` that `Plugin` accepts. Modules that were given as bytes are `bytes`.
    #[getter]
    fn manifest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.origin.manifest(py)
    }

    /// The initial and the largest memory of an instance, as an `extism.MemoryInfo`.
    #[getter]
    fn memory<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.origin.memory(py, None)
    }

    /// The names of the WebAssembly features that the modules use, beyond WebAssembly 1.0. Modules behind a path
    /// or URL are read again.
    ///
    /// Raises:
    ///     extism.ManifestError: If a module can no longer be read.
    #[getter]
    fn features<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.origin.features(py)
    }

    /// How many modules had to be compiled for it, with the host's own: none if all code was in use already, or in
    /// the compile cache.
    #[getter]
    fn newly_compiled(&self) -> usize {
        self.core().newly_compiled()
    }

    /// The name of the engine it is compiled for, as `engine=` understands it.
    #[getter]
    fn engine(&self) -> &'static str {
        self.core().engine()
    }

    fn __repr__(&self) -> String {
        let engine = engines::described(&self.choice);
        format!("<extism.CompiledPlugin for {engine}>")
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, memo: &Bound<'_, PyAny>) -> Py<Self> {
        let _ = memo;
        slf
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        Self::parts(slf)
    }

    /// The result of `__reduce__`: the function and the arguments that make it again, and its state.
    #[pyo3(name = "_parts")]
    fn parts<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let (py, this) = (slf.py(), slf.get());
        let options = [("engine", engines::Engine(this.choice))].into_py_dict(py)?;
        options.set_item("http_response_headers", this.response_headers)?;
        options.set_item("limits", this.limits.object(py))?;
        if let Some(timeout) = this.compile_timeout {
            options.set_item("compile_timeout", timeout.as_secs_f64())?;
        }
        options.set_item("diagnostics", this.diagnostics.object(py))?;
        options.set_item("fuel", Fuel::object(py, this.fuel)?)?;
        if let Some(client) = this.functions.client(py) {
            options.set_item("http_client", client)?;
        }
        if let Some(cache) = this.cache.object(py)? {
            options.set_item("cache", cache)?;
        }
        let make = parking::import(py, "functools")?.getattr("partial")?;
        let make = make.call((slf.get_type(),), Some(&options))?;
        let manifest = this.origin.manifest(py)?;
        let functions = parking::import(py, "extism._pickling")?.getattr("pickled")?;
        let functions = functions.call1((this.functions.list(py)?,))?;
        let arguments = (manifest, this.wasi.object(py)?, functions);
        // The attributes that a subclass adds.
        let state = slf.getattr_opt("__dict__")?;
        (make, arguments, state).into_pyobject(py)
    }

    /// The file of its only module, if it was made from a path.
    #[getter(_path)]
    fn path(&self) -> Option<&PathBuf> {
        self.path.as_ref()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.functions.traverse(&visit)
    }

    fn __clear__(&self) {
        self.functions.clear();
    }
}
