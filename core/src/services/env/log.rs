//! `log_*` and `get_log_level`.
//!
//! Invariant: guests see the lowest level that any receiver wants.

use crate::{
    base::error::Result,
    host::log::{LogLevel, LogSink},
    kernel::caller::Caller,
};

/// The result of `get_log_level` if nothing is logged.
const OFF: u64 = i32::MAX as u64;

pub(super) fn trace(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    log(caller, "log_trace", LogLevel::Trace, slots[0])
}

pub(super) fn debug(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    log(caller, "log_debug", LogLevel::Debug, slots[0])
}

pub(super) fn info(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    log(caller, "log_info", LogLevel::Info, slots[0])
}

pub(super) fn warn(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    log(caller, "log_warn", LogLevel::Warn, slots[0])
}

pub(super) fn error(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    log(caller, "log_error", LogLevel::Error, slots[0])
}

/// `get_log_level() -> level`: 0 trace, 1 debug, 2 info, 3 warn, 4 error, `i32::MAX` off.
pub(super) fn level(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    let logger = caller.host().logger();
    let lowest = LogLevel::ALL
        .iter()
        .position(|(_, level)| logger.wants(*level));
    slots[0] = lowest.map_or(OFF, |position| position as u64);
    Ok(())
}

/// Frees the line; a bad handle is an error only if the level is logged.
fn log(caller: &mut Caller<'_>, function: &str, level: LogLevel, offset: u64) -> Result<()> {
    if !caller.host().logger().wants(level) {
        caller.free(offset);
        return Ok(());
    }
    let line = super::argument(caller, function, "line", offset)?;
    let line = line.start(caller, LogSink::LINE_LIMIT)?;
    caller.free(offset);
    caller.host().logger().write(level, &line);
    Ok(())
}
