//! `CurrentPlugin`: the calling plug-in, as a host function in Python sees it.
//!
//! It owns only the token of its host call and the buffers that it has returned. Invariants: after that call, on
//! another thread, or inside a nested call, every method raises an error and changes nothing; it is reused for
//! another call only if nobody has a reference to it.

use std::sync::atomic::{AtomicU64, Ordering};

use polyextism::{Caller, Error, ErrorKind, Result};
use pyo3::{
    exceptions::PyUnicodeDecodeError,
    prelude::*,
    types::{PyBytes, PyMemoryView, PyString},
};

use crate::{
    bytes,
    convert::{Input, shown},
    error, expect, log,
    scope::{self, Token},
    signals,
    store::Store,
    value::{self, Memory, Val},
    view::Views,
};

/// The plug-in that is calling a host function.
///
/// Host functions with an explicit signature get one as their first argument. It is valid only during
/// the call of the host function, and only on the thread of that call.
///
/// Raises:
///     extism.ClosedError: Every method raises it after the call and on another thread.
#[pyclass(module = "extism", frozen)]
#[derive(Default)]
pub(crate) struct CurrentPlugin {
    /// At first, the token of no call.
    call: AtomicU64,
    views: Views,
}

impl CurrentPlugin {
    /// Makes it valid for a host call.
    pub(crate) fn begin(&self, call: Token) {
        self.call.store(call.0, Ordering::Relaxed);
    }

    /// Makes it invalid, once the host function has returned.
    pub(crate) fn finish(&self, py: Python<'_>) {
        if !self.views.is_empty() {
            let _ = scope::with(self.token(), |caller| self.views.finish(py, caller));
        }
    }

    /// Whether it can be used here and now.
    fn is_valid(&self) -> bool {
        scope::with(self.token(), |_| ()).is_some()
    }

    fn token(&self) -> Token {
        Token(self.call.load(Ordering::Relaxed))
    }

    /// Moves the running call to this process, a child that was forked in the host function.
    #[cold]
    pub(crate) fn follow_fork(&self, py: Python<'_>) -> PyResult<()> {
        signals::arrive(py)?;
        let alarm = self.with(py, |mut caller| caller.host().alarm())?;
        let watched = alarm.watch_again();
        watched.map_err(|failure| error::raise(py, failure))
    }

    fn with<R>(&self, py: Python<'_>, body: impl FnOnce(Caller<'_>) -> R) -> PyResult<R> {
        scope::with(self.token(), body).ok_or_else(|| expired(py))
    }

    fn try_with<R>(
        &self,
        py: Python<'_>,
        body: impl FnOnce(Caller<'_>) -> Result<R>,
    ) -> PyResult<R> {
        self.with(py, body)?
            .map_err(|failure| error::raise(py, failure))
    }

    /// The bytes of the block whose handle is `input`.
    fn read<'py>(&self, input: &Bound<'py, Val>) -> PyResult<Bound<'py, PyBytes>> {
        let py = input.py();
        let offset = offset(&input.get().value.get(py)?)?;
        self.with(py, |mut caller| {
            self.views.write_back(py, caller.reborrow(), offset);
            bytes::bytes(py, caller.read(offset))
        })?
    }

    /// Writes a block and sets `output` to its handle.
    fn write(&self, output: &Bound<'_, Val>, bytes: &[u8]) -> PyResult<()> {
        let py = output.py();
        let offset = self.try_with(py, |mut caller| caller.write(bytes))?;
        output.get().value.set(offset.into_pyobject(py)?.as_any())
    }
}

#[pymethods]
impl CurrentPlugin {
    fn __repr__(&self) -> &'static str {
        match self.is_valid() {
            true => "<extism.CurrentPlugin of a running call>",
            false => "<extism.CurrentPlugin of no running call>",
        }
    }

    /// Opens a block of plug-in memory as a writable buffer.
    ///
    /// The buffer is a copy. It is written back to the memory of the plug-in when the host function
    /// returns. The other methods of this object see changes at once. After the host function has
    /// returned, the buffer is released. You can still read slices of it; they no longer belong to the
    /// plug-in.
    ///
    /// Args:
    ///     mem: The block.
    ///
    /// Returns:
    ///     A buffer of the length of the block. It is empty if the block is not live.
    fn memory<'py>(&self, mem: &Bound<'py, Memory>) -> PyResult<Bound<'py, PyMemoryView>> {
        let py = mem.py();
        self.with(py, |caller| self.views.open(py, caller, mem.get()))?
    }

    /// Allocates a block of plug-in memory, filled with zeros.
    ///
    /// Args:
    ///     size: The number of bytes.
    ///
    /// Returns:
    ///     The block. For size 0 it is the null handle.
    ///
    /// Raises:
    ///     extism.ArgumentError: If the size is not a number or is negative.
    ///     extism.MemoryLimitError: If the memory cannot grow enough.
    fn alloc(&self, size: &Bound<'_, PyAny>) -> PyResult<Memory> {
        let py = size.py();
        let Ok(size) = size.extract::<u64>() else {
            let found = shown(size);
            let message = format!("size is {found}, allowed are numbers from 0");
            return Err(error::argument(py, message));
        };
        let offset = self.try_with(py, |mut caller| caller.alloc(size))?;
        Ok(Memory {
            offset,
            length: size,
        })
    }

    /// Frees a block of plug-in memory and releases its buffers.
    ///
    /// Args:
    ///     mem: The block. If it is not live, nothing happens.
    fn free(&self, py: Python<'_>, mem: &Bound<'_, Memory>) -> PyResult<()> {
        let offset = mem.get().offset;
        self.with(py, |mut caller| {
            self.views.forget(py, offset);
            caller.free(offset);
        })
    }

    /// Finds the block that starts at an offset.
    ///
    /// Args:
    ///     offs: The offset, an `int` or a `Val`.
    ///
    /// Returns:
    ///     The block. Its length is 0 if no block starts there.
    fn memory_at_offset(&self, offs: &Bound<'_, PyAny>) -> PyResult<Memory> {
        let py = offs.py();
        let offset = match offs.cast::<Val>() {
            Ok(val) => offset(&val.get().value.get(py)?)?,
            Err(_) => offset(offs)?,
        };
        let length = self.with(py, |mut caller| caller.length(offset))?;
        Ok(Memory { offset, length })
    }

    /// Returns bytes from a host function. They are written to a new block.
    ///
    /// Args:
    ///     output: The result. It is set to the handle of the block.
    ///     b: The bytes: a `str` (as UTF-8), bytes or another buffer.
    ///
    /// Raises:
    ///     extism.MemoryLimitError: If the memory cannot grow enough.
    fn return_bytes(&self, output: &Bound<'_, Val>, b: Input<'_, '_>) -> PyResult<()> {
        self.write(output, b.bytes())
    }

    /// Returns text from a host function. It is written to a new block as UTF-8.
    ///
    /// Args:
    ///     output: The result. It is set to the handle of the block.
    ///     s: The text.
    ///
    /// Raises:
    ///     extism.MemoryLimitError: If the memory cannot grow enough.
    fn return_string(
        &self,
        output: &Bound<'_, Val>,
        #[pyo3(from_py_with = expect::string)] s: &str,
    ) -> PyResult<()> {
        self.write(output, s.as_bytes())
    }

    /// Reads the block of plug-in memory that a parameter refers to.
    ///
    /// Args:
    ///     input: The parameter, which holds the handle of the block.
    ///
    /// Returns:
    ///     The bytes of the block. They are empty if the handle is null or its block is not live.
    fn input_bytes<'py>(&self, input: &Bound<'py, Val>) -> PyResult<Bound<'py, PyBytes>> {
        self.read(input)
    }

    /// Reads the block of plug-in memory that a parameter refers to, as a buffer.
    ///
    /// Args:
    ///     input: The parameter, which holds the handle of the block.
    ///
    /// Returns:
    ///     A buffer over a copy of the block. It stays valid after the call.
    fn input_buffer<'py>(&self, input: &Bound<'py, Val>) -> PyResult<Bound<'py, PyMemoryView>> {
        PyMemoryView::from(self.read(input)?.as_any())
    }

    /// Reads the block of plug-in memory that a parameter refers to, as UTF-8 text.
    ///
    /// Args:
    ///     input: The parameter, which holds the handle of the block.
    ///
    /// Returns:
    ///     The text.
    ///
    /// Raises:
    ///     UnicodeDecodeError: If the bytes are not UTF-8.
    fn input_string<'py>(&self, input: &Bound<'py, Val>) -> PyResult<Bound<'py, PyString>> {
        let py = input.py();
        let bytes = self.read(input)?;
        match str::from_utf8(bytes.as_bytes()) {
            Ok(text) => Ok(PyString::new(py, text)),
            Err(error) => {
                let bytes = bytes.as_bytes();
                Err(PyUnicodeDecodeError::new_err_from_utf8(py, bytes, error))
            }
        }
    }

    /// The variables of the plug-in, as a mapping from `str` to `bytes`. You and the guest share it.
    ///
    /// Raises:
    ///     extism.ArgumentError: When you set a variable that exceeds `max_var_bytes`.
    #[getter]
    fn vars<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Store::of_call(self.token()).vars(py)
    }

    /// The configuration of the plug-in, as a mapping from `str` to `str`. Changes affect this
    /// instance only.
    #[getter]
    fn config<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Store::of_call(self.token()).config(py)
    }

    /// The time that is left for the running call, in seconds. `None` means no time limit. At 0 the
    /// call fails when the host function returns.
    #[getter]
    fn time_remaining(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.with(py, |mut caller| {
            let remaining = caller.host().alarm().remaining();
            remaining.map(|remaining| remaining.as_secs_f64())
        })
    }

    /// The error text of the running call, or `None`.
    #[getter]
    fn error(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.with(py, |mut caller| {
            let text = caller.error();
            text.map(|text| String::from_utf8_lossy(text).into_owned())
        })
    }

    /// Sets the error text of the running call, as a guest can. The guest continues. When it returns,
    /// `Plugin.call` raises `extism.GuestError` with the text.
    ///
    /// Args:
    ///     text: The text.
    ///
    /// Raises:
    ///     extism.ArgumentError: If the text is empty.
    ///     extism.MemoryLimitError: If the memory cannot grow enough.
    fn set_error(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = expect::error_text)] text: &str,
    ) -> PyResult<()> {
        self.try_with(py, |mut caller| caller.set_error(text))
    }

    /// Removes the error text of the running call.
    fn clear_error(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |mut caller| caller.clear_error())
    }

    /// Logs a line for the plug-in, with its id.
    ///
    /// Args:
    ///     level: `trace`, `debug`, `info`, `warn` or `error`, in upper or lower case.
    ///     text: The line. It is cut after 64 KiB.
    ///
    /// Raises:
    ///     extism.ArgumentError: If the level is unknown.
    fn log(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = expect::line_level)] level: &str,
        #[pyo3(from_py_with = expect::error_text)] text: &str,
    ) -> PyResult<()> {
        let level = log::level(py, level)?;
        let logger = self.with(py, |mut caller| caller.host().logger().clone())?;
        // Writing may block, for instance on a pipe.
        py.detach(|| logger.log(level, text));
        Ok(())
    }

    /// Returns the object that was passed to `Plugin.call(..., host_context=...)`.
    ///
    /// Returns:
    ///     The object, or `None` if there is none.
    fn host_context(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.with(py, |mut caller| {
            let context = caller.host().context::<Py<PyAny>>();
            context.map(|context| context.clone_ref(py))
        })
    }
}

fn offset(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value::handle(value).ok_or_else(|| {
        let found = shown(value);
        error::argument(
            value.py(),
            format!("{found} is not an offset of plug-in memory"),
        )
    })
}

#[cold]
pub(crate) fn expired(py: Python<'_>) -> PyErr {
    let message = "a CurrentPlugin is valid only on the thread of its own host function call, \
                   while that call runs and makes no further one";
    error::raise(py, Error::new(ErrorKind::Closed, message))
}
