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

use polyextism::{Error, ErrorKind, FunctionHandle};
use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    types::{PyBytes, PyMemoryView},
};
use uuid::Uuid;

use crate::{
    compiled::CompiledPlugin,
    convert::{self, Input, Parse},
    engines,
    error::{self, Place},
    functions::Functions,
    scope::{self, ThreadId},
    wasi::Setting,
};

/// How often a thread that waits for its turn looks for signals.
const PATIENCE: Duration = Duration::from_millis(50);

/// A plug-in: WebAssembly modules that run together, ready to be called.
///
/// Any thread may call it; calls wait for each other. It is a context manager that closes itself.
///
/// Args:
///     plugin: A path, the text of a module or of a JSON manifest, the bytes of either, a
///         manifest as a `dict` (where `data` of a module may be bytes), or a `CompiledPlugin`:
///         then `wasi` and `functions` have been decided and are ignored.
///     wasi: Whether the modules may import WASI preview 1, or an `extism.Wasi`, which also says what
///         it is given.
///     config: Configuration values, added to those of the manifest. Keys and values are `str`.
///     functions: Host functions; all that `extism.host_fn` has registered, if not given. Only
///         those that a module imports are bound.
///     engine: The name of an engine (`"wasmtime"`), also with a compiler (`"wasmer:singlepass"`),
///         or an `extism.Engine`. If not given, the environment variable `EXTISM_ENGINE` says it,
///         else it is the first that is built in.
///
/// Raises:
///     extism.ArgumentError: If a `CompiledPlugin` comes with another engine, or if WASI cannot be
///         given what `wasi` says.
///     extism.ManifestError: If the manifest or the configuration is wrong.
///     extism.InvalidModuleError: If a module is not WebAssembly that can be run.
///     extism.LinkError: If an import cannot be resolved.
///     extism.UnknownEngineError: If the engine is not built in.
///     extism.UnsupportedError: If the engine cannot do what was asked.
#[pyclass(module = "extism", frozen, subclass, weakref)]
pub(crate) struct Plugin {
    id: Uuid,
    engine: &'static str,
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
    Taken(ThreadId),
    Closed,
}

struct Live {
    plugin: polyextism::Plugin,
    /// The function that was called last.
    last: Option<(String, FunctionHandle)>,
}

impl Live {
    fn call(&mut self, name: &str, input: &[u8]) -> polyextism::Result<&[u8]> {
        let handle = match &self.last {
            Some((last, handle)) if last == name => *handle,
            _ => self.find(name)?,
        };
        self.plugin.call_function(handle, input)
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
        let me = scope::thread();
        let mut slot = self.slot();
        match mem::replace(&mut slot.state, State::Taken(me)) {
            State::Idle(live) => Ok(Some(live)),
            State::Taken(owner) => {
                slot.state = State::Taken(owner);
                match owner == me {
                    true => Err(reentrant()),
                    false => Ok(None),
                }
            }
            State::Closed => {
                slot.state = State::Closed;
                Err(closed())
            }
        }
    }

    fn wait(&self) {
        let mut slot = self.slot();
        if let State::Taken(_) = slot.state {
            slot.waiting += 1;
            let woken = self.idle.wait_timeout(slot, PATIENCE);
            woken.unwrap_or_else(PoisonError::into_inner).0.waiting -= 1;
        }
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
            plugin, wasi = Setting::OFF, config = None, functions = None, *, engine = None
        ),
        text_signature = "(plugin, wasi=False, config=None, functions=None, *, engine=None)"
    )]
    fn new(
        plugin: &Bound<'_, PyAny>,
        wasi: Setting,
        config: Option<&Bound<'_, PyAny>>,
        functions: Option<&Bound<'_, PyAny>>,
        engine: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let py = plugin.py();
        let config = config.map(convert::config).transpose()?.unwrap_or_default();
        let (mut plugin, functions) = match plugin.cast::<CompiledPlugin>() {
            Ok(compiled) => {
                let compiled = compiled.get();
                compiled.accept(py, engine)?;
                compiled.instance(py)?
            }
            Err(_) => {
                let choice = engines::choose(py, engine)?;
                let manifest = convert::manifest(plugin)?;
                let functions = Functions::given(py, functions)?;
                CompiledPlugin::compile(py, &manifest, wasi, functions, choice)?.instance(py)?
            }
        };
        if !config.is_empty() {
            plugin.host().extend_config(config);
        }
        Ok(Self {
            id: plugin.id(),
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
    ///
    /// Returns:
    ///     What `parse` returns; by default the output as bytes.
    ///
    /// Raises:
    ///     extism.UnknownFunctionError: If there is no such function that can be called.
    ///     extism.GuestError: If the guest set an error text.
    ///     extism.ReturnCodeError: If the function returned a code other than 0.
    ///     extism.TrapError: If the guest trapped.
    ///     extism.ExitError: If the guest exited with a code other than 0.
    ///     extism.HostFunctionError: If a host function failed; its exception is the cause.
    ///     extism.MemoryLimitError: If the input does not fit into the memory.
    ///     extism.ReentrantError: If the caller is a host function that this plug-in called.
    ///     extism.ClosedError: If the plug-in is closed.
    #[pyo3(
        signature = (function_name, data = Input::EMPTY, parse = Parse::Bytes, host_context = None),
        text_signature = "($self, function_name, data=b'', parse=..., host_context=None)"
    )]
    fn call<'py>(
        &self,
        py: Python<'py>,
        function_name: &str,
        data: Input<'_, 'py>,
        parse: Parse<'py>,
        host_context: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut turn = self.turn(py)?;
        let live = turn.live();
        let has_context = host_context.is_some();
        if let Some(context) = host_context {
            live.plugin.host().set_context(Some(Box::new(context)));
        }
        let bytes = data.bytes();
        let output = py.detach(|| live.call(function_name, bytes));
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
        if let State::Closed = self.slot().state {
            return Ok(());
        }
        let live = self.turn(py)?.close();
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
fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the plug-in is closed")
}
