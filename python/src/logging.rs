//! Sends the log lines of guests to Python's `logging`, to the logger `extism`.
//!
//! It gets only lines that pass the level, and does not know where else they go. `logging` decides which lines the
//! logger accepts, and what happens to them.
//!
//! Invariants: if the logger has no handler, no record is created, so programs that do not use `logging` are not
//! affected; no lock is held while Python code runs.

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

/// Sends lines to the logger.
pub(crate) struct Logging;

/// The parts of a line.
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

/// The level as a number of `logging`, which has none for `trace`.
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
    // Without a handler, `logging` would write warnings to standard error.
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
    // As an argument, because the text of a guest must not be a format string.
    let arguments = (level, intern!(py, "%s"), line.text);
    logger.call_method(intern!(py, "log"), arguments, Some(&options))?;
    Ok(())
}

/// Finds the logger at the first call, because nothing can be imported when the interpreter ends.
pub(crate) fn logger(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static FOUND: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let find = || {
        let logger = py.import("logging")?.call_method1("getLogger", (LOGGER,))?;
        PyResult::Ok(logger.unbind())
    };
    Ok(FOUND.get_or_try_init(py, find)?.bind(py))
}

/// Reports an exception without telling the guest. A KeyboardInterrupt is passed to the main thread.
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
