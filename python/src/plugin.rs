//! `Plugin`: a live plug-in for Python.
//!
//! Calls are serialised by turns: whoever calls takes the live plug-in out of its slot and puts it
//! back afterwards. Invariants: the GIL is released while a guest runs and while a thread waits for
//! its turn; the slot's own lock is held for a few instructions only, and no Python code runs
//! under it; who has the turn already gets an error instead of a deadlock.

use std::{
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use polyextism::{Error, ErrorKind, FunctionHandle, Host};
use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    types::{PyBytes, PyMemoryView},
};
use uuid::Uuid;

use crate::{
    cancel::CancelHandle,
    compiled::CompiledPlugin,
    convert::{self, Input, Parse, Timeout},
    engines,
    error::{self, Place},
    functions::Functions,
    http,
    scope::{self, Process, ThreadId},
    signals,
    store::Store,
    wasi::Setting,
};

/// How often a thread that waits for its turn looks for signals.
const PATIENCE: Duration = Duration::from_millis(50);

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
///     engine: The name of an engine (`"wasmtime"`), also with a compiler (`"wasmer:singlepass"`),
///         or an `extism.Engine`. If not given, the environment variable `EXTISM_ENGINE` says it,
///         else it is the first that is built in.
///     http_client: Sends the HTTP requests of plug-ins, and fetches modules, in place of the client that
///         is built in. It is called with an `extism.HttpRequest` and returns an
///         `extism.HttpResponse`; hosts are checked before.
///     http_response_headers: Whether plug-ins can read the headers of responses.
///     progress: While a module is fetched, it is called with the bytes that are there and those that
///         are announced, or `None`. What it raises ends that.
///
/// Raises:
///     extism.ArgumentError: If a `CompiledPlugin` comes with another engine, or with an argument
///         about HTTP, or if WASI cannot be given what `wasi` says.
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
    slot: Mutex<Slot>,
    idle: Condvar,
    /// Keeps alive what the guest can call.
    functions: Functions,
}

struct Slot {
    state: State,
    waiting: usize,
}

enum State {
    Idle(Box<Live>),
    /// A thread has it, which a fork may have left behind in another process.
    Taken(ThreadId, Process),
    Closed,
}

struct Live {
    plugin: polyextism::Plugin,
    /// The function that was called last.
    last: Option<(String, FunctionHandle)>,
}

impl Live {
    fn call(
        &mut self,
        name: &str,
        input: &[u8],
        limit: Option<Duration>,
    ) -> polyextism::Result<&[u8]> {
        let handle = match &self.last {
            Some((last, handle)) if last == name => *handle,
            _ => self.find(name)?,
        };
        self.plugin.call_within(handle, input, limit)
    }

    #[cold]
    fn find(&mut self, name: &str) -> polyextism::Result<FunctionHandle> {
        let handle = self.plugin.function(name)?;
        let (last, known) = self.last.get_or_insert_with(|| (String::new(), handle));
        name.clone_into(last);
        *known = handle;
        Ok(handle)
    }
}

/// The live plug-in, out of its slot until this is dropped.
struct Turn<'a> {
    owner: &'a Plugin,
    live: Option<Box<Live>>,
}

impl Turn<'_> {
    fn live(&mut self) -> &mut Live {
        self.live.as_mut().expect("it is taken by `drop` only")
    }

    fn close(mut self) -> Option<Box<Live>> {
        self.live.take()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Nobody should enter a guest whose call ended in a panic of the host.
        let live = self.live.take().filter(|_| !std::thread::panicking());
        let mut slot = self.owner.slot();
        slot.state = live.map_or(State::Closed, State::Idle);
        // Waking nobody is a system call as well.
        if slot.waiting > 0 {
            drop(slot);
            self.owner.idle.notify_all();
        }
    }
}

impl Plugin {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the live plug-in and takes it.
    fn turn(&self, py: Python<'_>) -> PyResult<Turn<'_>> {
        loop {
            if let Some(live) = self
                .take()
                .map_err(|failure| self.raise(py, failure, None))?
            {
                let live = Some(live);
                return Ok(Turn { owner: self, live });
            }
            py.detach(|| self.wait());
            py.check_signals()?;
        }
    }

    /// Takes the live plug-in if it is there.
    fn take(&self) -> polyextism::Result<Option<Box<Live>>> {
        let (me, here) = (scope::thread(), scope::process());
        let mut slot = self.slot();
        match mem::replace(&mut slot.state, State::Taken(me, here)) {
            State::Idle(live) => Ok(Some(live)),
            State::Taken(owner, process) => {
                slot.state = State::Taken(owner, process);
                if owner == me {
                    return Err(reentrant());
                }
                if process != here {
                    slot.state = State::Closed;
                    return Err(left_behind());
                }
                Ok(None)
            }
            State::Closed => {
                slot.state = State::Closed;
                Err(closed())
            }
        }
    }

    fn wait(&self) {
        let mut slot = self.slot();
        if let State::Taken(..) = slot.state {
            slot.waiting += 1;
            let woken = self.idle.wait_timeout(slot, PATIENCE);
            woken.unwrap_or_else(PoisonError::into_inner).0.waiting -= 1;
        }
    }

    /// Lends the state of the plug-in on the host's side, between calls.
    pub(crate) fn host<R>(&self, py: Python<'_>, f: impl FnOnce(&mut Host) -> R) -> PyResult<R> {
        Ok(f(self.turn(py)?.live().plugin.host()))
    }

    #[cold]
    fn raise(&self, py: Python<'_>, error: Error, function: Option<&str>) -> PyErr {
        let plugin = Some(self.id);
        error::raise_at(py, error, Place { plugin, function })
    }
}

#[pymethods]
impl Plugin {
    #[new]
    #[pyo3(
        signature = (
            plugin, wasi = Setting::OFF, config = None, functions = None, *, engine = None,
            http_client = None, http_response_headers = false, progress = None
        ),
        text_signature = "(plugin, wasi=False, config=None, functions=None, *, engine=None, \
                          http_client=None, http_response_headers=False, progress=None)"
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
                compiled.instance(py)?
            }
            Err(_) => {
                let choice = engines::choose(py, engine)?;
                let manifest = convert::manifest(plugin)?;
                let functions = Functions::given(py, functions)?;
                let compiled =
                    CompiledPlugin::compile(py, manifest, wasi, functions, choice, http)?;
                compiled.instance(py)?
            }
        };
        if !config.is_empty() {
            plugin.host().update_config(config);
        }
        signals::watch(&mut plugin);
        Ok(Self {
            id: plugin.id(),
            cancel: plugin.cancel_handle(),
            engine: plugin.engine(),
            slot: Mutex::new(Slot {
                state: State::Idle(Box::new(Live { plugin, last: None })),
                waiting: 0,
            }),
            idle: Condvar::new(),
            functions,
        })
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
    ///         `timeout_ms` of the manifest says it. What initialises the plug-in counts.
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
    ///     extism.CancelledError: If the call was cancelled. After either, the next call gets a new
    ///         instance: memories are as at the start, variables stay.
    ///     extism.ExitError: If the guest exited with a code other than 0.
    ///     extism.HostFunctionError: If a host function failed; its exception is the cause.
    ///     extism.MemoryLimitError: If the input does not fit into the memory.
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
    ///     extism.ClosedError: If the plug-in is closed.
    #[pyo3(
        signature = (
            function_name, data = Input::EMPTY, parse = Parse::Bytes, host_context = None, *,
            timeout = None
        ),
        text_signature =
            "($self, function_name, data=b'', parse=..., host_context=None, *, timeout=None)"
    )]
    fn call<'py>(
        &self,
        py: Python<'py>,
        function_name: &str,
        data: Input<'_, 'py>,
        parse: Parse<'py>,
        host_context: Option<Py<PyAny>>,
        timeout: Option<Timeout>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut turn = self.turn(py)?;
        let live = turn.live();
        let limit = timeout.map_or_else(|| live.plugin.timeout(), |timeout| timeout.0);
        signals::arrive(py)?;
        let has_context = host_context.is_some();
        if let Some(context) = host_context {
            live.plugin.host().set_context(Some(Box::new(context)));
        }
        let bytes = data.bytes();
        let output = py.detach(|| live.call(function_name, bytes, limit));
        let output = output.map(|output| PyBytes::new(py, output));
        if has_context {
            live.plugin.host().set_context(None);
        }
        // Whatever comes now may run Python code, which may call again.
        drop(turn);
        let output = output.map_err(|failure| self.raise(py, failure, Some(function_name)))?;
        match parse {
            Parse::Bytes => Ok(output.into_any()),
            Parse::Buffer => Ok(PyMemoryView::from(&output)?.into_any()),
            Parse::With(parse) => parse.call1((output,)),
        }
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
        Ok(PyBytes::new(py, &bytes))
    }

    /// What the guest wrote to its standard error, as `stdout` has it for standard output.
    ///
    /// Raises:
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
    ///     extism.ClosedError: If the plug-in is closed.
    #[getter]
    fn stderr<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.turn(py)?.live().plugin.stderr();
        Ok(PyBytes::new(py, &bytes))
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

    /// Frees the plug-in, after the call that is running. Closing it again does nothing.
    ///
    /// Raises:
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let turn = self.turn(py);
        // Closed before, or left behind by a fork.
        if let State::Closed = self.slot().state {
            return Ok(());
        }
        let live = turn?.close();
        drop(live);
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

#[cold]
fn reentrant() -> Error {
    let message = "the plug-in is called by a host function that it called itself; another plug-in \
                   can be called there";
    Error::new(ErrorKind::Reentrant, message)
}

#[cold]
fn left_behind() -> Error {
    let message = "another thread was using the plug-in when the process was forked, and still has it \
                   in the other process; make another plug-in";
    Error::new(ErrorKind::Closed, message)
}

#[cold]
fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the plug-in is closed")
}
