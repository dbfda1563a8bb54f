//! `Pool`: lends instances of a compiled plug-in to Python.
//!
//! Core decides how many instances there are and who gets the next one. Invariant: the GIL is released while a thread
//! waits, and the main thread handles signals.

use std::num::NonZeroUsize;

use polyextism::Reuse;
use pyo3::{PyTraverseError, PyVisit, prelude::*, types::PyTuple};

use crate::{
    compiled::CompiledPlugin,
    convert::{self, Timeout},
    error, expect,
    plugin::Plugin,
    signals,
};

/// A bounded number of instances of one compiled plug-in, created on demand.
///
/// Any thread may use it. If all instances are in use, callers wait: first come, first served. A forked
/// process starts with an empty pool; unpickling makes a new one.
///
/// >>> with pool.get(timeout=1) as plugin:
/// ...     plugin.call("f")
///
/// Args:
///     compiled: The `CompiledPlugin` to make instances of.
///     max_instances: The largest number of instances. The default is the number of threads that the machine can
///         run at once.
///     reuse: Whether a returned instance is lent again. It keeps its memory and is not initialised again. By
///         default each borrower gets a new instance. In both cases each borrower gets new variables, a new
///         configuration and a new id. An instance whose last call did not return (a trap, an exit, a timeout, a
///         cancellation or a failed host function) is never lent again.
///
/// Raises:
///     extism.ArgumentError: If `compiled` is not a `CompiledPlugin` or `max_instances` is less than 1.
#[pyclass(module = "extism", frozen, weakref)]
pub(crate) struct Pool {
    pool: polyextism::Pool,
    compiled: Py<CompiledPlugin>,
}

#[pymethods]
impl Pool {
    #[new]
    #[pyo3(signature = (compiled, max_instances = None, reuse = false))]
    fn new(
        compiled: &Bound<'_, PyAny>,
        max_instances: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = expect::reuse)] reuse: bool,
    ) -> PyResult<Self> {
        let py = compiled.py();
        let Ok(compiled) = compiled.cast::<CompiledPlugin>() else {
            let found = convert::type_name(compiled);
            let message = format!(
                "compiled: expected an extism.CompiledPlugin, found a value of type {found}; write \
                 extism.CompiledPlugin(...)"
            );
            return Err(error::argument(py, message));
        };
        let max = match max_instances {
            None => std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            Some(max) => match max.extract::<NonZeroUsize>() {
                Ok(max) => max,
                Err(_) => {
                    let found = convert::shown(max);
                    let message =
                        format!("max_instances: expected a number, at least 1, found {found}");
                    return Err(error::argument(py, message));
                }
            },
        };
        let reuse = if reuse { Reuse::Guest } else { Reuse::Never };
        Ok(Self {
            pool: polyextism::Pool::with(compiled.get().core(), max, reuse),
            compiled: compiled.clone().unbind(),
        })
    }

    /// Lends an instance. Close it to return it, or use it in `with`. After that it raises `ClosedError`. An
    /// instance that is garbage collected without being closed makes room for a new one.
    ///
    /// Args:
    ///     timeout: How long to wait for an instance, in seconds. By default there is no limit: a caller that holds
    ///         all instances itself waits for ever.
    ///
    /// Returns:
    ///     A `Plugin`.
    ///
    /// Raises:
    ///     extism.TimeoutError: If no instance was returned in time.
    ///     extism.TrapError: If a data segment of a new instance does not fit.
    ///     extism.MemoryLimitError: If the memories of a new instance exceed the limit.
    ///     extism.ManifestError: If an allowed path cannot be opened.
    #[pyo3(signature = (timeout = None))]
    fn get(&self, py: Python<'_>, timeout: Option<Timeout>) -> PyResult<Plugin> {
        signals::arrive(py)?;
        let timeout = timeout.and_then(|timeout| timeout.0);
        let lent = py.detach(|| self.pool.get_while(timeout, signals::check));
        let lent = lent.map_err(|failure| error::raise(py, failure))?;
        let functions = self.compiled.get().functions(py);
        let (plugin, permit) = lent.into_parts();
        let origin = self.compiled.get().origin();
        Ok(Plugin::live(plugin, Some(permit), functions, origin))
    }

    /// The largest number of instances.
    #[getter]
    fn max_instances(&self) -> usize {
        self.pool.max_instances().get()
    }

    /// Whether returned instances are lent again.
    #[getter]
    fn reuse(&self) -> bool {
        self.pool.reuse() == Reuse::Guest
    }

    /// The number of instances now, lent or idle.
    #[getter]
    fn instances(&self) -> usize {
        self.pool.instances()
    }

    fn __repr__(&self) -> String {
        let (now, max) = (self.pool.instances(), self.pool.max_instances());
        format!("<extism.Pool of {now} of {max} instances>")
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let (py, this) = (slf.py(), slf.get());
        let arguments = (&this.compiled, this.max_instances(), this.reuse());
        (slf.get_type(), arguments).into_pyobject(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.compiled)
    }
}
