//! The result of a comparison: the steps of each engine, and their differences.
//!
//! It has plain values. `verdict` finds the differences.

use std::{collections::BTreeMap, time::Duration};

use super::{Call, Unsupported, verdict};
use crate::{base::error::Error, host::log::LogLevel};

/// The result of a comparison. Its `Display` is a table.
#[derive(Debug)]
pub struct Report {
    calls: Vec<Call>,
    runs: Vec<Run>,
    differences: Vec<Difference>,
    verdict: Verdict,
}

/// What a comparison has shown.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The engines agree on every call.
    Equal,
    /// The engines differ.
    Different,
    /// No engine could make the plug-in, all for the same reason, so no call ran: nothing is shown.
    NotRun,
}

impl Verdict {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Different => "different",
            Self::NotRun => "not run",
        }
    }
}

/// The results of one engine.
#[non_exhaustive]
#[derive(Debug)]
pub struct Run {
    /// The name of the engine, as users choose it.
    pub engine: String,
    /// How long it took to compile the plug-in and to make an instance, or to fail.
    pub ready: Duration,
    /// The result of each call, in order, or why there was no plug-in.
    pub steps: Result<Vec<Step>, Error>,
}

/// The result of one call on one engine.
#[non_exhaustive]
#[derive(Debug)]
pub struct Step {
    /// The output, or the failure.
    pub outcome: Result<Vec<u8>, Error>,
    /// The variables after the call.
    pub vars: BTreeMap<String, Vec<u8>>,
    /// The log lines of the call, in order.
    pub log: Vec<LogLine>,
    /// How many lines were dropped beyond 4 MiB.
    pub lost_lines: u64,
    /// The captured standard output.
    pub stdout: Vec<u8>,
    /// The captured standard error.
    pub stderr: Vec<u8>,
    /// The memories after the call, as [`Plugin::memory_bytes`](crate::Plugin::memory_bytes).
    pub memory_bytes: u64,
    /// How long the call took. The first call also initialises the plug-in.
    pub time: Duration,
}

/// A line that a guest or a host function has logged.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its level.
    pub level: LogLevel,
    /// Its text.
    pub text: String,
}

/// An aspect in which engines can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// Whether there is a plug-in, or why not.
    Start,
    /// The output, or the failure: its kind, code, trap, message and guest text.
    Outcome,
    /// The log lines.
    Log,
    /// The variables.
    Vars,
    /// The captured standard output.
    Stdout,
    /// The captured standard error.
    Stderr,
}

impl Run {
    /// The run of an engine, for callers that make the steps by themselves.
    #[doc(hidden)]
    pub fn new(engine: String, ready: Duration, steps: Result<Vec<Step>, Error>) -> Self {
        Self {
            engine,
            ready,
            steps,
        }
    }
}

impl Aspect {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Outcome => "outcome",
            Self::Log => "log",
            Self::Vars => "vars",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// A difference between engines.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The position of the call; `None` for [`Aspect::Start`].
    pub call: Option<usize>,
    /// What differs.
    pub aspect: Aspect,
    /// The name and value of each engine that counts. Values are texts, cut to the part that differs.
    pub values: Vec<(String, String)>,
}

impl Report {
    /// Compares the runs of `calls`.
    #[doc(hidden)]
    pub fn new(calls: Vec<Call>, runs: Vec<Run>, unsupported: Unsupported) -> Self {
        let differences = verdict::differences(&runs, calls.len(), unsupported);
        let verdict = verdict::verdict(&runs, &differences);
        Self {
            calls,
            runs,
            differences,
            verdict,
        }
    }

    /// What the comparison has shown.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether calls ran and the engines agree: [`Verdict::Equal`].
    pub fn is_equal(&self) -> bool {
        self.verdict == Verdict::Equal
    }

    /// The differences; empty if the engines agree, or if no call ran.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// The results of each engine, in the order of the engines.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Returns the results of each engine.
    pub fn into_runs(self) -> Vec<Run> {
        self.runs
    }

    /// The calls.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }
}
