//! `log_*` and `get_log_level`: lines of the guest, and of host functions on its behalf, go to
//! `tracing`, target `extism::pdk`.

use tracing::{Level, level_filters::LevelFilter};
use uuid::Uuid;

use crate::{engine::guest::Caller, error::Result};

/// The longest line, in bytes, that is logged for a guest; the rest is cut.
pub const LINE_LIMIT: usize = 64 * 1024;

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

    /// Logs a line on behalf of the plug-in of this id. What is longer than [`LINE_LIMIT`] is cut.
    pub fn log(self, plugin: Uuid, line: &str) {
        if self.level() <= LevelFilter::current() {
            write(plugin, self.level(), line.as_bytes());
        }
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

/// What `get_log_level` says when nothing is logged.
const OFF: u64 = i32::MAX as u64;

pub(super) fn trace(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    log(caller, "log_trace", Level::TRACE, slots[0])
}

pub(super) fn debug(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    log(caller, "log_debug", Level::DEBUG, slots[0])
}

pub(super) fn info(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    log(caller, "log_info", Level::INFO, slots[0])
}

pub(super) fn warn(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    log(caller, "log_warn", Level::WARN, slots[0])
}

pub(super) fn error(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    log(caller, "log_error", Level::ERROR, slots[0])
}

/// `get_log_level() -> level`: 0 trace, 1 debug, 2 info, 3 warn, 4 error, `i32::MAX` off.
pub(super) fn level(_: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    slots[0] = match LevelFilter::current().into_level() {
        Some(Level::TRACE) => 0,
        Some(Level::DEBUG) => 1,
        Some(Level::INFO) => 2,
        Some(Level::WARN) => 3,
        Some(Level::ERROR) => 4,
        None => OFF,
    };
    Ok(())
}

/// Frees the line; a bad handle is an error only if the level is logged.
fn log(caller: &mut Caller<'_>, function: &str, level: Level, offset: u64) -> Result<()> {
    if level > LevelFilter::current() {
        caller.free(offset);
        return Ok(());
    }
    let line = super::argument(caller, function, "line", offset)?;
    caller.free(offset);
    write(caller.host().id(), level, &line);
    Ok(())
}

fn write(plugin: Uuid, level: Level, line: &[u8]) {
    let line = String::from_utf8_lossy(&line[..line.len().min(LINE_LIMIT)]);
    let mut buffer = Uuid::encode_buffer();
    // As text, so that it stands in quotes.
    let plugin = &*plugin.hyphenated().encode_lower(&mut buffer);
    // The level of an event is part of its static description.
    match level {
        Level::TRACE => tracing::trace!(target: "extism::pdk", plugin, "{line}"),
        Level::DEBUG => tracing::debug!(target: "extism::pdk", plugin, "{line}"),
        Level::INFO => tracing::info!(target: "extism::pdk", plugin, "{line}"),
        Level::WARN => tracing::warn!(target: "extism::pdk", plugin, "{line}"),
        Level::ERROR => tracing::error!(target: "extism::pdk", plugin, "{line}"),
    }
}
