//! Runs a host function when a guest calls it: converts slots to Python values and back.
//!
//! `function` has the object that Python sees. Invariants: an exception stops the guest and is kept, unchanged, in
//! the error of core; a result that does not fit its type is an error and never another value.

use std::sync::{Mutex, PoisonError};

use polyextism::{
    Caller, Error, ErrorKind, Result,
    backend::{NumType, Signature},
    internal::{Process, nesting},
};
use pyo3::{
    prelude::*,
    types::{PyInt, PyList, PyTuple},
};

use crate::{
    arguments::Arguments,
    convert::{shown, type_name},
    error,
    parking::OnDrop,
    scope::{self, Token},
    signals,
    value::{self, Val},
};

/// The host function that a guest's call runs.
pub(crate) struct Callback {
    pub(crate) name: Box<str>,
    pub(crate) signature: Signature,
    pub(crate) target: Mutex<Option<Target>>,
}

/// The Python side of a host function.
pub(crate) struct Target {
    pub(crate) _parks: OnDrop,
    pub(crate) f: Py<PyAny>,
    pub(crate) user_data: Py<PyTuple>,
    /// The callable that Python code calls, if it is not `f`.
    pub(crate) wrapped: Option<Py<PyAny>>,
    pub(crate) convention: Convention,
    /// The arguments of the last explicit call, for reuse.
    pub(crate) spare: Option<Arguments>,
}

/// How a guest's call is passed to Python.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Convention {
    /// `f(plugin, params, results, *user_data)`.
    Explicit,
    /// `wrapped(*numbers, *user_data)`, which returns the only result, if there is one.
    Numbers,
}

/// The part of a target that one call needs.
enum Way {
    /// The arguments for reuse, if no other call uses them.
    Explicit(Option<Arguments>),
    /// The callable, and its further arguments.
    Numbers(Py<PyAny>, Py<PyTuple>),
}

/// Why a host function failed.
enum Failure {
    Raised(PyErr),
    Wrong(String),
}

impl From<PyErr> for Failure {
    fn from(raised: PyErr) -> Self {
        Self::Raised(raised)
    }
}

impl Callback {
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, Option<Target>> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn target(&self, py: Python<'_>) -> Option<Target> {
        self.lock().as_ref().map(|target| Target {
            _parks: OnDrop,
            f: target.f.clone_ref(py),
            user_data: target.user_data.clone_ref(py),
            wrapped: target.wrapped.as_ref().map(|wrapped| wrapped.clone_ref(py)),
            convention: target.convention,
            spare: None,
        })
    }

    /// Takes the part that a call needs.
    fn begin(&self, py: Python<'_>) -> Option<Way> {
        let mut target = self.lock();
        let target = target.as_mut()?;
        Some(match (target.convention, &target.wrapped) {
            (Convention::Numbers, Some(wrapped)) => {
                Way::Numbers(wrapped.clone_ref(py), target.user_data.clone_ref(py))
            }
            _ => Way::Explicit(target.spare.take()),
        })
    }

    /// New arguments for an explicit call.
    #[cold]
    fn arguments(&self, py: Python<'_>) -> Result<Arguments, Failure> {
        let Some(target) = self.target(py) else {
            return Err(Failure::Wrong(self.cleared().to_string()));
        };
        let (f, user_data) = (target.f.bind(py), target.user_data.bind(py));
        Ok(Arguments::new(py, &self.signature, f, user_data)?)
    }

    /// Keeps arguments for the next call.
    fn keep(&self, arguments: Arguments) {
        let old = match &mut *self.lock() {
            Some(target) => target.spare.replace(arguments),
            None => Some(arguments),
        };
        // After the lock is free, because dropping it may run any Python code.
        drop(old);
    }

    /// Runs the host function for a guest.
    pub(crate) fn invoke(
        &self,
        py: Python<'_>,
        caller: Caller<'_>,
        slots: &mut [u64],
    ) -> Result<()> {
        let Some(way) = self.begin(py) else {
            return Err(self.cleared());
        };
        let process = Process::current();
        let spare = match way {
            Way::Explicit(spare) => spare,
            Way::Numbers(f, user_data) => {
                let outcome = self.compute(f.bind(py), user_data.bind(py), slots);
                if Process::current() != process {
                    follow_fork(py, caller)?;
                }
                return outcome.map_err(|failure| self.failed(py, failure));
            }
        };
        let outcome = scope::enter(caller, |token| {
            let spare = spare.filter(|spare| spare.is_free(py));
            let arguments = match spare {
                Some(spare) => spare,
                None => self.arguments(py)?,
            };
            let outcome = self.run(py, &arguments, token, slots);
            arguments.current().finish(py);
            if Process::current() != process {
                arguments.current().follow_fork(py)?;
            }
            if let Some(arguments) = arguments.rest(py, &self.signature) {
                self.keep(arguments);
            }
            outcome
        });
        outcome.map_err(|failure| self.failed(py, failure))
    }

    /// Calls Python with numbers. The result is a number or `None`.
    fn compute(
        &self,
        f: &Bound<'_, PyAny>,
        user_data: &Bound<'_, PyTuple>,
        slots: &mut [u64],
    ) -> Result<(), Failure> {
        let py = f.py();
        let load = |index: usize| value::load(py, self.signature.params[index], slots[index]);
        let returned = match (self.signature.params.len(), user_data.is_empty()) {
            (0, true) => f.call0()?,
            (1, true) => f.call1((load(0)?,))?,
            (2, true) => f.call1((load(0)?, load(1)?))?,
            (count, _) => {
                let mut args = (0..count).map(load).collect::<PyResult<Vec<_>>>()?;
                args.extend(user_data.iter().map(Bound::unbind));
                f.call1(PyTuple::new(py, args)?)?
            }
        };
        if let [ty] = *self.signature.results {
            slots[0] = self.slot(0, ty, &returned)?;
        }
        Ok(())
    }

    /// The slot for a result.
    fn slot(&self, index: usize, ty: NumType, value: &Bound<'_, PyAny>) -> Result<u64, Failure> {
        value::store(ty, value).ok_or_else(|| {
            let (found, name, allowed) = (shown(value), ty.name(), value::allowed(ty));
            self.wrong(format_args!(
                "result {index} of type {name} is {found}, allowed are {allowed}"
            ))
        })
    }

    fn run(
        &self,
        py: Python<'_>,
        arguments: &Arguments,
        token: Token,
        slots: &mut [u64],
    ) -> Result<(), Failure> {
        arguments.begin(py, token, &self.signature, slots)?;
        arguments.call(py)?;
        slots.fill(0);
        self.take_results(arguments.results(py), slots)
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
            // Ending a shared borrow takes an atomic subtraction; ending this borrow does not.
            let val = val.try_borrow_mut().map_err(PyErr::from)?;
            let value = val.value.bind(item.py());
            *slot = match value.is_exact_instance_of::<PyInt>() {
                true => self.slot(index, ty, value)?,
                // The conversion may run Python code, which must find nothing borrowed.
                false => {
                    let value = value.clone();
                    drop(val);
                    self.slot(index, ty, &value)?
                }
            };
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
            // A plug-in that it called was interrupted because this call has to end.
            Failure::Raised(raised)
                if error::is_interruption(py, &raised)
                    && let Err(overdue) = nesting::check_interrupt() =>
            {
                overdue.with_source(raised)
            }
            Failure::Raised(raised) => {
                error::raised(py, &format!("host function `{}`", self.name), raised)
            }
        }
    }

    #[cold]
    pub(crate) fn too_late(&self) -> Error {
        let message = format!(
            "host function `{}` cannot run: the Python interpreter is shutting down",
            self.name
        );
        Error::new(ErrorKind::HostFunction, message)
    }

    #[cold]
    pub(crate) fn cleared(&self) -> Error {
        let message = format!(
            "host function `{}` is gone: it was garbage collected",
            self.name
        );
        Error::new(ErrorKind::HostFunction, message)
    }
}

/// Adapts the running call to a child process, if the host function has forked.
#[cold]
fn follow_fork(py: Python<'_>, mut caller: Caller<'_>) -> Result<()> {
    let raised = |raised| {
        Error::new(
            ErrorKind::HostFunction,
            "the forked process has no main thread",
        )
        .with_source(raised)
    };
    signals::arrive(py).map_err(raised)?;
    caller.host().alarm().watch_again()
}
