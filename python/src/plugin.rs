//! `Plugin`: a live plug-in for Python.
//!
//! What it does itself is to translate: arguments, outputs and errors. `turns` has the live plug-in and
//! gives it to one thread at a time. Invariant: the GIL is released while a guest runs.

mod calls;

use pyo3::{PyTraverseError, PyVisit, prelude::*, types::PyBytes};
use uuid::Uuid;

use crate::{
    bytes, cache,
    cancel::CancelHandle,
    compiled::{CompiledPlugin, Extras},
    convert::{self, Input, Parse, Timeout},
    diagnostics::Diagnostics,
    ending::park_at_exit,
    engines, error,
    fuel::Fuel,
    functions::Functions,
    http,
    limits::Limits,
    store::Store,
    turns::Turns,
    wasi::Setting,
};

/// A plug-in: WebAssembly modules that run together, ready to be called.
///
/// Any thread may call it; calls wait for each other. It is a context manager that closes itself.
///
/// Args:
///     plugin: A path, the text of a module or of a manifest (JSON or TOML), the bytes of either, a
///         manifest as an `extism.Manifest` or a `dict` (where `data` of a module may be bytes), or
///         a `CompiledPlugin`: then `wasi` and `functions` have been decided and are ignored.
///     wasi: Whether the modules may import WASI preview 1, or an `extism.Wasi`, which also says what
///         it is given.
///     config: Configuration values, added to those of the manifest. Keys and values are `str`;
///         `None` removes a key.
///     functions: Host functions; all that `extism.host_fn` has registered, if not given. Only
///         those that a module imports are bound.
///     engine: The name of an engine (`"wasmtime"`), also with a compiler (`"wasmtime:winch"`),
///         or an `extism.Engine`. If not given, the environment variable `EXTISM_ENGINE` says it,
///         else it is the first that is built in.
///     http_client: Sends the HTTP requests of plug-ins, and fetches modules, in place of the client that
///         is built in. It is called with an `extism.HttpRequest` and returns an
///         `extism.HttpResponse`; hosts are checked before.
///     http_response_headers: Whether plug-ins can read the headers of responses.
///     progress: While a module is fetched, it is called with the bytes that are there and those that
///         are announced, or `None`. What it raises ends that.
///     fuel: How many units of work each call may do, or `math.inf` to count only; if not given, nobody
///         counts. A unit is one WebAssembly instruction that is executed; what host functions do
///         costs nothing. The same call uses the same number on every engine. What initialises the
///         plug-in is part of the call that it happens in. Of a `CompiledPlugin`, which must be
///         compiled with fuel, this is for the calls of this instance.
///     limits: What modules may cost to compile and the plug-in may have, an `extism.Limits`.
///     cache: Where compiled code is kept for the next process, as `CompiledPlugin` takes it.
///     diagnostics: What is written down after a failure and for profilers, an `extism.Diagnostics`; if
///         not given, what the environment says.
///
/// Raises:
///     extism.ArgumentError: If a `CompiledPlugin` comes with another engine, or with an argument
///         that was decided when it was compiled (HTTP, limits, cache, diagnostics), or if WASI cannot be given
///         what `wasi` says.
///     extism.ManifestError: If the manifest or the configuration is wrong.
///     extism.InvalidModuleError: If a module is not WebAssembly that can be run.
///     extism.LinkError: If an import cannot be resolved.
///     extism.UnknownEngineError: If the engine is not built in.
///     extism.UnsupportedError: If the engine cannot do what was asked.
#[pyclass(module = "extism", frozen, subclass, weakref)]
pub(crate) struct Plugin {
    id: Uuid,
    engine: &'static str,
    cancel: polyextism::CancelHandle,
    turns: Turns,
    /// Keeps alive what the guest can call.
    functions: Functions,
}

#[pymethods]
impl Plugin {
    #[new]
    #[pyo3(
        signature = (
            plugin, wasi = Setting::OFF, config = None, functions = None, *, engine = None,
            http_client = None, http_response_headers = false, progress = None, fuel = None,
            limits = None,
            cache = None, diagnostics = None
        ),
        text_signature = "(plugin, wasi=False, config=None, functions=None, *, engine=None, \
                          http_client=None, http_response_headers=False, progress=None, \
                          fuel=None, limits=None, cache=None, diagnostics=None)"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "Python names them where it calls it"
    )]
    fn new(
        plugin: &Bound<'_, PyAny>,
        wasi: Setting,
        config: Option<&Bound<'_, PyAny>>,
        functions: Option<&Bound<'_, PyAny>>,
        engine: Option<&Bound<'_, PyAny>>,
        http_client: Option<&Bound<'_, PyAny>>,
        http_response_headers: bool,
        progress: Option<&Bound<'_, PyAny>>,
        fuel: Option<Fuel>,
        limits: Option<Limits>,
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
        let (mut plugin, functions) = match plugin.cast::<CompiledPlugin>() {
            Ok(compiled) => {
                let compiled = compiled.get();
                compiled.accept(py, engine)?;
                http.refuse(py)?;
                let decided = [
                    ("limits", limits.is_some()),
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
                (plugin, functions)
            }
            Err(_) => {
                let choice = engines::choose(py, engine)?;
                let manifest = convert::manifest(plugin)?;
                let functions = Functions::given(py, functions)?;
                let extras = Extras {
                    wasi,
                    http,
                    fuel,
                    limits,
                    stopwatch: None,
                    cache,
                    diagnostics,
                };
                let compiled = CompiledPlugin::compile(py, manifest, functions, choice, extras)?;
                compiled.instance(py)?
            }
        };
        if !config.is_empty() {
            plugin.host().update_config(config);
        }
        Ok(Self::live(plugin, None, functions))
    }

    /// Calls a function of the plug-in.
    ///
    /// Args:
    ///     function_name: The name of the exported function.
    ///     data: Its input: a `str` (as UTF-8), bytes or another buffer.
    ///     parse: What is called with the output, as bytes, to make the result. `None` gives a
    ///         read-only buffer.
    ///     host_context: What `CurrentPlugin.host_context()` gives to host functions.
    ///     timeout: How long this call may take, in seconds; `math.inf` is no limit. If not given,
    ///         `timeout_ms` of the manifest says it. What initialises the plug-in counts; waiting for the
    ///         calls of other threads does not.
    ///     fuel: How many units of work this call may do, or `math.inf`, if the plug-in was made with
    ///         `fuel`. If not given, that says it.
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
        park_at_exit(|| self.call_here(py, function_name, data, parse, host_context, timeout, fuel))
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
    /// guest trapped, instructions count that would have followed in any case, up to the next call or
    /// loop.
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
        format!("<extism.Plugin {} on {}>", self.id, self.engine)
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
