//! Sets where the log lines of the process go. Core has the setting.
//!
//! Invariant: no lock is held while a callback of C runs.

use std::{ffi::CStr, io, path::Path, sync::Arc};

use polyextism::logs::{self, Lines, LogFilter, LogPlace};

use crate::{border::Bad, texts::c_text};

/// A text, or `None`.
type Given<'a> = Result<Option<&'a str>, Bad>;

/// Sends lines to a file or a stream. Returns whether that succeeded.
pub(crate) fn to_file(path: Given<'_>, level: Given<'_>) -> bool {
    let Ok(path) = path else {
        return false;
    };
    let place = match path {
        None | Some("stderr" | "-") => Ok(LogPlace::Stderr),
        Some("stdout") => Ok(LogPlace::Stdout),
        Some(path) => LogPlace::file(Path::new(path)),
    };
    place.is_ok_and(|place| set(level, place))
}

/// Keeps lines until they are drained. Returns whether that succeeded.
pub(crate) fn to_memory(level: Given<'_>) -> bool {
    // Lines that are kept already stay.
    let lines = logs::waiting().unwrap_or_else(|| Arc::new(Lines::default()));
    set(level, LogPlace::Lines(lines))
}

fn set(level: Given<'_>, place: LogPlace) -> bool {
    let filter = match level {
        Ok(None) => LogFilter::default(),
        Ok(Some(level)) => match level.parse() {
            Ok(filter) => filter,
            Err(_) => return false,
        },
        Err(_) => return false,
    };
    // Nobody can be told that lines are lost.
    let ignore = |_: io::Error| {};
    logs::set(filter, place, ignore, || None).is_ok()
}

/// Passes each kept line to `take`.
pub(crate) fn drain(take: impl Fn(&CStr)) {
    let Some(lines) = logs::waiting() else {
        return;
    };
    // Lines that are logged meanwhile stay for the next time.
    for _ in 0..lines.count() {
        match lines.take() {
            Some(line) => take(&c_text(line)),
            None => return,
        }
    }
}
