//! Runs a host function when a guest calls it: converts slots to Python values and back.
//!
//! `function` has the object that Python sees. Invariants: an exception stops the guest and is kept, unchanged, in
//! the error of core; a result that does not fit its type is an error and never another value.

use polyextism::{
    Caller, Error, ErrorKind, Result,
    backend::{NumType, Signature},
    internal::{Process, nesting},
};
use pyo3::{
    prelude::*,
    types::{PyList, PyTuple},
};

use crate::{
    arguments::{self, Arguments, Taken},
    convert::{shown, type_name},
    error,
    held::{Held, Target},
    scope::{self, Token},
    signals,
    value::{self, Val},
};

/// The host function that a guest's call runs.
pub(crate) struct Callback {
    pub(crate) name: Box<str>,
    pub(crate) signature: Signature,
    pub(crate) convention: Convention,
    pub(crate) held: Held,
}

/// How a guest's call is passed to Python.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Convention {
    /// `f(plugin, params, results, *user_data)`.
    Explicit,
    /// `wrapped(*numbers, *user_data)`, which returns the only result, if there is one.
    Numbers,
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
    /// Runs the host function for a guest.
    pub(crate) fn invoke(
        &self,
        py: Python<'_>,
        caller: Caller<'_>,
        slots: &mut [u64],
    ) -> Result<()> {
        let process = Process::current();
        let outcome = match self.convention {
            Convention::Explicit => scope::enter(caller, |token| {
                let spare = self.held.spare(py).filter(arguments::is_unused);
                let is_kept = spare.is_some();
                let arguments = match spare {
                    Some(spare) => spare,
                    None => self.new_arguments(py)?,
                };
                let inner = arguments.get();
                let outcome = self.run(py, inner, token, slots);
                inner.current().finish(py);
                if Process::current() != process {
                    inner.current().follow_fork(py)?;
                }
                let taken = *outcome.as_ref().unwrap_or(&Taken::NotAll);
                match (inner.rest(py, &self.signature, taken), is_kept) {
                    (true, true) | (false, false) => {}
                    (true, false) => self.held.keep(&arguments)?,
                    // If a call inside of this one has kept others, they are dropped too.
                    (false, true) => self.held.forget(py)?,
                }
                outcome.map(|_| ())
            }),
            Convention::Numbers => {
                let outcome = self.compute(py, slots);
                if Process::current() != process {
                    follow_fork(py, caller)?;
                }
                outcome
            }
        };
        outcome.map_err(|failure| self.failed(py, failure))
    }

    /// Arguments for an explicit call, if those of the last one are in use or gone.
    #[cold]
    fn new_arguments<'py>(&self, py: Python<'py>) -> Result<Bound<'py, Arguments>, Failure> {
        let target = self.target(py)?;
        let Target { f, user_data, .. } = target.get();
        let arguments = Arguments::new(py, &self.signature, f.bind(py), user_data.bind(py))?;
        Ok(Bound::new(py, arguments)?)
    }

    fn target<'py>(&self, py: Python<'py>) -> Result<Bound<'py, Target>, Failure> {
        let target = self.held.target(py);
        target.ok_or_else(|| Failure::Wrong(self.cleared().to_string()))
    }

    /// Calls Python with numbers. The result is a number or `None`.
    fn compute(&self, py: Python<'_>, slots: &mut [u64]) -> Result<(), Failure> {
        let target = self.target(py)?;
        let Target {
            f,
            user_data,
            wrapped,
        } = target.get();
        let (f, user_data) = (wrapped.as_ref().unwrap_or(f).bind(py), user_data.bind(py));
        let load = |index: usize| value::load(py, self.signature.params[index], slots[index]);
        let returned = match (self.signature.params.len(), user_data.is_empty()) {
            (0, true) => f.call0()?,
            (1, true) => f.call1((load(0)?,))?,
            (2, true) => f.call1((load(0)?, load(1)?))?,
            (count, _) => {
                let mut args = (0..count).map(load).collect::<PyResult<Vec<_>>>()?;
                args.extend(user_data);
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
    ) -> Result<Taken, Failure> {
        arguments.begin(token, &self.signature, slots);
        arguments.call(py)?;
        slots.fill(0);
        let taken = arguments.take(py, &self.signature.results, slots);
        if taken == Taken::NotAll {
            self.take_results(arguments.results(py), slots)?;
        }
        Ok(taken)
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
            let value = &val.get().value;
            *slot = match value.scalar().and_then(|scalar| scalar.store(ty)) {
                Some(slot) => slot,
                None => self.slot(index, ty, &value.get(item.py())?)?,
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
