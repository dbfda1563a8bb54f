//! Where log lines go: one setting of the process, for the Python and C fronts.
//!
//! Core hands each line to `tracing`. The library `tracing-subscriber` filters and formats it; this file sets
//! levels and place. It knows no plug-in and no source of lines. Rust programs have a subscriber of their own, so
//! it is behind the cargo feature `logs`.
//!
//! Invariants: before the first setting there is no subscriber, so guests see the level `off`; the setting can
//! change at any time; its lock is held for a few instructions, never while a line is written.

mod lines;

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Write},
    str::FromStr,
    sync::{
        Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::{Metadata, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    reload,
};

pub use self::lines::Lines;
use crate::base::error::{Error, ErrorKind, Result};

/// The targets that users see: lines of guests, messages about dumps, and messages of fronts about plug-ins.
const TARGETS: [&str; 3] = ["extism::pdk", "extism::diagnostics", "extism::plugin"];

/// The levels, and `off`.
pub const LEVELS: &[(&str, LevelFilter)] = &[
    ("trace", LevelFilter::TRACE),
    ("debug", LevelFilter::DEBUG),
    ("info", LevelFilter::INFO),
    ("warn", LevelFilter::WARN),
    ("error", LevelFilter::ERROR),
    ("off", LevelFilter::OFF),
];

static CURRENT: RwLock<Option<Arc<Setting>>> = RwLock::new(None);

/// Which lines are logged.
#[derive(Clone, Debug)]
pub struct LogFilter(Targets);

/// Where lines go.
pub enum LogPlace {
    /// To the end of a file.
    File(File),
    /// To the standard output of the process.
    Stdout,
    /// To the standard error of the process.
    Stderr,
    /// Into a queue in memory.
    Lines(Arc<Lines>),
    /// Nowhere, except to the extra layer.
    Nowhere,
}

/// A further layer, which gets the lines that pass the filter.
pub type Extra = Box<dyn Layer<Filtered> + Send + Sync>;

/// The subscriber below a further layer.
pub type Filtered = tracing_subscriber::layer::Layered<reload::Layer<Targets, Registry>, Registry>;

/// Which lines are logged, and where.
struct Setting {
    filter: LogFilter,
    place: LogPlace,
    /// Gets the first failure to write.
    on_failure: fn(io::Error),
    /// Whether there was one.
    failed: AtomicBool,
}

impl LogFilter {
    /// All lines from this level on.
    pub fn level(level: LevelFilter) -> Self {
        Self(Targets::new().with_targets(TARGETS.map(|target| (target, level))))
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self::level(LevelFilter::ERROR)
    }
}

/// Parses the name of a level, in upper or lower case, or levels by target such as
/// `extism::pdk=debug,extism=error`.
impl FromStr for LogFilter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let level = LEVELS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        match (level, text.contains('=')) {
            (Some((_, level)), _) => Ok(Self::level(*level)),
            (None, true) => text.parse().map(Self).map_err(|error| {
                let message = format!("the log filter {text:?} is wrong: {error}");
                Error::new(ErrorKind::Argument, message)
            }),
            (None, false) => {
                let allowed: Vec<_> = LEVELS.iter().map(|(known, _)| *known).collect();
                let allowed = allowed.join(", ");
                let message = format!("unknown log level {text:?}, allowed are {allowed}");
                Err(Error::new(ErrorKind::Argument, message))
            }
        }
    }
}

impl LogPlace {
    /// Appends to a file, and creates it if it is missing.
    ///
    /// # Errors
    /// `Argument` if it cannot be opened.
    pub fn file(path: &std::path::Path) -> Result<Self> {
        let file = File::options().append(true).create(true).open(path);
        file.map(Self::File).map_err(|failure| {
            let message = format!("cannot log to {}: {failure}", path.display());
            Error::new(ErrorKind::Argument, message).with_source(failure)
        })
    }
}

/// From now on, logs lines that pass `filter` to `place`. `on_failure` gets the first failure to write; guests do
/// not notice one.
///
/// `extra` is called the first time only. Its layer gets all lines that pass, also after later settings.
///
/// # Errors
/// `Argument` if the process has another subscriber.
pub fn set(
    filter: LogFilter,
    place: LogPlace,
    on_failure: fn(io::Error),
    extra: fn() -> Option<Extra>,
) -> Result<()> {
    let handle = subscriber(extra)?;
    let setting = Arc::new(Setting {
        filter: filter.clone(),
        place,
        on_failure,
        failed: AtomicBool::new(false),
    });
    let mut current = write();
    let old = current.replace(setting);
    // Under the lock, so that two settings at the same time do not mix.
    reload(handle, filter);
    drop(current);
    // Dropping it may close a file, which can be slow.
    drop(old);
    Ok(())
}

/// Ends logging, if `lines` is the place.
pub fn unset(lines: &Arc<Lines>) {
    let theirs = |setting: &Arc<Setting>| match &setting.place {
        LogPlace::Lines(current) => Arc::ptr_eq(current, lines),
        _ => false,
    };
    let mut current = write();
    if current.as_ref().is_some_and(theirs)
        && let Some(Ok(handle)) = SUBSCRIBER.get()
    {
        let gone = current.take();
        reload(handle, LogFilter(Targets::new()));
        drop(current);
        drop(gone);
    }
}

/// The queue, if it is the place.
pub fn waiting() -> Option<Arc<Lines>> {
    let current = read().clone()?;
    match &current.place {
        LogPlace::Lines(lines) => Some(lines.clone()),
        _ => None,
    }
}

type Handle = reload::Handle<Targets, Registry>;

static SUBSCRIBER: OnceLock<Result<Handle, ()>> = OnceLock::new();

fn subscriber(extra: fn() -> Option<Extra>) -> Result<&'static Handle> {
    let subscriber = SUBSCRIBER.get_or_init(|| {
        let (filter, handle) = reload::Layer::new(Targets::new());
        let lines = fmt::layer()
            .with_ansi(false)
            .log_internal_errors(false)
            .with_writer(Current);
        let subscriber = tracing_subscriber::registry()
            .with(filter)
            .with(extra())
            .with(lines);
        tracing::subscriber::set_global_default(subscriber)
            .map(|()| handle)
            .map_err(drop)
    });
    subscriber.as_ref().map_err(|()| {
        let message =
            "the process logs in a way of its own: it has a subscriber of `tracing` already";
        Error::new(ErrorKind::Argument, message)
    })
}

fn reload(handle: &Handle, filter: LogFilter) {
    handle
        .reload(filter.0)
        .expect("the subscriber is never dropped, and nothing panics under its lock");
}

/// Looks up the setting at the time of each line.
struct Current;

impl<'a> MakeWriter<'a> for Current {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(read().clone())
    }

    fn make_writer_for(&'a self, line: &Metadata<'_>) -> Line {
        // It may have changed since the line passed the filter.
        let logged =
            |setting: &Arc<Setting>| setting.filter.0.would_enable(line.target(), line.level());
        Line(read().clone().filter(logged))
    }
}

/// Writes one line in one piece.
struct Line(Option<Arc<Setting>>);

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(setting) = &self.0 {
            setting.write(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Setting {
    fn write(&self, line: &[u8]) {
        let written = match &self.place {
            LogPlace::File(file) => (&*file).write_all(&indented(line)),
            LogPlace::Stdout => io::stdout().write_all(&indented(line)),
            LogPlace::Stderr => io::stderr().write_all(&indented(line)),
            LogPlace::Lines(lines) => return lines.push(line),
            LogPlace::Nowhere => return,
        };
        if let Err(failure) = written
            && !self.failed.swap(true, Ordering::Relaxed)
        {
            (self.on_failure)(failure);
        }
    }
}

/// A line whose text cannot look like further lines: what follows a break in it is indented.
fn indented(line: &[u8]) -> Cow<'_, [u8]> {
    let (text, end) = line.split_at(line.len().saturating_sub(1));
    if !text.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return line.into();
    }
    let mut indented = Vec::with_capacity(line.len() + 64);
    for byte in text {
        match byte {
            b'\n' => indented.extend_from_slice(b"\n    "),
            b'\r' => indented.extend_from_slice(b"\\r"),
            byte => indented.push(*byte),
        }
    }
    indented.extend_from_slice(end);
    indented.into()
}

fn read() -> RwLockReadGuard<'static, Option<Arc<Setting>>> {
    CURRENT.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, Option<Arc<Setting>>> {
    CURRENT.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{LogFilter, indented};

    #[test]
    fn no_text_looks_like_further_lines() {
        for (line, expected) in [
            ("", ""),
            ("\n", "\n"),
            ("INFO one\n", "INFO one\n"),
            ("INFO one\nERROR two\n\n", "INFO one\n    ERROR two\n    \n"),
            ("INFO one\rERROR\r\n", "INFO one\\rERROR\\r\n"),
        ] {
            assert_eq!(indented(line.as_bytes()), expected.as_bytes(), "{line:?}");
        }
    }

    #[test]
    fn filters_are_levels_or_levels_by_target() {
        for (text, target, level, logged) in [
            ("error", "extism::pdk", tracing::Level::ERROR, true),
            ("error", "extism::pdk", tracing::Level::WARN, false),
            ("TRACE", "extism::diagnostics", tracing::Level::TRACE, true),
            ("trace", "extism::cache", tracing::Level::ERROR, false),
            ("trace", "ureq", tracing::Level::ERROR, false),
            ("off", "extism::pdk", tracing::Level::ERROR, false),
            (
                "extism::pdk=debug",
                "extism::pdk",
                tracing::Level::DEBUG,
                true,
            ),
            (
                "extism::pdk=debug",
                "extism::plugin",
                tracing::Level::ERROR,
                false,
            ),
        ] {
            let filter: LogFilter = text.parse().expect("it is right");
            assert_eq!(
                filter.0.would_enable(target, &level),
                logged,
                "{text} {target}"
            );
        }
        for text in ["", "loud", "extism=loud"] {
            assert!(text.parse::<LogFilter>().is_err(), "{text}");
        }
    }
}
