//! The lines of guests for Python's `logging`: the logger `extism` gets what passes the level.
//!
//! It knows neither where else lines go nor which level is set: what does not pass never comes
//! here. Which lines the logger takes, and what becomes of them, `logging` decides.
//!
//! Invariants: without a handler for the logger nothing is made of a line, so programs that do not
//! use `logging` see nothing of this; no lock is held while Python code runs.

use std::fmt;

use pyo3::{
    exceptions::PyKeyboardInterrupt, intern, prelude::*, sync::PyOnceLock, types::IntoPyDict,
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

/// The name of the logger.
const LOGGER: &str = "extism";

/// Hands lines to the logger.
pub(crate) struct Logging;

/// What a line is made of.
#[derive(Default)]
struct Line {
    text: String,
    plugin: String,
}

impl<S: Subscriber> Layer<S> for Logging {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = number(*event.metadata().level());
        Python::try_attach(|py| {
            if let Err(raised) = log(py, level, event) {
                report(py, raised);
            }
        });
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "plugin" {
            value.clone_into(&mut self.plugin);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
        }
    }
}

/// The level in the numbers of `logging`, which has none for `trace`.
fn number(level: Level) -> u8 {
    match level {
        Level::TRACE => 5,
        Level::DEBUG => 10,
        Level::INFO => 20,
        Level::WARN => 30,
        Level::ERROR => 40,
    }
}

fn log(py: Python<'_>, level: u8, event: &Event<'_>) -> PyResult<()> {
    let logger = logger(py)?;
    let enabled = logger.call_method1(intern!(py, "isEnabledFor"), (level,))?;
    // Without any, `logging` would write warnings to the standard error.
    if !enabled.is_truthy()?
        || !logger
            .call_method0(intern!(py, "hasHandlers"))?
            .is_truthy()?
    {
        return Ok(());
    }
    let mut line = Line::default();
    event.record(&mut line);
    let extra = [(intern!(py, "plugin_id"), line.plugin)].into_py_dict(py)?;
    let options = [(intern!(py, "extra"), extra)].into_py_dict(py)?;
    // As an argument: the text of a guest is no format.
    let arguments = (level, intern!(py, "%s"), line.text);
    logger.call_method(intern!(py, "log"), arguments, Some(&options))?;
    Ok(())
}

/// Finds the logger, at the first time: at the end of the interpreter nothing can be imported.
pub(crate) fn logger(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static FOUND: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let find = || {
        let logger = py.import("logging")?.call_method1("getLogger", (LOGGER,))?;
        PyResult::Ok(logger.unbind())
    };
    Ok(FOUND.get_or_try_init(py, find)?.bind(py))
}

/// The guest does not notice; but who wanted to stop the program is not ignored.
#[cold]
fn report(py: Python<'_>, raised: PyErr) {
    if raised.is_instance_of::<PyKeyboardInterrupt>(py)
        && let Ok(thread) = py.import("_thread")
        && thread.call_method0("interrupt_main").is_ok()
    {
        return;
    }
    raised.write_unraisable(py, None);
}
