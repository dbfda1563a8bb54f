//! Runs the same calls on several engines and says whether they agree.
//!
//! [`compare_on`] compares; a [`Trial`] is one plug-in on one engine, for callers that act between calls. `verdict`
//! finds differences, `table` shows them. It may import every folder, and names no engine.
//!
//! Invariants: each engine runs all calls on one instance and is deterministic ([`Choice::deterministic`]), because
//! results that WebAssembly leaves open are not differences; the verdict covers everything that a guest or its user
//! can see, except time and memory; log lines reach the report without the logger of the process.

mod report;
mod table;
mod verdict;

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

pub use self::report::{Aspect, Difference, LogLine, Report, Run, Step, Verdict};
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        setters::setters,
    },
    build::{compiled::Compiled, options::Options},
    engine::select::Choice,
    host::log::{LogLevel, LogSink},
    live::plugin::Plugin,
    manifest::Manifest,
};

/// The most bytes of log lines that are kept of one call. Further lines are counted.
#[doc(hidden)]
pub const LOG_LIMIT: usize = 4 << 20;

/// A call for every engine.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The name of the exported function.
    pub function: String,
    /// Its input.
    pub input: Vec<u8>,
}

impl Call {
    /// A call of `function` with `input`.
    pub fn new(function: impl Into<String>, input: impl Into<Vec<u8>>) -> Self {
        Self {
            function: function.into(),
            input: input.into(),
        }
    }
}

/// The options of a comparison, beside the manifest.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Setup {
    /// As for [`Compiled::new`]. Fix the clock and the seed of WASI to make time and randomness the same on all
    /// engines.
    pub options: Options,
    /// The lowest level of log lines that are compared. Guests see it.
    pub log_level: LogLevel,
    /// The verdict if an engine cannot run the plug-in.
    pub unsupported: Unsupported,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            options: Options::default(),
            log_level: LogLevel::Trace,
            unsupported: Unsupported::default(),
        }
    }
}

setters!(Setup {
    with_options = options: Options,
    with_log_level = log_level: LogLevel,
    with_unsupported = unsupported: Unsupported,
});

/// The verdict if an engine lacks a feature that the plug-in needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// It counts as a difference.
    #[default]
    Differs,
    /// Such engines are left out of the verdict, unless there is no other.
    LeftOut,
}

/// Runs `calls`, one after the other, on a fresh instance on each of `engines`, all of them deterministic
/// ([`Choice::deterministic`]).
///
/// Failures of guests, and engines that cannot run the plug-in, are part of the report.
///
/// # Errors
/// `Argument` if there is no engine or no call: nothing would be compared.
pub fn compare_on(
    engines: &[Choice],
    manifest: &Manifest,
    calls: &[Call],
    setup: &Setup,
) -> Result<Report> {
    check(engines, calls)?;
    let run = |choice: &Choice| {
        let start = Instant::now();
        let trial = Trial::start(choice, manifest, setup);
        let ready = start.elapsed();
        let steps = trial.map(|mut trial| calls.iter().map(|call| trial.call(call)).collect());
        Run {
            engine: choice.name(),
            ready,
            steps,
        }
    };
    let runs = engines.iter().map(run).collect();
    Ok(Report::new(calls.to_vec(), runs, setup.unsupported))
}

/// Refuses a comparison of nothing.
///
/// # Errors
/// `Argument` if there is no engine or no call.
#[doc(hidden)]
pub fn check(engines: &[Choice], calls: &[Call]) -> Result<()> {
    let missing = match (engines.is_empty(), calls.is_empty()) {
        (true, _) => "engines",
        (_, true) => "calls",
        (false, false) => return Ok(()),
    };
    Err(Error::new(
        ErrorKind::Argument,
        format!("`{missing}` is empty, at least one is needed: nothing would be compared"),
    ))
}

/// A plug-in on one engine, whose calls are observed. The Python front compares step by step with it.
#[doc(hidden)]
pub struct Trial {
    plugin: Plugin,
    log: Arc<Mutex<Kept>>,
}

/// The log lines of one call.
#[derive(Default)]
struct Kept {
    lines: Vec<LogLine>,
    bytes: usize,
    lost: u64,
}

impl Kept {
    fn push(&mut self, level: LogLevel, text: &str) {
        if self.bytes + text.len() > LOG_LIMIT {
            self.lost += 1;
            return;
        }
        self.bytes += text.len();
        let text = text.to_owned();
        self.lines.push(LogLine { level, text });
    }
}

impl Trial {
    /// Compiles a manifest for a deterministic engine and makes an instance.
    ///
    /// # Errors
    /// As [`Compiled::new`] and [`Plugin::new`].
    pub fn start(choice: &Choice, manifest: &Manifest, setup: &Setup) -> Result<Self> {
        let compiled = Compiled::new(&choice.deterministic(), manifest, &setup.options)?;
        let mut plugin = Plugin::new(&compiled)?;
        let log = Arc::new(Mutex::new(Kept::default()));
        let kept = Arc::clone(&log);
        let sink = LogSink::new(setup.log_level, move |level, text| {
            lock(&kept).push(level, text);
        });
        plugin.host().set_log_sink(Some(sink));
        Ok(Self { plugin, log })
    }

    /// The plug-in, for preparations before a call.
    pub fn plugin(&mut self) -> &mut Plugin {
        &mut self.plugin
    }

    /// Runs one call and records its results.
    pub fn call(&mut self, call: &Call) -> Step {
        *lock(&self.log) = Kept::default();
        let start = Instant::now();
        let outcome = self.plugin.call(&call.function, &call.input);
        let time = start.elapsed();
        let outcome = outcome.map(<[u8]>::to_vec);
        let log = mem::take(&mut *lock(&self.log));
        let vars = self.plugin.host().vars().iter();
        Step {
            outcome,
            vars: vars
                .map(|(key, value)| (key.to_owned(), value.to_vec()))
                .collect(),
            log: log.lines,
            lost_lines: log.lost,
            stdout: self.plugin.stdout(),
            stderr: self.plugin.stderr(),
            memory_bytes: self.plugin.memory_bytes(),
            time,
        }
    }
}

fn lock(log: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
