//! Host functions: a Python callable that guests can import.
//!
//! The calling convention here is the explicit one, `f(plugin, params, results, *user_data)`;
//! forms that infer it from annotations are built on top, in Python. There, what guests call and
//! what Python calls differ: the latter is `wrapped`.
//!
//! Invariants: an exception stops the guest and waits, as itself, in core's error; a result that
//! its type cannot hold is an error and never another value. The callable is owned by the Python
//! object alone, where the garbage collector sees it: what core holds on to does not keep it alive.

use std::sync::{Arc, Mutex, PoisonError};

use polyextism::{
    Caller, Error, ErrorKind, Result,
    engine::types::{NumType, Signature},
};
use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    types::{PyDict, PyList, PyString, PyTuple},
};

use crate::{
    convert::{self, type_name},
    current::CurrentPlugin,
    error, scope,
    value::{self, Val},
};

/// A host function: a Python callable that plug-ins can import.
///
/// `Function(name, args, returns, f, *user_data)` answers imports of that name from any namespace
/// that nothing else provides; `Function(namespace, name, args, returns, f, *user_data)` answers
/// imports from that namespace only. Calling the object calls the callable, as plain Python.
///
/// Args:
///     namespace: The namespace, or `None` as if it were left out.
///     name: The name by which plug-ins import it.
///     args: The types of the parameters, a list of `ValType`.
///     returns: The types of the results, a list of `ValType`.
///     f: It is called as `f(plugin, params, results, *user_data)`, where `params` and `results`
///         are lists of `Val`; what it returns is put into `results`.
///     user_data: Further arguments for `f`.
///     wrapped: What calling the object calls, if not `f`.
///
/// Raises:
///     extism.ArgumentError: If a type is not one of I32, I64, F32 and F64.
#[pyclass(module = "extism", frozen, dict, weakref, subclass)]
pub(crate) struct Function {
    function: polyextism::Function,
    callback: Arc<Callback>,
}

/// What a guest's call ends up in.
struct Callback {
    name: Box<str>,
    signature: Signature,
    target: Mutex<Option<Target>>,
}

struct Target {
    f: Py<PyAny>,
    user_data: Py<PyTuple>,
    /// What Python calls, if not `f`.
    wrapped: Option<Py<PyAny>>,
}

/// Why a host function did not end well.
enum Failure {
    Raised(PyErr),
    Wrong(String),
}

impl From<PyErr> for Failure {
    fn from(raised: PyErr) -> Self {
        Self::Raised(raised)
    }
}

impl Function {
    pub(crate) fn core(&self) -> &polyextism::Function {
        &self.function
    }
}

#[pymethods]
impl Function {
    #[new]
    #[pyo3(signature = (*args, wrapped = None, **kwargs))]
    fn new(
        args: &Bound<'_, PyTuple>,
        wrapped: Option<Py<PyAny>>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
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
        let signature = Signature {
            params: types(&rest.get_item(1)?, &name, "parameter")?,
            results: types(&rest.get_item(2)?, &name, "result")?,
        };
        let target = Target {
            f: f.unbind(),
            user_data: rest.get_slice(4, rest.len()).unbind(),
            wrapped,
        };
        Ok(Self::make(namespace, name, signature, target))
    }

    /// The name by which plug-ins import it.
    #[getter]
    fn name(&self) -> &str {
        self.function.name()
    }

    /// The namespace it is bound to, or `None`.
    #[getter]
    fn namespace(&self) -> Option<&str> {
        self.function.namespace()
    }

    /// Calls the callable, as plain Python.
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = args.py();
        match self.callback.target(py) {
            Some(target) => {
                let f = target.wrapped.unwrap_or(target.f);
                f.into_bound(py).call(args, kwargs)
            }
            None => Err(error::raise(py, self.callback.cleared())),
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let Some(target) = this.callback.target(py) else {
            return Err(error::raise(py, this.callback.cleared()));
        };
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
            &target.f,
        );
        let arguments = arguments.into_pyobject(py)?.into_sequence();
        let arguments = arguments.concat(target.user_data.bind(py).as_sequence())?;
        let reduce = py.import("extism._pickling")?.getattr("reduce_function")?;
        let class = py.get_type::<Self>();
        reduce.call1((slf, class, arguments.to_tuple()?, &target.f))
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.function)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(target) = self.callback.target.try_lock()
            && let Some(target) = &*target
        {
            visit.call(&target.f)?;
            visit.call(&target.user_data)?;
            visit.call(&target.wrapped)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let target = self.callback.lock().take();
        // After the lock is free: it may run any Python code.
        drop(target);
    }
}

impl Function {
    fn make(namespace: Option<String>, name: String, signature: Signature, target: Target) -> Self {
        let callback = Arc::new(Callback {
            name: name.clone().into(),
            signature: signature.clone(),
            target: Mutex::new(Some(target)),
        });
        let body = callback.clone();
        let function = polyextism::Function::new(name, signature, move |caller, slots| {
            // None at the end of the interpreter, when a destructor or a daemon thread calls.
            Python::try_attach(|py| body.invoke(py, caller, slots))
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

impl Callback {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Target>> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn target(&self, py: Python<'_>) -> Option<Target> {
        self.lock().as_ref().map(|target| Target {
            f: target.f.clone_ref(py),
            user_data: target.user_data.clone_ref(py),
            wrapped: target.wrapped.as_ref().map(|wrapped| wrapped.clone_ref(py)),
        })
    }

    fn invoke(&self, py: Python<'_>, caller: Caller<'_>, slots: &mut [u64]) -> Result<()> {
        let Some(target) = self.target(py) else {
            return Err(self.cleared());
        };
        let process = scope::process();
        let outcome = scope::enter(caller, |token| {
            let current = Bound::new(py, CurrentPlugin::new(token))?;
            let outcome = self.run(&target, &current, slots);
            current.get().finish(py);
            if scope::process() != process {
                current.get().follow_fork(py)?;
            }
            outcome
        });
        outcome.map_err(|failure| self.failed(py, failure))
    }

    fn run(
        &self,
        target: &Target,
        current: &Bound<'_, CurrentPlugin>,
        slots: &mut [u64],
    ) -> Result<(), Failure> {
        let py = current.py();
        let params = values(py, &self.signature.params, slots)?;
        slots.fill(0);
        let results = values(py, &self.signature.results, slots)?;
        let user_data = target.user_data.bind(py);
        let f = target.f.bind(py);
        if user_data.is_empty() {
            f.call1((current, &params, &results))?;
        } else {
            let mut args = vec![
                current.as_any().clone(),
                params.into_any(),
                results.clone().into_any(),
            ];
            args.extend(user_data);
            f.call1(PyTuple::new(py, args)?)?;
        }
        self.take_results(&results, slots)
    }

    fn take_results(&self, results: &Bound<'_, PyList>, slots: &mut [u64]) -> Result<(), Failure> {
        let types = &self.signature.results;
        if results.len() != types.len() {
            let (found, expected) = (results.len(), types.len());
            return Err(self.wrong(format_args!(
                "the list of results has {found} elements, expected {expected}"
            )));
        }
        for (index, (slot, &ty)) in slots.iter_mut().zip(types).enumerate() {
            let item = results.get_item(index)?;
            let Ok(val) = item.cast::<Val>() else {
                let found = type_name(&item);
                return Err(self.wrong(format_args!(
                    "result {index} is of type {found}, expected an extism.Val"
                )));
            };
            let value = val
                .try_borrow()
                .map_err(PyErr::from)?
                .value
                .clone_ref(item.py());
            *slot = value::store(ty, value.bind(item.py())).ok_or_else(|| {
                let (found, name) = (shown(value.bind(item.py())), ty.name());
                let allowed = value::allowed(ty);
                self.wrong(format_args!(
                    "result {index} of type {name} is {found}, allowed are {allowed}"
                ))
            })?;
        }
        Ok(())
    }

    #[cold]
    fn wrong(&self, why: std::fmt::Arguments<'_>) -> Failure {
        Failure::Wrong(format!("host function `{}`: {why}", self.name))
    }

    #[cold]
    fn failed(&self, py: Python<'_>, failure: Failure) -> Error {
        match failure {
            Failure::Wrong(message) => Error::new(ErrorKind::HostFunction, message),
            Failure::Raised(raised) => {
                error::raised(py, &format!("host function `{}`", self.name), raised)
            }
        }
    }

    #[cold]
    fn too_late(&self) -> Error {
        let message = format!(
            "host function `{}` cannot run: the Python interpreter is shutting down",
            self.name
        );
        Error::new(ErrorKind::HostFunction, message)
    }

    #[cold]
    fn cleared(&self) -> Error {
        let message = format!(
            "host function `{}` is gone: it was garbage collected",
            self.name
        );
        Error::new(ErrorKind::HostFunction, message)
    }
}

fn values<'py>(py: Python<'py>, types: &[NumType], slots: &[u64]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for (&ty, &slot) in types.iter().zip(slots) {
        let t = value::val_type(py, ty)?.clone_ref(py);
        let value = value::load(py, ty, slot)?;
        list.append(Bound::new(py, Val { t, value })?)?;
    }
    Ok(list)
}

/// A value in a message: its `repr`, cut.
fn shown(value: &Bound<'_, PyAny>) -> String {
    const LONGEST: usize = 100;
    let text = value
        .repr()
        .map_or_else(|_| type_name(value), |text| text.to_string());
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
