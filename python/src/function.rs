//! Host functions: a Python callable that guests can import.
//!
//! The calling convention is the explicit one, `f(plugin, params, results, *user_data)`. Python code builds functions
//! with inferred signatures on top of it: guests call `f`, and Python code calls `wrapped`.
//!
//! Invariant: only the Python object owns the callable, so the garbage collector sees it. The references of core do
//! not keep it alive.

use std::sync::Arc;

use polyextism::backend::{NumType, Signature};
use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    types::{PyDict, PyString, PyTuple},
};

use crate::{
    callback::{Callback, Convention},
    convert::{self, type_name},
    ending::park_at_exit,
    error,
    held::{Held, Target},
    parking, value,
};

/// A host function: a Python callable that plug-ins can import.
///
/// `Function(name, args, returns, f, *user_data)` serves imports of that name from every namespace that nothing else
/// provides. `Function(namespace, name, args, returns, f, *user_data)` serves imports from that namespace only.
/// Calling the object calls the callable as a plain Python function.
///
/// Args:
///     namespace: The namespace of the import, or `None` for any.
///     name: The name of the import.
///     args: The types of the parameters, a list of `ValType`.
///     returns: The types of the results, a list of `ValType`.
///     f: The callable. Plug-ins call it as `f(plugin, params, results, *user_data)`. `params` and `results` are
///         lists of `Val`. It sets the values of `results`.
///     user_data: Further arguments for `f`.
///     wrapped: The callable that calling this object calls. The default is `f`.
///     numbers: Whether guests call `wrapped(*numbers, *user_data)` instead of `f`, without `Val`. It returns a
///         number if there is one result.
///
/// Raises:
///     extism.ArgumentError: If a type is not one of I32, I64, F32 and F64.
#[pyclass(module = "extism", frozen, dict, weakref, subclass)]
pub(crate) struct Function {
    function: polyextism::Function,
    callback: Arc<Callback>,
}

impl Function {
    pub(crate) fn core(&self) -> &polyextism::Function {
        &self.function
    }
}

#[pymethods]
impl Function {
    #[new]
    #[pyo3(signature = (*args, wrapped = None, numbers = false, **kwargs))]
    fn new(
        args: &Bound<'_, PyTuple>,
        wrapped: Option<Py<PyAny>>,
        numbers: bool,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        parking::prepare();
        let py = args.py();
        let args = &match kwargs {
            Some(kwargs) => convert::by_position(args, kwargs)?,
            None => args.clone(),
        };
        let named = args
            .get_item(1)
            .is_ok_and(|second| second.is_instance_of::<PyString>());
        let (namespace, rest) = match named {
            true => (args.get_item(0)?.extract()?, args.get_slice(1, args.len())),
            false => (None, args.clone()),
        };
        if rest.len() < 4 {
            let message = "a Function is made of (name, args, returns, f, *user_data), or of these \
                           after a namespace";
            return Err(error::argument(py, message));
        }
        let name: String = rest.get_item(0)?.extract()?;
        let f = rest.get_item(3)?;
        if !f.is_callable() {
            let found = type_name(&f);
            let message =
                format!("host function `{name}`: f is not callable, it is of type {found}");
            return Err(error::argument(py, message));
        }
        let params = types(&rest.get_item(1)?, &name, "parameter")?;
        let results = types(&rest.get_item(2)?, &name, "result")?;
        let convention = match numbers && wrapped.is_some() && results.len() < 2 {
            true => Convention::Numbers,
            false => Convention::Explicit,
        };
        let target = Target {
            f: f.unbind(),
            user_data: rest.get_slice(4, rest.len()).unbind(),
            wrapped,
        };
        let callback = Callback {
            name: name.into(),
            signature: Signature::new(&params, &results),
            convention,
            held: Held::new(py, target)?,
        };
        let made = Self::make(namespace, callback);
        // Python 3.11 and 3.12 create the dictionary of attributes while the object is still all zeros. If that starts
        // the garbage collector, the collector visits the zeros. A freed dictionary is reused, which starts nothing.
        drop(PyDict::new(py));
        Ok(made)
    }

    /// The name of the import.
    #[getter]
    fn name(&self) -> &str {
        self.function.name()
    }

    /// The namespace of the import, or `None` for any.
    #[getter]
    fn namespace(&self) -> Option<&str> {
        self.function.namespace()
    }

    /// Calls the callable as a plain Python function.
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        parking::prepare();
        let py = args.py();
        match self.callback.held.target(py) {
            Some(target) => {
                let Target { f, wrapped, .. } = target.get();
                wrapped.as_ref().unwrap_or(f).bind(py).call(args, kwargs)
            }
            None => Err(error::raise(py, self.callback.cleared())),
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let Some(target) = this.callback.held.target(py) else {
            return Err(error::raise(py, this.callback.cleared()));
        };
        let Target { f, user_data, .. } = target.get();
        let types = |types: &[NumType]| {
            let types = types.iter().map(|ty| value::val_type(py, *ty));
            types.collect::<PyResult<Vec<_>>>()
        };
        let signature = &this.callback.signature;
        let arguments = (
            this.namespace(),
            this.name(),
            types(&signature.params)?,
            types(&signature.results)?,
            f,
        );
        let arguments = arguments.into_pyobject(py)?.into_sequence();
        let arguments = arguments.concat(user_data.bind(py).as_sequence())?;
        let reduce = parking::import(py, "extism._pickling")?.getattr("reduce_function")?;
        let class = py.get_type::<Self>();
        reduce.call1((slf, class, arguments.to_tuple()?, f))
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.function)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.callback.held.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) -> PyResult<()> {
        self.callback.held.clear(py)
    }
}

impl Function {
    fn make(namespace: Option<String>, callback: Callback) -> Self {
        let callback = Arc::new(callback);
        let (name, signature) = (callback.name.clone(), callback.signature.clone());
        let body = callback.clone();
        let function =
            polyextism::Function::new(name.into_string(), signature, move |caller, slots| {
                // `None` if a destructor or a daemon thread calls at the end of the interpreter.
                Python::try_attach(|py| park_at_exit(|| body.invoke(py, caller, slots)))
                    .unwrap_or_else(|| Err(body.too_late()))
            });
        let function = match namespace {
            Some(namespace) => function.with_namespace(namespace),
            None => function,
        };
        Self { function, callback }
    }
}

fn types(types: &Bound<'_, PyAny>, name: &str, what: &str) -> PyResult<Box<[NumType]>> {
    let one = |(index, ty): (usize, PyResult<Bound<'_, PyAny>>)| {
        let what = || format!("host function `{name}`: {what} {index}");
        value::num_type(&ty?, what)
    };
    types.try_iter()?.enumerate().map(one).collect()
}

/// Creates an object of a class that has a dictionary, before there are other threads. At the first such object, PyO3
/// detects the version of Python, and other threads could see incomplete data meanwhile.
pub(crate) fn make_first(py: Python<'_>) -> PyResult<()> {
    #[pyclass(frozen, dict)]
    struct First;
    Py::new(py, First).map(drop)
}
