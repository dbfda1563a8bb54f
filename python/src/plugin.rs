//! `Plugin`: a live plug-in for Python.
//!
//! What it does itself is to translate: arguments, outputs and errors. `turns` has the live plug-in and
//! gives it to one thread at a time. Invariant: the GIL is released while a guest runs.

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
///     plugin: A path, the text of a module or of a manifest (JSON or TOML), the bytes of either, a
///         manifest as an `extism.Manifest` or a `dict` (where `data` of a module may be bytes), or
///         a `CompiledPlugin`; then only `config` and `fuel` may be given as well.
///     wasi: Whether the modules may import WASI preview 1, or an `extism.Wasi`, which also says what
///         it is given.
///     config: Configuration values, added to those of the manifest. Keys and values are `str`;
///         `None` removes a key.
///     functions: Host functions; all that `extism.host_fn` has registered, if not given. Only
///         those that a module imports are bound.
///     engine: The name of an engine (`"wasmtime"`), also with a compiler (`"wasmtime:winch"`),
///         or an `extism.Engine`. The default is the environment variable `EXTISM_ENGINE`, or else the
///         first engine that is built in.
///     http_client: Sends the HTTP requests of plug-ins, and fetches modules, in place of the client that
///         is built in. It is called with an `extism.HttpRequest` and returns an
///         `extism.HttpResponse`; hosts are checked before.
///     http_response_headers: Whether plug-ins can read the headers of responses.
///     progress: Called while a module is downloaded, with the number of bytes received and the total, or
///         `None` if the total is unknown. An exception ends the download.
///     fuel: How many units of work each call may do; `math.inf` counts without a limit. By default nothing
///         is counted. A unit is one executed WebAssembly instruction; host functions cost nothing. The
///         same call uses the same number on every engine. Initialising the plug-in counts as part of the
///         first call. With a `CompiledPlugin`, which must be compiled with fuel, this is for the calls of
///         this instance.
///     limits: Limits on compiling and on memory, an `extism.Limits`.
///     compile_timeout: How long compiling may take, in seconds, as `CompiledPlugin` takes it.
///     cache: Where compiled code is kept for the next process, as `CompiledPlugin` takes it.
///     diagnostics: Dumps after a failure and profiling, an `extism.Diagnostics`. The default comes from
///         environment variables.
///
/// Raises:
///     extism.ArgumentError: If a `CompiledPlugin` comes with another engine, or with an argument
///         that was decided when it was compiled (WASI, functions, HTTP, limits and the like), or if WASI
///         cannot be given what `wasi` says.
///     extism.ManifestError: If the manifest or the configuration is wrong.
///     extism.InvalidModuleError: If a module is not WebAssembly that can be run.
///     extism.LinkError: If an import cannot be resolved.
///     extism.UnknownEngineError: If the engine is not built in.
///     extism.UnsupportedError: If the engine cannot do what was asked.
///     extism.TimeoutError: If compiling took longer than it may.
#[pyclass(module = "extism", frozen, subclass, weakref)]
pub(crate) struct Plugin {
    id: Uuid,
    engine: &'static str,
    cancel: polyextism::CancelHandle,
    turns: Turns,
    /// Keeps alive what the guest can call.
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
        http_response_headers: bool,
        progress: Option<&Bound<'_, PyAny>>,
        fuel: Option<Fuel>,
        limits: Option<Limits>,
        compile_timeout: Option<Timeout>,
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
                let manifest = convert::manifest(plugin)?;
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
    ///     data: Its input: a `str` (as UTF-8), bytes or another buffer.
    ///     parse: Called with the output, as bytes; it returns the result. `None` returns a read-only
    ///         buffer.
    ///     host_context: The value that `CurrentPlugin.host_context()` returns in host functions.
    ///     timeout: How long this call may take, in seconds; `math.inf` is no limit. The default is
    ///         `timeout_ms` of the manifest. Initialising the plug-in counts. Before that, the call waits for
    ///         calls of other threads for no longer than the same time.
    ///     fuel: How many units of work this call may do, or `math.inf`. The plug-in must be made with
    ///         `fuel`, which is the default.
    ///
    /// Returns:
    ///     What `parse` returns; by default the output as bytes.
    ///
    /// Raises:
    ///     extism.UnknownFunctionError: If there is no such function that can be called.
    ///     extism.GuestError: If the guest set an error text.
    ///     extism.ReturnCodeError: If the function returned a code other than 0.
    ///     extism.TrapError: If the guest trapped.
    ///     extism.TimeoutError: If the call took longer than it may.
    ///     extism.OutOfFuelError: If the call used up its fuel.
    ///     extism.CancelledError: If the call was cancelled. After each of these, the next call gets a
    ///         new instance: memories are as at the start, variables stay.
    ///     extism.ExitError: If the guest exited with a code other than 0.
    ///     extism.HostFunctionError: If a host function failed; its exception is the cause.
    ///     extism.MemoryLimitError: If the input does not fit into the memory.
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
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
        function_name: &str,
        data: Input<'_, 'py>,
        parse: Parse<'py>,
        host_context: Option<Py<PyAny>>,
        timeout: Option<Timeout>,
        fuel: Option<Fuel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let callee = Named(function_name);
        park_at_exit(|| self.call_here(py, callee, data, parse, host_context, timeout, fuel))
    }

    /// Calls a function on a worker thread and awaits it.
    ///
    /// Cancelling the task that awaits it cancels the guest, and waits until it has stopped. Host functions that are
    /// `async` run in the event loop of the caller.
    ///
    /// Args:
    ///     function_name: The name of the exported function.
    ///     data: Its input, as for `call`.
    ///     **options: `parse`, `host_context`, `timeout` and `fuel`, as for `call`, and `executor`: the
    ///         `concurrent.futures.ThreadPoolExecutor` that it runs in, if not that of the package.
    ///
    /// Returns:
    ///     An awaitable of what `call` returns.
    ///
    /// Raises:
    ///     extism.Error: As `call`.
    ///     RuntimeError: If no event loop is running.
    #[pyo3(
        signature = (function_name, data = None, **options),
        text_signature = "($self, function_name, data=b'', **options)"
    )]
    fn call_async<'py>(
        slf: &Bound<'py, Self>,
        function_name: &str,
        data: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let call = parking::import(py, "extism._async")?.getattr("call_async")?;
        match data {
            Some(data) => call.call((slf, function_name, data), options),
            None => call.call((slf, function_name), options),
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
        function_name: &str,
        data: Input<'_, 'py>,
        parse: Parse<'py>,
        host_context: Option<Py<PyAny>>,
        timeout: Option<Timeout>,
        fuel: Option<Fuel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (ticket, callee) = (
            Some(ticket.get()),
            Known {
                name: function_name,
                handle: None,
            },
        );
        park_at_exit(|| {
            self.call_until(py, ticket, callee, data, parse, host_context, timeout, fuel)
        })
    }

    /// Looks a function up once, for many calls.
    ///
    /// >>> count = plugin.function("count_vowels")
    /// >>> count("Hello, World!")
    ///
    /// Args:
    ///     name: The name of the exported function.
    ///     takes: The type of its argument, as host functions annotate theirs: `str`, `bytes`,
    ///         `Annotated[..., extism.Json]` and so on. If neither it nor `gives` is given, the function takes and gives
    ///         what `call` does.
    ///     gives: The type of its result, likewise.
    ///
    /// Returns:
    ///     An `extism.PluginFunction`, or an `extism.TypedFunction` if a type is given.
    ///
    /// Raises:
    ///     extism.UnknownFunctionError: If there is no such function that can be called.
    ///     extism.ArgumentError: If nothing says how a value of the type is written as bytes.
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
    ///     extism.ClosedError: If the plug-in is closed.
    #[pyo3(
        signature = (name, *, takes = None, gives = None),
        text_signature = "($self, name, *, takes=None, gives=None)"
    )]
    fn function<'py>(
        slf: &Bound<'py, Self>,
        name: &str,
        takes: Option<&Bound<'py, PyAny>>,
        gives: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
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

    /// What the main module exports, as a tuple of `extism.Export`.
    #[getter]
    fn exports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.origin.exports(py)
    }

    /// The imports of the modules and what provides them, as a tuple of `extism.Import`.
    #[getter]
    fn imports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.origin.imports(py)
    }

    /// What it was made of, as a `dict` that `Plugin` takes; the bytes of modules are `bytes`. `config` is that of
    /// the manifest, without what was changed for this instance.
    #[getter]
    fn manifest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.origin.manifest(py)
    }

    /// How much memory there is at the start, at most and now, as an `extism.MemoryInfo`.
    ///
    /// Raises:
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
    ///     extism.ClosedError: If the plug-in is closed.
    #[getter]
    fn memory<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let used = self.turn(py)?.live().plugin.memory_bytes();
        self.origin.memory(py, Some(used))
    }

    /// The names of the WebAssembly features that the modules use beyond the first version. It reads the modules: of
    /// a path or URL, anew.
    ///
    /// Raises:
    ///     extism.ManifestError: If a module cannot be read any more.
    #[getter]
    fn features<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.origin.features(py)
    }

    /// Tells whether the plug-in exports a function that can be called.
    ///
    /// Args:
    ///     name: The name of the function.
    ///
    /// Raises:
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
    ///     extism.ClosedError: If the plug-in is closed.
    fn function_exists(&self, py: Python<'_>, name: &str) -> PyResult<bool> {
        Ok(self.turn(py)?.live().plugin.function_exists(name))
    }

    /// A handle to cancel calls of this plug-in from any thread, also from its own host functions.
    fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(self.cancel.clone())
    }

    /// Frees all blocks of the memory that the plug-in shares with the host.
    ///
    /// Each call does so by itself when it begins; this is for plug-ins that are called rarely.
    /// The modules' own memory and the variables stay.
    ///
    /// Raises:
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
    ///     extism.ClosedError: If the plug-in is closed.
    fn reset(&self, py: Python<'_>) -> PyResult<()> {
        self.turn(py)?.live().plugin.reset();
        Ok(())
    }

    /// The variables of the plug-in: a mapping from `str` to `bytes` that guests and host functions
    /// see and change as well.
    ///
    /// Each access waits for the call that is running, and raises errors as `reset` does; setting a
    /// variable also an `ArgumentError`, if it does not fit.
    #[getter]
    fn vars(slf: Py<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Store::of_plugin(slf).vars(py)
    }

    /// The configuration of this instance: a mapping from `str` to `str`. Errors are as those of
    /// `vars`, or a `ManifestError` if a value is not text.
    #[getter]
    fn config(slf: Py<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Store::of_plugin(slf).config(py)
    }

    /// Changes the configuration of this instance.
    ///
    /// Args:
    ///     config: Keys and their values, `str`; `None` removes the key. If one of them is wrong,
    ///         nothing is changed.
    ///
    /// Raises:
    ///     extism.ManifestError: If a value is neither text nor `None`.
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
    ///     extism.ClosedError: If the plug-in is closed.
    fn update_config(slf: Py<Self>, config: &Bound<'_, PyAny>) -> PyResult<()> {
        Store::of_plugin(slf).update_config(config)
    }

    /// What the guest wrote to its standard output since the last call began, as bytes; empty unless
    /// `wasi=extism.Wasi(stdout="capture")` captures it.
    ///
    /// Raises:
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
    ///     extism.ClosedError: If the plug-in is closed.
    #[getter]
    fn stdout<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.turn(py)?.live().plugin.stdout();
        bytes::bytes(py, &bytes)
    }

    /// What the guest wrote to its standard error, as `stdout` has it for standard output.
    ///
    /// Raises:
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
    ///     extism.ClosedError: If the plug-in is closed.
    #[getter]
    fn stderr<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.turn(py)?.live().plugin.stderr();
        bytes::bytes(py, &bytes)
    }

    /// How many units of work the last call did; `None` if the plug-in was made without `fuel`. If the
    /// guest trapped, other than by `unreachable`, it may be off by up to what the function costs that trapped.
    ///
    /// Raises:
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
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

    /// The name of the engine it runs on, as `engine=` understands it.
    #[getter]
    fn engine(&self) -> &'static str {
        self.engine
    }

    /// Frees the plug-in, or gives it back to its pool, after the call that is running. Closing it
    /// again does nothing.
    ///
    /// Raises:
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let turn = self.turn(py);
        // Closed before, or left behind by a fork.
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
    /// What `repr` says of it.
    pub(crate) fn shown(&self) -> String {
        let end = if self.turns.are_over() {
            ", closed"
        } else {
            ""
        };
        format!("{} on {}{end}", self.id, self.engine)
    }
}
