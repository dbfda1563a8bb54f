//! Where log lines go: to `tracing`, target `extism::pdk`, and to the sink of the plug-in if it has one.
//!
//! Invariant: a line is logged if `tracing` or the sink wants its level.

use std::{fmt, sync::Arc};

use tracing::{Level, level_filters::LevelFilter};
use uuid::Uuid;

/// The level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Details for the authors of a plug-in.
    Trace,
    /// Information for debugging.
    Debug,
    /// Normal events.
    Info,
    /// Possible problems.
    Warn,
    /// Errors.
    Error,
}

impl LogLevel {
    /// Every level with its name, the least important first.
    pub const ALL: &[(&str, Self)] = &[
        ("trace", Self::Trace),
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("warn", Self::Warn),
        ("error", Self::Error),
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    fn level(self) -> Level {
        match self {
            Self::Trace => Level::TRACE,
            Self::Debug => Level::DEBUG,
            Self::Info => Level::INFO,
            Self::Warn => Level::WARN,
            Self::Error => Level::ERROR,
        }
    }
}

/// The function of a sink.
type Take = dyn Fn(LogLevel, &str) + Send + Sync;

/// A receiver of the log lines of one plug-in, beside `tracing`. Cloning shares it.
#[derive(Clone)]
pub struct LogSink {
    level: LogLevel,
    take: Arc<Take>,
}

impl LogSink {
    /// The longest line, in bytes, that is logged for a guest; the rest is cut.
    pub const LINE_LIMIT: usize = 64 * 1024;

    /// A sink for lines from `level` on. `take` is called on the thread of the guest, for each line in order. A
    /// line has at most [`Self::LINE_LIMIT`] bytes.
    pub fn new(level: LogLevel, take: impl Fn(LogLevel, &str) + Send + Sync + 'static) -> Self {
        let take = Arc::new(take);
        Self { level, take }
    }
}

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSink")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

/// Logs lines on behalf of one plug-in, also where its [`Host`](crate::Host) is not available. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Logger {
    plugin: Uuid,
    sink: Option<LogSink>,
}

impl Logger {
    pub(crate) fn new(plugin: Uuid) -> Self {
        let sink = None;
        Self { plugin, sink }
    }

    pub(crate) fn set_sink(&mut self, sink: Option<LogSink>) {
        self.sink = sink;
    }

    /// Logs a line if its level is wanted. Lines longer than [`LogSink::LINE_LIMIT`] are cut.
    pub fn log(&self, level: LogLevel, line: &str) {
        if self.wants(level) {
            self.write(level, line.as_bytes());
        }
    }

    pub(crate) fn wants(&self, level: LogLevel) -> bool {
        level.level() <= LevelFilter::current() || self.sink(level).is_some()
    }

    /// The sink, if it wants lines of this level.
    fn sink(&self, level: LogLevel) -> Option<&LogSink> {
        self.sink.as_ref().filter(|sink| level >= sink.level)
    }

    pub(crate) fn write(&self, level: LogLevel, line: &[u8]) {
        let line = String::from_utf8_lossy(&line[..line.len().min(LogSink::LINE_LIMIT)]);
        let mut buffer = Uuid::encode_buffer();
        // As text, so that it appears in quotes.
        let plugin = &*self.plugin.hyphenated().encode_lower(&mut buffer);
        // The level of an event is part of its static description.
        match level {
            LogLevel::Trace => tracing::trace!(target: "extism::pdk", plugin, "{line}"),
            LogLevel::Debug => tracing::debug!(target: "extism::pdk", plugin, "{line}"),
            LogLevel::Info => tracing::info!(target: "extism::pdk", plugin, "{line}"),
            LogLevel::Warn => tracing::warn!(target: "extism::pdk", plugin, "{line}"),
            LogLevel::Error => tracing::error!(target: "extism::pdk", plugin, "{line}"),
        }
        if let Some(sink) = self.sink(level) {
            (sink.take)(level, &line);
        }
    }
}
