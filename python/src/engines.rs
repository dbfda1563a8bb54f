//! The built-in engines, and the argument `engine=`.
//!
//! The root package has the list. This module names no engine.

use polyextism::{Choice, Determinism, Proposal, Proposals};
use pyo3::{
    prelude::*,
    types::{IntoPyDict, PyFrozenSet, PyString, PyTuple},
};

use crate::{error, expect, parking};

/// A built-in engine with one of its compilers.
///
/// WebAssembly leaves the results of some instructions open. `deterministic=True` makes them the same on every
/// machine: arithmetic returns the positive canonical NaN, and each relaxed SIMD instruction has one result.
/// Floating-point code then runs several times slower. Clocks, randomness, time limits and the depth of recursion
/// are not affected. `extism.compare` and the pytest plug-in always use it.
///
/// Args:
///     name: The name of the engine, optionally with a compiler after a colon.
///     compiler: The compiler. The default is the first of the engine.
///     deterministic: Whether open results are the same on every machine.
///
/// Raises:
///     extism.UnknownEngineError: If the engine is not built in. The message lists the built-in engines.
#[pyclass(module = "extism", frozen)]
pub(crate) struct Engine(pub(crate) Choice);

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (name, compiler = None, *, deterministic = false))]
    fn new(
        py: Python<'_>,
        #[pyo3(from_py_with = expect::name)] name: &str,
        #[pyo3(from_py_with = expect::compiler)] compiler: Option<&str>,
        #[pyo3(from_py_with = expect::deterministic)] deterministic: bool,
    ) -> PyResult<Self> {
        let choice = match compiler {
            Some(compiler) => polyextism::engine(&format!("{name}:{compiler}")),
            None => polyextism::engine(name),
        };
        let choice = choice.map_err(|failure| error::raise(py, failure))?;
        Ok(Self(match deterministic {
            true => choice.deterministic(),
            false => choice,
        }))
    }

    /// The name of the engine, without a compiler.
    #[getter]
    fn name(&self) -> &'static str {
        self.0.backend().name
    }

    /// The version of the engine.
    #[getter]
    fn version(&self) -> &'static str {
        self.0.backend().version
    }

    /// The compiler.
    #[getter]
    fn compiler(&self) -> &'static str {
        self.0.compiler().name
    }

    /// All compilers of the engine, the default first.
    #[getter]
    fn compilers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let compilers = self.0.backend().compilers;
        PyTuple::new(py, compilers.iter().map(|compiler| compiler.name))
    }

    /// Whether results that WebAssembly leaves open are the same on every machine.
    #[getter]
    fn deterministic(&self) -> bool {
        self.0.determinism() == Determinism::On
    }

    /// The names of what the engine can do with this compiler, such as `"compile-cache"` and `"simd"`.
    #[getter]
    fn capabilities<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyFrozenSet>> {
        let has = self.0.compiler().capabilities;
        let flags = [
            ("backtrace", has.backtrace),
            ("compile-cache", has.artifacts),
            // A core dump has the running functions.
            ("core-dump", has.backtrace),
            ("memory-limit", has.memory_limit),
        ];
        let flags = flags
            .iter()
            .filter(|(_, has)| *has)
            .map(|(name, _)| (*name).to_owned());
        let profilers = has.profilers.iter();
        let profilers = profilers.map(|profiler| format!("profile-{}", profiler.name()));
        let proposals = Proposals::of(has.proposals).with_translated();
        let proposals = proposals.iter().map(Proposal::id);
        PyFrozenSet::new(py, flags.chain(profilers).chain(proposals))
    }

    fn __str__(&self) -> String {
        self.0.name()
    }

    fn __repr__(&self) -> String {
        let name = self.0.name();
        match self.0.determinism() {
            Determinism::Off => format!("Engine('{name}')"),
            Determinism::On => format!("Engine('{name}', deterministic=True)"),
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let (py, this) = (slf.py(), slf.get());
        let options = [("deterministic", this.deterministic())].into_py_dict(py)?;
        let make = parking::import(py, "functools")?.getattr("partial")?;
        let make = make.call((slf.get_type(),), Some(&options))?;
        (make, (this.0.name(),)).into_pyobject(py)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let same = |other: &Bound<'_, Self>| are_same(&other.get().0, &self.0);
        other.cast::<Self>().is_ok_and(same)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        (self.0.name(), self.deterministic())
            .into_pyobject(py)?
            .hash()
    }
}

/// Whether two choices use the same code.
pub(crate) fn are_same(one: &Choice, other: &Choice) -> bool {
    one.name() == other.name() && one.determinism() == other.determinism()
}

/// A choice in a message: its name and its other settings.
pub(crate) fn described(choice: &Choice) -> String {
    match choice.determinism() {
        Determinism::Off => choice.name(),
        Determinism::On => format!("{}, deterministic", choice.name()),
    }
}

/// Lists the built-in engines, in order of preference.
///
/// Returns:
///     Each engine with each of its compilers. The default compiler of an engine comes first.
#[pyfunction]
pub(crate) fn engines() -> Vec<Engine> {
    polyextism::engines().map(Engine).collect()
}

/// Returns the version of the runtime.
///
/// Returns:
///     The version of polyextism.
#[pyfunction]
pub(crate) fn extism_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Prepares the process before an engine is opened.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    #[cfg(unix)]
    crate::faults::prepare(py)?;
    #[cfg(not(unix))]
    let _ = py;
    Ok(())
}

/// Reads the argument `engine=`: nothing, a name, or an [`Engine`].
pub(crate) fn choose(py: Python<'_>, engine: Option<&Bound<'_, PyAny>>) -> PyResult<Choice> {
    let choice = match engine {
        None => polyextism::default_engine(),
        Some(engine) => match (engine.cast::<PyString>(), engine.cast::<Engine>()) {
            (Ok(name), _) => polyextism::engine(name.to_str()?),
            (_, Ok(engine)) => Ok(engine.get().0),
            _ => {
                let found = engine.get_type().name()?;
                let message = format!(
                    "engine= is the name of an engine or an extism.Engine, found a value of type \
                     {found}"
                );
                return Err(error::argument(py, message));
            }
        },
    };
    choice.map_err(|failure| error::raise(py, failure))
}
