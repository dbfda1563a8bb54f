//! `CurrentPlugin`: the plug-in that is calling, as a host function in Python sees it.
//!
//! It owns nothing but the token of its host call, and the buffers that it gave away. Invariants:
//! after that call, on another thread, or inside a further call, every method raises an error and
//! touches nothing; it becomes that of another call only when nobody has a reference to it.

use std::sync::atomic::{AtomicU64, Ordering};

use polyextism::{Caller, Error, ErrorKind, Result};
use pyo3::{
    exceptions::PyUnicodeDecodeError,
    prelude::*,
    types::{PyBytes, PyMemoryView, PyString},
};

use crate::{
    bytes,
    convert::Input,
    error, log,
    scope::{self, Token},
    signals,
    store::Store,
    value::{self, Memory, Val},
    view::Views,
};

/// The plug-in that is calling a host function.
///
/// Host functions with an explicit signature get one as their first argument. It is valid during
/// that call only, on the thread of the call.
///
/// Raises:
///     extism.ClosedError: From every method, when used at another time or on another thread.
#[pyclass(module = "extism", frozen)]
#[derive(Default)]
pub(crate) struct CurrentPlugin {
    /// That of no call at first.
    call: AtomicU64,
    views: Views,
}

impl CurrentPlugin {
    /// Begins its use, for a host call.
    pub(crate) fn begin(&self, call: Token) {
        self.call.store(call.0, Ordering::Relaxed);
    }

    /// Ends its use, once the host function has returned.
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

    /// Has this process, a child that was forked in the host function, look after the running call.
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

    /// The bytes of the block that `input` is the handle of.
    fn read<'py>(&self, input: &Bound<'py, Val>) -> PyResult<Bound<'py, PyBytes>> {
        let py = input.py();
        let offset = offset(input.try_borrow()?.value.bind(py))?;
        self.with(py, |mut caller| {
            self.views.write_back(py, caller.reborrow(), offset);
            bytes::bytes(py, caller.read(offset))
        })?
    }

    /// Writes a block and makes `output` its handle.
    fn write(&self, output: &Bound<'_, Val>, bytes: &[u8]) -> PyResult<()> {
        let py = output.py();
        let offset = self.try_with(py, |mut caller| caller.write(bytes))?;
        output.try_borrow_mut()?.value = offset.into_pyobject(py)?.into_any().unbind();
        Ok(())
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
    /// The buffer is over a copy: what is written to it is in the plug-in's memory when the host
    /// function returns, and at once for the other methods of this object. Then it is released;
    /// slices of it that are still there can be read, but are no part of the plug-in any more.
    ///
    /// Args:
    ///     mem: The block.
    ///
    /// Returns:
    ///     The buffer, as long as the block; empty if it is not a live block.
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
    ///     The block; of size 0, the null handle.
    ///
    /// Raises:
    ///     extism.ArgumentError: If the size is no number, or is negative.
    ///     extism.MemoryLimitError: If the memory cannot grow enough.
    fn alloc(&self, size: &Bound<'_, PyAny>) -> PyResult<Memory> {
        let py = size.py();
        let Ok(size) = size.extract::<u64>() else {
            let found = size
                .repr()
                .map_or_else(|_| "?".into(), |text| text.to_string());
            let message = format!("size is {found}, allowed are numbers from 0");
            return Err(error::argument(py, message));
        };
        let offset = self.try_with(py, |mut caller| caller.alloc(size))?;
        Ok(Memory {
            offset,
            length: size,
        })
    }

    /// Frees a block of plug-in memory, and releases the buffers over it. What is not a live
    /// block is left alone.
    ///
    /// Args:
    ///     mem: The block.
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
    ///     The block; its length is 0 if none starts there.
    fn memory_at_offset(&self, offs: &Bound<'_, PyAny>) -> PyResult<Memory> {
        let py = offs.py();
        let offset = match offs.cast::<Val>() {
            Ok(val) => offset(val.try_borrow()?.value.bind(py))?,
            Err(_) => offset(offs)?,
        };
        let length = self.with(py, |mut caller| caller.length(offset))?;
        Ok(Memory { offset, length })
    }

    /// Returns bytes from a host function: writes them to a new block.
    ///
    /// Args:
    ///     output: The result, which becomes the handle of the block.
    ///     b: The bytes, or any buffer.
    ///
    /// Raises:
    ///     extism.MemoryLimitError: If the memory cannot grow enough.
    fn return_bytes(&self, output: &Bound<'_, Val>, b: Input<'_, '_>) -> PyResult<()> {
        self.write(output, b.bytes())
    }

    /// Returns text from a host function: writes it to a new block, as UTF-8.
    ///
    /// Args:
    ///     output: The result, which becomes the handle of the block.
    ///     s: The text.
    ///
    /// Raises:
    ///     extism.MemoryLimitError: If the memory cannot grow enough.
    fn return_string(&self, output: &Bound<'_, Val>, s: &str) -> PyResult<()> {
        self.write(output, s.as_bytes())
    }

    /// Reads the block that a parameter is the handle of.
    ///
    /// Args:
    ///     input: The parameter.
    ///
    /// Returns:
    ///     Its bytes; none if the handle is null or not a live block.
    fn input_bytes<'py>(&self, input: &Bound<'py, Val>) -> PyResult<Bound<'py, PyBytes>> {
        self.read(input)
    }

    /// Reads the block that a parameter is the handle of, as a buffer.
    ///
    /// Args:
    ///     input: The parameter.
    ///
    /// Returns:
    ///     A buffer over a copy, which stays valid.
    fn input_buffer<'py>(&self, input: &Bound<'py, Val>) -> PyResult<Bound<'py, PyMemoryView>> {
        PyMemoryView::from(self.read(input)?.as_any())
    }

    /// Reads the block that a parameter is the handle of, as UTF-8 text.
    ///
    /// Args:
    ///     input: The parameter.
    ///
    /// Returns:
    ///     Its text.
    ///
    /// Raises:
    ///     UnicodeDecodeError: If it is not UTF-8.
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

    /// The variables of the plug-in: a mapping from `str` to `bytes` that guests see and change as
    /// well. Setting one raises `extism.ArgumentError` if it does not fit.
    #[getter]
    fn vars<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Store::of_call(self.token()).vars(py)
    }

    /// The configuration of the plug-in: a mapping from `str` to `str`. Changes are for this
    /// instance only.
    #[getter]
    fn config<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Store::of_call(self.token()).config(py)
    }

    /// How long the running call may go on, in seconds; `None` if it has no time limit, and 0 if the
    /// limit is over: then the call fails when the host function returns.
    #[getter]
    fn time_remaining(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.with(py, |mut caller| {
            let remaining = caller.host().alarm().remaining();
            remaining.map(|remaining| remaining.as_secs_f64())
        })
    }

    /// The error text that is set for the running call, `None` if there is none.
    #[getter]
    fn error(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.with(py, |mut caller| {
            let text = caller.error();
            text.map(|text| String::from_utf8_lossy(text).into_owned())
        })
    }

    /// Sets the error text of the running call, as a guest does. The guest goes on; when it
    /// returns, `Plugin.call` raises `extism.GuestError` with the text.
    ///
    /// Args:
    ///     text: The text.
    ///
    /// Raises:
    ///     extism.ArgumentError: If the text is empty.
    ///     extism.MemoryLimitError: If the memory cannot grow enough.
    fn set_error(&self, py: Python<'_>, text: &str) -> PyResult<()> {
        self.try_with(py, |mut caller| caller.set_error(text))
    }

    /// Takes the error text of the running call away.
    fn clear_error(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |mut caller| caller.clear_error())
    }

    /// Logs a line on behalf of the plug-in, with its id.
    ///
    /// Args:
    ///     level: `trace`, `debug`, `info`, `warn` or `error`, in any case.
    ///     text: The line; beyond 64 KiB it is cut.
    ///
    /// Raises:
    ///     extism.ArgumentError: If there is no such level.
    fn log(&self, py: Python<'_>, level: &str, text: &str) -> PyResult<()> {
        let level = log::level(py, level)?;
        let logger = self.with(py, |mut caller| caller.host().logger().clone())?;
        // Writing may wait, for a pipe for instance.
        py.detach(|| logger.log(level, text));
        Ok(())
    }

    /// What the caller gave to `Plugin.call(..., host_context=...)`.
    ///
    /// Returns:
    ///     That object, or `None`.
    fn host_context(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.with(py, |mut caller| {
            let context = caller.host().context::<Py<PyAny>>();
            context.map(|context| context.clone_ref(py))
        })
    }
}

fn offset(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value::handle(value).ok_or_else(|| {
        let found = value
            .repr()
            .map_or_else(|_| "?".into(), |text| text.to_string());
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
