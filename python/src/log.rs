//! Sets where the log lines of guests go: `set_log_file`, and the native half of `set_log_custom`.
//!
//! Core has the setting, which is one for the process (`logs`). This module does not know where lines come from.
//!
//! Invariants: no lock of a setting is held while Python code runs; a setting owns no Python object.

use std::{
    fs::File,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use polyextism::{
    Error, ErrorKind, LogLevel,
    logs::{self, LEVELS, Lines, LogFilter, LogPlace},
};
use pyo3::{
    PyTraverseError, PyVisit, exceptions::PyException, intern, prelude::*, types::PyString,
};
use tracing::level_filters::LevelFilter;

use crate::{convert::type_name, error, expect, logging::Logging, parking};

/// The level if `level=` is not given.
const DEFAULT: LevelFilter = LevelFilter::ERROR;

/// Writes the log lines of guests to a file.
///
/// The setting is global. You can change it at any time; it replaces the one before, also one of `set_log_custom`.
/// Without a setting, guests log the levels that the logger `extism` of the module `logging` accepts. They see the
/// level `off` if it has no handler. A line looks like this:
///
/// `2026-11-22T05:37:48.121076Z ERROR extism::pdk: text plugin="<id>"`
///
/// Lines also go to the logger `extism` of the module `logging`, if it or a parent has a handler. The record has the
/// text of the line, and the id of the plug-in in the attribute `plugin_id`.
///
/// A line that cannot be written is lost. The first failure goes to `sys.unraisablehook`. The guest continues.
///
/// Args:
///     file: The path of a file. It is created if it is missing; lines are appended. `"stdout"` is the standard
///         output of the process, `"stderr"` and `"-"` its standard error. They bypass the buffers of
///         `sys.stdout` and `sys.stderr`.
///     level: The lowest level that is logged: `trace`, `debug`, `info`, `warn` or `error`, in upper or lower case.
///         `off` ends logging. The default is `error`.
///
/// Raises:
///     extism.ArgumentError: If the level is unknown, or if the file cannot be opened. Then the `OSError` is the
///         cause, and the setting does not change.
#[pyfunction]
#[pyo3(signature = (file, level = None))]
pub(crate) fn set_log_file(
    file: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = expect::level)] level: Option<&str>,
) -> PyResult<()> {
    parking::prepare();
    let py = file.py();
    let level = threshold(py, level)?;
    let name = file.cast::<PyString>().ok();
    let place = match name.and_then(|name| name.to_str().ok()) {
        Some("stdout") => LogPlace::Stdout,
        Some("stderr" | "-") => LogPlace::Stderr,
        _ => LogPlace::File(open(py, file.extract()?)?),
    };
    set(py, level, place)
}

/// The native part of `extism.CustomLogger`.
///
/// Making one sets the log of the process. When it is garbage collected, logging is off, unless there is a newer
/// setting.
///
/// Args:
///     f: The callable for `drain`.
///     level: The lowest level that is logged, as in `set_log_file`.
///
/// Raises:
///     extism.ArgumentError: If the level is unknown, or if `f` is not callable.
#[pyclass(module = "extism._native", frozen, subclass, weakref)]
pub(crate) struct CustomLog {
    waiting: Arc<Lines>,
    /// Empty once the object was garbage collected.
    f: Mutex<Option<Py<PyAny>>>,
}

#[pymethods]
impl CustomLog {
    #[new]
    #[pyo3(signature = (f, level = None))]
    fn new(
        f: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = expect::level)] level: Option<&str>,
    ) -> PyResult<Self> {
        parking::prepare();
        let py = f.py();
        let level = threshold(py, level)?;
        if !f.is_callable() {
            let message = format!("f is not callable, it is of type {}", type_name(f));
            return Err(error::argument(py, message));
        }
        let waiting = Arc::new(Lines::default());
        set(py, level, LogPlace::Lines(waiting.clone()))?;
        Ok(Self {
            waiting,
            f: Mutex::new(Some(f.clone().unbind())),
        })
    }

    fn __repr__(&self) -> String {
        format!(
            "<extism.CustomLogger: {} lines waiting>",
            self.waiting.count()
        )
    }

    /// Calls `f` with each waiting line, in order.
    ///
    /// At most 4 MiB of text wait. Beyond that the oldest lines are dropped, and a line of level `WARN` says how many.
    /// Lines that are logged while `f` runs wait for the next `drain`. If `f` raises, the exception goes to
    /// `sys.unraisablehook` and the next line follows. KeyboardInterrupt and SystemExit propagate; the other lines
    /// keep waiting.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        parking::prepare();
        let Some(f) = lock(&self.f).as_ref().map(|f| f.clone_ref(py)) else {
            return Ok(());
        };
        let f = f.bind(py);
        for _ in 0..self.waiting.count() {
            let Some(line) = self.waiting.take() else {
                break;
            };
            match f.call1((line,)) {
                Err(raised) if raised.is_instance_of::<PyException>(py) => {
                    raised.write_unraisable(py, Some(f));
                }
                outcome => drop(outcome?),
            }
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.f.try_lock() {
            Ok(f) => visit.call(&*f),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let f = lock(&self.f).take();
        // After the lock is free, because dropping it may run any Python code.
        drop(f);
    }
}

impl Drop for CustomLog {
    fn drop(&mut self) {
        parking::prepare();
        logs::unset(&self.waiting);
    }
}

/// The level that `logging` accepts, as long as no other log is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Followed {
    Level(LevelFilter),
    /// `set_log_file` or `set_log_custom` has set the log.
    Overruled,
}

static FOLLOWED: Mutex<Followed> = Mutex::new(Followed::Level(LevelFilter::OFF));

/// Makes guests log lines from this level on for `logging`, unless another log is set. For `extism._logging`.
#[pyfunction]
pub(crate) fn follow_logging(py: Python<'_>, level: &str) -> PyResult<()> {
    let level = threshold(py, Some(level))?;
    let mut followed = lock(&FOLLOWED);
    if *followed == Followed::Overruled || *followed == Followed::Level(level) {
        return Ok(());
    }
    let applied = apply(level, LogPlace::Nowhere);
    *followed = Followed::Level(level);
    drop(followed);
    applied.map_err(|failure| error::raise(py, failure))
}

/// Checks whether `logging` was configured meanwhile, because it does not report new handlers.
pub(crate) fn look_at_logging(py: Python<'_>) -> PyResult<()> {
    if *lock(&FOLLOWED) == Followed::Overruled {
        return Ok(());
    }
    // When the interpreter ends, nothing can be imported and nothing is configured any more.
    match parking::import(py, "extism._logging") {
        Ok(module) => module.call_method0(intern!(py, "look")).map(drop),
        Err(_) => Ok(()),
    }
}

fn set(py: Python<'_>, level: LevelFilter, place: LogPlace) -> PyResult<()> {
    let mut followed = lock(&FOLLOWED);
    let applied = apply(level, place);
    if applied.is_ok() {
        *followed = Followed::Overruled;
    }
    drop(followed);
    applied.map_err(|failure| error::raise(py, failure))
}

/// It runs no Python code.
fn apply(level: LevelFilter, place: LogPlace) -> polyextism::Result<()> {
    let report = |failure: io::Error| {
        Python::try_attach(|py| PyErr::from(failure).write_unraisable(py, None));
    };
    logs::set(LogFilter::level(level), place, report, || {
        Some(Box::new(Logging))
    })
}

fn threshold(py: Python<'_>, level: Option<&str>) -> PyResult<LevelFilter> {
    let Some(name) = level else {
        return Ok(DEFAULT);
    };
    let known = LEVELS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map(|(_, level)| *level).ok_or_else(|| {
        let allowed: Vec<_> = LEVELS.iter().map(|(known, _)| *known).collect();
        let allowed = allowed.join(", ");
        let message = format!("unknown log level {name:?}, allowed are {allowed}");
        error::argument(py, message)
    })
}

/// The level of a line.
pub(crate) fn level(py: Python<'_>, name: &str) -> PyResult<LogLevel> {
    let known = LogLevel::ALL
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map(|(_, level)| *level).ok_or_else(|| {
        let allowed: Vec<_> = LogLevel::ALL.iter().map(|(known, _)| *known).collect();
        let allowed = allowed.join(", ");
        let message = format!("unknown level of a log line {name:?}, allowed are {allowed}");
        error::argument(py, message)
    })
}

fn open(py: Python<'_>, path: PathBuf) -> PyResult<File> {
    // A pipe may block.
    let file = py.detach(|| File::options().append(true).create(true).open(&path));
    file.map_err(|failure| {
        let message = format!("cannot log to {}: {failure}", path.display());
        error::raise(
            py,
            Error::new(ErrorKind::Argument, message).with_source(failure),
        )
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
