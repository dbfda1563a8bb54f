//! `PluginFunction`: a function of a live plug-in, looked up once.
//!
//! A call of it is a call of its plug-in without the look-up by name. It does not know how the plug-in is shared.

use polyextism::FunctionHandle;
use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    types::{PyDict, PyList, PyTuple},
};

use crate::{
    convert::{Input, Parse, Timeout},
    ending::park_at_exit,
    error,
    fuel::Fuel,
    named, parking,
    plugin::{Found, Known, Plugin},
};

/// The signature of a call: its name for errors, its arguments, and how many of them can be positional.
const CALL: &str = "PluginFunction.__call__()";
const NAMES: [&str; 5] = ["data", "parse", "host_context", "timeout", "fuel"];
const POSITIONAL: usize = 3;

/// A function of a plug-in, looked up once; `Plugin.function` makes it.
///
/// >>> count = plugin.function("count_vowels")
/// >>> count("Hello, World!")
///
/// It keeps its plug-in alive. Any thread may call it; calls run one at a time.
#[pyclass(module = "extism", frozen, weakref)]
pub(crate) struct PluginFunction {
    plugin: Py<Plugin>,
    name: String,
    handle: FunctionHandle,
}

impl PluginFunction {
    pub(crate) fn new(plugin: Py<Plugin>, name: &str, handle: FunctionHandle) -> Self {
        let name = name.to_owned();
        Self {
            plugin,
            name,
            handle,
        }
    }

    #[inline(always)]
    fn call<'py>(
        &self,
        py: Python<'py>,
        data: Input<'_, 'py>,
        parse: Parse<'py>,
        host_context: Option<Py<PyAny>>,
        timeout: Option<Timeout>,
        fuel: Option<Fuel>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (plugin, name, handle) = (self.plugin.get(), &*self.name, self.handle);
        let found = Found { name, handle };
        park_at_exit(|| plugin.call_here(py, found, data, parse, host_context, timeout, fuel))
    }

    fn known(&self) -> Known<'_> {
        Known {
            name: &self.name,
            handle: Some(self.handle),
        }
    }
}

#[pymethods]
impl PluginFunction {
    /// Calls the function.
    ///
    /// Args:
    ///     data: The input: a `str` (as UTF-8), bytes or another buffer.
    ///     parse: A callable that takes the output as bytes and returns the result. With `None` the result is a
    ///         read-only buffer.
    ///     host_context: The value that `CurrentPlugin.host_context()` returns in host functions.
    ///     timeout: The time limit of this call, in seconds, as for `Plugin.call`.
    ///     fuel: The fuel of this call, as for `Plugin.call`.
    ///
    /// Returns:
    ///     The result of `parse`, or the output as bytes.
    ///
    /// Raises:
    ///     extism.Error: As for `Plugin.call`.
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, call) = (args.py(), |data| {
            self.call(args.py(), data, Parse::Bytes, None, None, None)
        });
        // Most calls. Reading arguments in general costs more than the look-up that this type saves.
        match (kwargs, args.len()) {
            (None, 0) => call(Input::EMPTY),
            (None, 1) => call(args.get_borrowed_item(0)?.extract()?),
            _ => {
                let given = named::arguments(CALL, &NAMES, POSITIONAL, args, kwargs)?;
                let [data, parse, host_context, timeout, fuel] = &given;
                let data = data.as_ref().map(|data| data.extract());
                let parse = parse.as_ref().map(|parse| parse.extract());
                let context = host_context.as_ref().filter(|context| !context.is_none());
                self.call(
                    py,
                    data.transpose()?.unwrap_or(Input::EMPTY),
                    parse.transpose()?.unwrap_or(Parse::Bytes),
                    context.map(|context| context.clone().unbind()),
                    timeout
                        .as_ref()
                        .map_or(Ok(None), |timeout| timeout.extract())?,
                    fuel.as_ref().map_or(Ok(None), |fuel| fuel.extract())?,
                )
            }
        }
    }

    /// Calls the function once for each item, in order.
    ///
    /// Args:
    ///     items: The inputs.
    ///     parse: A callable that makes the result of each output, as for a call.
    ///     timeout: The time limit of each call, in seconds.
    ///     fuel: The fuel of each call.
    ///
    /// Returns:
    ///     The results, as a list.
    ///
    /// Raises:
    ///     extism.Error: If a call fails. Its attribute `item` is the position of the item.
    #[pyo3(
        signature = (items, parse = Parse::Bytes, *, timeout = None, fuel = None),
        text_signature = "($self, items, parse=..., *, timeout=None, fuel=None)"
    )]
    fn batch<'py>(
        &self,
        items: &Bound<'py, PyAny>,
        parse: Parse<'py>,
        timeout: Option<Timeout>,
        fuel: Option<Fuel>,
    ) -> PyResult<Bound<'py, PyList>> {
        parking::prepare();
        let py = items.py();
        let (plugin, known) = (self.plugin.get(), self.known());
        let outputs = PyList::empty(py);
        for (position, item) in items.try_iter()?.enumerate() {
            let item = item?;
            let outcome = park_at_exit(|| {
                let data = item.extract::<Input<'_, '_>>()?;
                let parse = parse.clone();
                plugin.call_known(py, known, data, parse, None, timeout, fuel)
            });
            match outcome {
                Ok(output) => outputs.append(output)?,
                Err(raised) => return Err(error::at_item(py, raised, position)),
            }
        }
        Ok(outputs)
    }

    /// Calls the function once for each item, lazily.
    ///
    /// Args:
    ///     items: The inputs.
    ///     **options: As for a call.
    ///
    /// Returns:
    ///     An iterator of the results, in order.
    ///
    /// Raises:
    ///     extism.Error: If a call fails, when its result is requested. Its attribute `item` is the position of the
    ///         item.
    #[pyo3(signature = (items, **options))]
    fn map<'py>(
        slf: &Bound<'py, Self>,
        items: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let map = parking::import(slf.py(), "extism._functions")?.getattr("mapped")?;
        map.call((slf, items), options)
    }

    /// Calls the function once for each item, in batches.
    ///
    /// Args:
    ///     items: The inputs.
    ///     size: The number of items of a batch.
    ///     **options: As for `batch`.
    ///
    /// Returns:
    ///     An iterator of lists of results. Each list has `size` results, the last one may have fewer.
    ///
    /// Raises:
    ///     extism.Error: If a call fails, when its batch is requested. Its attribute `item` is the position of the
    ///         item.
    #[pyo3(
        signature = (items, size = None, **options),
        text_signature = "($self, items, size=1000, **options)"
    )]
    fn batches<'py>(
        slf: &Bound<'py, Self>,
        items: &Bound<'py, PyAny>,
        size: Option<&Bound<'py, PyAny>>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let batches = parking::import(slf.py(), "extism._functions")?.getattr("batches")?;
        match size {
            Some(size) => batches.call((slf, items, size), options),
            None => batches.call((slf, items), options),
        }
    }

    /// The name of the function.
    #[getter]
    fn name(&self) -> &str {
        &self.name
    }

    /// The name, as Python's own functions have it.
    #[getter]
    fn __name__(&self) -> &str {
        &self.name
    }

    /// The plug-in.
    #[getter]
    fn plugin(&self, py: Python<'_>) -> Py<Plugin> {
        self.plugin.clone_ref(py)
    }

    #[getter]
    fn __signature__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        parking::import(py, "extism._functions")?.getattr("CALL_SIGNATURE")
    }

    fn __repr__(&self) -> String {
        let plugin = self.plugin.get();
        format!(
            "<extism.PluginFunction {} of {}>",
            self.name,
            plugin.shown()
        )
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        let message = "a function of a live Plugin cannot be copied or pickled; use \
                       CompiledPlugin.function(name), which makes an instance where it is called";
        Err(error::argument(py, message))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.plugin)
    }
}
