//! Where log lines go: to `tracing`, target `extism::pdk`, and to the sink of the plug-in if it has one.
//!
//! Invariant: a level is logged if either of the two wants it.

use std::{fmt, sync::Arc};

use tracing::{Level, level_filters::LevelFilter};
use uuid::Uuid;

/// The level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What only the authors of a plug-in want to know.
    Trace,
    /// What helps to find a mistake.
    Debug,
    /// What is worth to be known.
    Info,
    /// What may be wrong.
    Warn,
    /// What is wrong.
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

/// What a sink does with a line.
type Take = dyn Fn(LogLevel, &str) + Send + Sync;

/// Who gets the log lines of one plug-in, beside `tracing`. Cloning shares it.
#[derive(Clone)]
pub struct LogSink {
    level: LogLevel,
    take: Arc<Take>,
}

impl LogSink {
    /// The longest line, in bytes, that is logged for a guest; the rest is cut.
    pub const LINE_LIMIT: usize = 64 * 1024;

    /// A sink for lines from `level` on. `take` is called on the thread of the guest, for each line
    /// in order; the line has at most [`Self::LINE_LIMIT`] bytes of the guest's.
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

/// Logs lines on behalf of one plug-in, also while its host state is not at hand. Cloning shares it.
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

    /// Logs a line, if its level is wanted. What is longer than [`LogSink::LINE_LIMIT`] is cut.
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
        // As text, so that it stands in quotes.
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
