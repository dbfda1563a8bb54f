//! What a comparison has found: for each engine and call what came of it, and where they differ.
//!
//! Plain values; how differences are found is `verdict`'s.

use std::{collections::BTreeMap, time::Duration};

use super::{Call, Unsupported, verdict};
use crate::{base::error::Error, host::log::LogLevel};

/// What a comparison has found. As text it is a table.
#[derive(Debug)]
pub struct Report {
    calls: Vec<Call>,
    runs: Vec<Run>,
    differences: Vec<Difference>,
}

/// What one engine made of the plug-in.
#[non_exhaustive]
#[derive(Debug)]
pub struct Run {
    /// The name of the engine, as users choose it.
    pub engine: String,
    /// How long it took to compile the plug-in and to make an instance, or to fail at that.
    pub ready: Duration,
    /// What came of each call, in order; or why there was no plug-in to call.
    pub steps: Result<Vec<Step>, Error>,
}

/// What came of one call on one engine.
#[non_exhaustive]
#[derive(Debug)]
pub struct Step {
    /// The output, or how the call failed.
    pub outcome: Result<Vec<u8>, Error>,
    /// The variables after the call.
    pub vars: BTreeMap<String, Vec<u8>>,
    /// The log lines of the call, in order.
    pub log: Vec<LogLine>,
    /// How many lines were lost because there were more than [`LOG_LIMIT`](super::LOG_LIMIT) bytes.
    pub lost_lines: u64,
    /// What was captured of standard output.
    pub stdout: Vec<u8>,
    /// What was captured of standard error.
    pub stderr: Vec<u8>,
    /// The memories after the call, as [`Plugin::memory_bytes`](crate::Plugin::memory_bytes).
    pub memory_bytes: u64,
    /// How long the call took; the first one of a plug-in also initialises it.
    pub time: Duration,
}

/// A line that a guest, or a host function on its behalf, has logged.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its level.
    pub level: LogLevel,
    /// Its text.
    pub text: String,
}

/// What can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// Whether there is a plug-in to call, or why not.
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

/// Something that is not the same on all engines.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The position of the call; `None` for [`Aspect::Start`].
    pub call: Option<usize>,
    /// What differs.
    pub aspect: Aspect,
    /// The name of each engine that counts, and what it has, as a text that is cut to where they
    /// differ.
    pub values: Vec<(String, String)>,
}

impl Report {
    /// The verdict over what engines made of `calls`.
    #[doc(hidden)]
    pub fn new(calls: Vec<Call>, runs: Vec<Run>, unsupported: Unsupported) -> Self {
        let differences = verdict::differences(&runs, calls.len(), unsupported);
        Self {
            calls,
            runs,
            differences,
        }
    }

    /// Whether the engines agree.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }

    /// What differs; empty if the engines agree.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }

    /// What each engine made of the plug-in, in the order in which they were given.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Gives away what each engine made of the plug-in.
    pub fn into_runs(self) -> Vec<Run> {
        self.runs
    }

    /// The calls.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }
}
