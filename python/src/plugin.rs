//! `Plugin`: a live plug-in for Python.
//!
//! It converts arguments, outputs and errors. `turns` has the live plug-in and gives it to one thread at a time.
//! Invariant: the GIL is released while a guest runs.

mod calls;

pub(crate) use self::calls::{Found, Known};

use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    types::{PyBytes, PyDict, PyTuple},
};
use uuid::Uuid;

use self::calls::Named;
use crate::{
    bound::PluginFunction,
    bytes, cache,
    cancel::CancelHandle,
    compiled::{CompiledPlugin, Extras},
    contents::Origin,
    convert::{self, Input, Parse, Timeout},
    diagnostics::Diagnostics,
    ending::park_at_exit,
    engines, error,
    expect::{self, FunctionName},
    fuel::Fuel,
    functions::Functions,
    http,
    limits::Limits,
    parking,
    store::Store,
    ticket::Ticket,
    turns::Turns,
    wasi::{Given, Setting},
};

/// A plug-in: WebAssembly modules that run together, ready to be called.
///
/// Any thread may call it; calls run one at a time. Used in `with`, it closes at the end of the block.
///
/// Args:
///     plugin: A path; a module or a manifest (JSON or TOML) as text or bytes; an `extism.Manifest`; a manifest as
///         a `dict`, where `data` may be `bytes`; or a `CompiledPlugin`, beside which only `config` and `fuel` are
///         allowed.
///     wasi: `True` lets the modules import WASI preview 1. An `extism.Wasi` also has settings for it.
///     config: Configuration values, which are added to those of the manifest. Keys and values are `str`. The
///         value `None` removes a key.
///     functions: Host functions. The default is all functions that `extism.host_fn` has registered. Functions
///         that no module imports are ignored.
///     engine: The name of an engine (`"wasmtime"`), optionally with a compiler (`"wasmtime:winch"`), or an
///         `extism.Engine`. The default is the environment variable `EXTISM_ENGINE`, or the first engine of
///         `extism.engines()`.
///     http_client: A callable that replaces the built-in HTTP client, for requests of plug-ins and for
///         modules behind a URL. It takes an `extism.HttpRequest` and returns an `extism.HttpResponse`.
///         `allowed_hosts` is checked before the call.
///     http_response_headers: Whether plug-ins can read the headers of HTTP responses.
///     progress: A callable that is called while a module is downloaded, with the bytes received and the total.
///         The total is `None` if it is unknown. An exception ends the download.
///     fuel: How many units of work each call may do. `math.inf` counts without a limit. By default nothing is
///         counted. One executed WebAssembly instruction is one unit. Host functions cost nothing. The same call
///         uses the same fuel on every engine. The first call includes initialisation. With a `CompiledPlugin`,
///         which must be compiled with fuel, this sets the fuel of this instance.
///     limits: Limits on compiling and on memory, an `extism.Limits`.
///     compile_timeout: The time limit of compiling, in seconds, as for `CompiledPlugin`.
///     cache: Where compiled code is stored, as for `CompiledPlugin`.
///     diagnostics: Dumps after failures and profiling, an `extism.Diagnostics`. The default comes from
///         environment variables.
///
/// Raises:
///     extism.ArgumentError: If an argument is wrong, or if it was already decided when the `CompiledPlugin` was
///         made (engine, WASI, functions, HTTP, limits and the like).
///     extism.ManifestError: If the manifest or the configuration is wrong.
///     extism.InvalidModuleError: If a module is not WebAssembly that can be run.
///     extism.LinkError: If an import cannot be resolved.
///     extism.UnknownEngineError: If the engine is not built in.
///     extism.UnsupportedError: If the engine lacks a feature that was asked for.
///     extism.TimeoutError: If compiling exceeds `compile_timeout`.
#[pyclass(module = "extism", frozen, subclass, weakref)]
pub(crate) struct Plugin {
    id: Uuid,
    engine: &'static str,
    cancel: polyextism::CancelHandle,
    turns: Turns,
    /// The host functions of the guest, which are kept alive.
    functions: Functions,
    origin: Origin,
}

#[pymethods]
impl Plugin {
    #[new]
    #[pyo3(
        signature = (
            plugin, wasi = Given(None), config = None, functions = None, *, engine = None,
            http_client = None, http_response_headers = false, progress = None, fuel = None,
            limits = None, compile_timeout = None,
            cache = None, diagnostics = None
        ),
        text_signature = "(plugin, wasi=False, config=None, functions=None, *, engine=None, \
                          http_client=None, http_response_headers=False, progress=None, \
                          fuel=None, limits=None, compile_timeout=None, cache=None, diagnostics=None)"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "Python names them where it calls it"
    )]
    fn new(
        plugin: &Bound<'_, PyAny>,
        wasi: Given,
        config: Option<&Bound<'_, PyAny>>,
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
        let http = http::Given {
            client: http_client,
            response_headers: http_response_headers,
            progress,
        };
        let config = config.map(convert::config).transpose()?.unwrap_or_default();
        let (mut plugin, functions, origin) = match plugin.cast::<CompiledPlugin>() {
            Ok(compiled) => {
                let compiled = compiled.get();
                compiled.accept(py, engine)?;
                http.refuse(py)?;
                let decided = [
                    ("wasi", wasi.0.is_some()),
                    ("functions", functions.is_some()),
                    ("limits", limits.is_some()),
                    ("compile_timeout", compile_timeout.is_some()),
                    ("cache", cache.is_some()),
                    ("diagnostics", diagnostics.is_some()),
                ];
                if let Some((name, _)) = decided.iter().find(|(_, is_given)| *is_given) {
                    let message =
                        format!("{name}= is decided when a CompiledPlugin is made; leave it out");
                    return Err(error::argument(py, message));
                }
                let (mut plugin, functions) = compiled.instance(py)?;
                if let Some(fuel) = fuel {
                    let set = plugin.set_fuel(fuel.0);
                    set.map_err(|failure| error::raise(py, failure))?;
                }
                (plugin, functions, compiled.origin())
            }
            Err(_) => {
                let choice = engines::choose(py, engine)?;
                let pipes = convert::Pipes::of(limits.as_ref(), compile_timeout);
                let manifest = convert::manifest(plugin, &pipes)?;
                let functions = Functions::given(py, functions)?;
                let extras = Extras {
                    wasi: wasi.0.unwrap_or(Setting::OFF),
                    http,
                    fuel,
                    limits,
                    compile_timeout,
                    stopwatch: None,
                    cache,
                    diagnostics,
                };
                let compiled = CompiledPlugin::compile(py, manifest, functions, choice, extras)?;
                let (plugin, functions) = compiled.instance(py)?;
                (plugin, functions, compiled.origin())
            }
        };
        if !config.is_empty() {
            plugin.host().update_config(config);
        }
        Ok(Self::live(plugin, None, functions, origin))
    }

    /// Calls a function of the plug-in.
    ///
    /// Args:
    ///     function_name: The name of the exported function.
    ///     data: The input: a `str` (as UTF-8), bytes or another buffer.
    ///     parse: A callable that takes the output as bytes and returns the result. With `None` the result is a
    ///         read-only buffer.
    ///     host_context: The value that `CurrentPlugin.host_context()` returns in host functions.
    ///     timeout: The time limit of this call, in seconds. `math.inf` means no limit. The default is `timeout_ms`
    ///         of the manifest. It includes initialisation. The call also waits no longer than this for calls of
    ///         other threads.
    ///     fuel: How many units of work this call may do, or `math.inf`. The plug-in must be made with `fuel`,
    ///         which is the default.
    ///
    /// Returns:
    ///     The result of `parse`, or the output as bytes.
    ///
    /// Raises:
    ///     extism.UnknownFunctionError: If the plug-in has no callable function of that name.
    ///     extism.GuestError: If the guest set an error text.
    ///     extism.ReturnCodeError: If the function returned a code other than 0.
    ///     extism.TrapError: If the guest trapped.
    ///     extism.TimeoutError: If the call exceeds its time limit.
    ///     extism.OutOfFuelError: If the call uses up its fuel.
    ///     extism.CancelledError: If the call was cancelled. After a trap, a timeout, a lack of fuel or a
    ///         cancellation, the next call gets a new instance: memories start again, variables stay.
    ///     extism.ExitError: If the guest exited with a code other than 0.
    ///     extism.HostFunctionError: If a host function failed. Its exception is the cause.
    ///     extism.MemoryLimitError: If the input does not fit into the memory.
    ///     extism.ReentrantError: If a host function that this plug-in called makes the call.
    ///     extism.ClosedError: If the plug-in is closed.
    #[pyo3(
        signature = (
            function_name, data = Input::EMPTY, parse = Parse::Bytes, host_context = None, *,
            timeout = None, fuel = None
        ),
        text_signature = "($self, function_name, data=b'', parse=..., host_context=None, *, \
                          timeout=None, fuel=None)"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "Python names them where it calls it"
    )]
    fn call<'py>(
        &self,
        py: Python<'py>,
        function_name: FunctionName<'_>,
        data: Input<'_, 'py>,
        parse: Parse<'py>,
        host_context: Option<Py<PyAny>>,
        timeout: Option<Timeout>,
        fuel: Option<Fuel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let callee = Named(function_name.0);
        park_at_exit(|| self.call_here(py, callee, data, parse, host_context, timeout, fuel))
    }

    /// Calls a function on a worker thread and awaits it.
    ///
    /// Cancelling the task cancels the guest and waits until it has stopped. Host functions that are `async` run in
    /// the event loop of the caller.
    ///
    /// Args:
    ///     function_name: The name of the exported function.
    ///     data: The input, as for `call`.
    ///     **options: `parse`, `host_context`, `timeout` and `fuel`, as for `call`. `executor` is the
    ///         `concurrent.futures.ThreadPoolExecutor` for the guest. The default is an executor of the package.
    ///
    /// Returns:
    ///     An awaitable of the result of `call`.
    ///
    /// Raises:
    ///     extism.Error: As for `call`.
    ///     RuntimeError: If no event loop is running.
    #[pyo3(
        signature = (function_name, data = None, **options),
        text_signature = "($self, function_name, data=b'', **options)"
    )]
    fn call_async<'py>(
        slf: &Bound<'py, Self>,
        function_name: FunctionName<'_>,
        data: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let call = parking::import(py, "extism._async")?.getattr("call_async")?;
        match data {
            Some(data) => call.call((slf, function_name.0, data), options),
            None => call.call((slf, function_name.0), options),
        }
    }

    /// As `call`, for `extism._async`.
    #[pyo3(
        name = "_call_until",
        signature = (
            ticket, function_name, data = Input::EMPTY, parse = Parse::Bytes, host_context = None, *,
            timeout = None, fuel = None
        )
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "Python names them where it calls it"
    )]
    fn call_with_ticket<'py>(
        &self,
        py: Python<'py>,
        ticket: &Bound<'py, Ticket>,
        function_name: FunctionName<'_>,
        data: Input<'_, 'py>,
        parse: Parse<'py>,
        host_context: Option<Py<PyAny>>,
        timeout: Option<Timeout>,
        fuel: Option<Fuel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (ticket, callee) = (
            Some(ticket.get()),
            Known {
                name: function_name.0,
                handle: None,
            },
        );
        park_at_exit(|| {
            self.call_until(py, ticket, callee, data, parse, host_context, timeout, fuel)
        })
    }

    /// Looks up a function once, for many calls.
    ///
    /// >>> count = plugin.function("count_vowels")
    /// >>> count("Hello, World!")
    ///
    /// Args:
    ///     name: The name of the exported function.
    ///     takes: The type of the argument, as in annotations of host functions: `str`, `bytes`,
    ///         `Annotated[..., extism.Json]` and so on.
    ///     gives: The type of the result. Without `takes` and `gives` the function takes and returns the same as
    ///         `call`.
    ///
    /// Returns:
    ///     An `extism.PluginFunction`, or an `extism.TypedFunction` if a type is given.
    ///
    /// Raises:
    ///     extism.UnknownFunctionError: If the plug-in has no callable function of that name.
    ///     extism.ArgumentError: If no codec is known for a type.
    ///     extism.ReentrantError: If a host function that this plug-in called makes the call.
    ///     extism.ClosedError: If the plug-in is closed.
    #[pyo3(
        signature = (name, *, takes = None, gives = None),
        text_signature = "($self, name, *, takes=None, gives=None)"
    )]
    fn function<'py>(
        slf: &Bound<'py, Self>,
        name: FunctionName<'_>,
        takes: Option<&Bound<'py, PyAny>>,
        gives: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this, name) = (slf.py(), slf.get(), name.0);
        let handle = this.turn(py)?.live().plugin.function(name);
        let handle = handle.map_err(|failure| this.raise(py, failure, Some(name)))?;
        let function = PluginFunction::new(slf.clone().unbind(), name, handle);
        let function = Bound::new(py, function)?.into_any();
        match (takes, gives) {
            (None, None) => Ok(function),
            _ => {
                let typed = parking::import(py, "extism._functions")?.getattr("TypedFunction")?;
                typed.call1((function, takes, gives))
            }
        }
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

    /// The manifest, as a `dict` that `Plugin` accepts. Modules that were given as bytes are `bytes`. `config` is
    /// without the changes of this instance.
    #[getter]
    fn manifest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.origin.manifest(py)
    }

    /// The initial, the largest and the current memory, as an `extism.MemoryInfo`.
    ///
    /// Raises:
    ///     extism.ReentrantError: If a host function that this plug-in called makes the call.
    ///     extism.ClosedError: If the plug-in is closed.
    #[getter]
    fn memory<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let used = self.turn(py)?.live().plugin.memory_bytes();
        self.origin.memory(py, Some(used))
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

    /// Tells whether the plug-in exports a function that can be called.
    ///
    /// Args:
    ///     name: The name of the function.
    ///
    /// Returns:
    ///     Whether there is an export of that name that is a function without parameters.
    ///
    /// Raises:
    ///     extism.ReentrantError: If a host function that this plug-in called makes the call.
    ///     extism.ClosedError: If the plug-in is closed.
    fn function_exists(&self, py: Python<'_>, name: FunctionName<'_>) -> PyResult<bool> {
        Ok(self.turn(py)?.live().plugin.function_exists(name.0))
    }

    /// Makes a handle that cancels calls of this plug-in, from any thread and from its own host functions.
    ///
    /// Returns:
    ///     The handle. It works for every call of this plug-in, also after others were cancelled.
    fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(self.cancel.clone())
    }

    /// Frees all blocks of the memory that the plug-in shares with the host.
    ///
    /// Each call does this when it begins. Use it to free memory of a plug-in that you call rarely. The memories of
    /// the modules and the variables stay.
    ///
    /// Raises:
    ///     extism.ReentrantError: If a host function that this plug-in called makes the call.
    ///     extism.ClosedError: If the plug-in is closed.
    fn reset(&self, py: Python<'_>) -> PyResult<()> {
        self.turn(py)?.live().plugin.reset();
        Ok(())
    }

    /// The variables of the plug-in, as a mapping from `str` to `bytes`. You, the guest and host functions share it.
    ///
    /// Each access waits for the running call and raises the same errors as `reset`. Setting a variable raises
    /// `ArgumentError` if it exceeds `max_var_bytes`.
    #[getter]
    fn vars(slf: Py<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Store::of_plugin(slf).vars(py)
    }

    /// The configuration of this instance, as a mapping from `str` to `str`. It raises the same errors as `vars`,
    /// and `ManifestError` if a value is not text.
    #[getter]
    fn config(slf: Py<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Store::of_plugin(slf).config(py)
    }

    /// Changes the configuration of this instance.
    ///
    /// Args:
    ///     config: Keys and values, all `str`. The value `None` removes a key. If one value is wrong, nothing is
    ///         changed.
    ///
    /// Raises:
    ///     extism.ManifestError: If a value is neither text nor `None`.
    ///     extism.ReentrantError: If a host function that this plug-in called makes the call.
    ///     extism.ClosedError: If the plug-in is closed.
    fn update_config(slf: Py<Self>, config: &Bound<'_, PyAny>) -> PyResult<()> {
        Store::of_plugin(slf).update_config(config)
    }

    /// The bytes that the guest wrote to standard output since the last call began. Empty without
    /// `wasi=extism.Wasi(stdout="capture")`.
    ///
    /// Raises:
    ///     extism.ReentrantError: If a host function that this plug-in called makes the call.
    ///     extism.ClosedError: If the plug-in is closed.
    #[getter]
    fn stdout<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.turn(py)?.live().plugin.stdout();
        bytes::bytes(py, &bytes)
    }

    /// The bytes that the guest wrote to standard error since the last call began. Empty without
    /// `wasi=extism.Wasi(stderr="capture")`.
    ///
    /// Raises:
    ///     extism.ReentrantError: If a host function that this plug-in called makes the call.
    ///     extism.ClosedError: If the plug-in is closed.
    #[getter]
    fn stderr<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.turn(py)?.live().plugin.stderr();
        bytes::bytes(py, &bytes)
    }

    /// How many units of work the last call did, or `None` if the plug-in was made without `fuel`. If the guest
    /// trapped, other than by `unreachable`, the count may be off by up to the cost of the function that trapped and
    /// those that it calls.
    ///
    /// Raises:
    ///     extism.ReentrantError: If a host function that this plug-in called makes the call.
    ///     extism.ClosedError: If the plug-in is closed.
    #[getter]
    fn fuel_consumed(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        Ok(self.turn(py)?.live().plugin.fuel_consumed())
    }

    /// The id of the plug-in, in log lines and errors.
    #[getter]
    fn id(&self) -> Uuid {
        self.id
    }

    /// The name of the engine, as in `engine=`.
    #[getter]
    fn engine(&self) -> &'static str {
        self.engine
    }

    /// Waits for the running call, then frees the plug-in or returns it to its pool. Closing it again does nothing.
    ///
    /// Raises:
    ///     extism.ReentrantError: If a host function that this plug-in called makes the call.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let turn = self.turn(py);
        // It was closed before, or the parent process has it.
        if self.turns.are_over() {
            return Ok(());
        }
        if let Some(live) = turn?.close() {
            py.detach(|| polyextism::internal::forks::section(|| live.end()));
        }
        self.functions.clear();
        Ok(())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let _ = (exc_type, exc_value, traceback);
        self.close(py)
    }

    fn __repr__(&self) -> String {
        format!("<extism.Plugin {}>", self.shown())
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        let message = "a Plugin is a live instance, which cannot be copied or pickled; make \
                       another one, of the same extism.CompiledPlugin if it is in this process";
        Err(error::argument(py, message))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.functions.traverse(&visit)
    }

    fn __clear__(&self) {
        self.functions.clear();
    }
}

impl Plugin {
    /// The text for `repr`.
    pub(crate) fn shown(&self) -> String {
        let end = if self.turns.are_over() {
            ", closed"
        } else {
            ""
        };
        format!("{} on {}{end}", self.id, self.engine)
    }
}
