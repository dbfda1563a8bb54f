//! Log lines that wait until somebody takes them.
//!
//! It knows neither where the lines come from nor who takes them. Invariants: what waits is
//! bounded; lines come out in the order in which they came, each once; what was dropped is counted,
//! and said in the place where it was.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime, SystemTime},
};

/// The text that can wait, in bytes; the oldest lines are dropped beyond it.
const LIMIT: usize = 4 << 20;

/// Lines that nobody has taken yet: at most 4 MiB of text, then the oldest are dropped.
#[derive(Debug, Default)]
pub struct Lines(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<String>,
    /// The length of all lines, in bytes.
    length: usize,
    /// How many lines before the first were dropped.
    dropped: u64,
}

impl Lines {
    /// Adds a line, and drops the oldest if it is too much.
    pub(super) fn push(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        let mut this = self.lock();
        this.length += line.len();
        this.lines.push_back(line);
        // The last line always stays: none is longer than core allows.
        while this.length > LIMIT
            && this.lines.len() > 1
            && let Some(oldest) = this.lines.pop_front()
        {
            this.length -= oldest.len();
            this.dropped += 1;
        }
    }

    /// How many lines [`take`](Self::take) would give.
    pub fn count(&self) -> usize {
        let this = self.lock();
        this.lines.len() + usize::from(this.dropped > 0)
    }

    /// Takes the oldest line, with the line feed at its end, or a note in the place of those that were dropped.
    pub fn take(&self) -> Option<String> {
        let mut this = self.lock();
        match mem::take(&mut this.dropped) {
            0 => {
                let line = this.lines.pop_front()?;
                this.length -= line.len();
                Some(line)
            }
            dropped => Some(note(dropped)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line that stands for those that were dropped.
fn note(dropped: u64) -> String {
    let mut line = String::new();
    // A time that cannot be told is no reason to lose the rest.
    let _ = SystemTime.format_time(&mut Writer::new(&mut line));
    line.push_str(&format!(
        "  WARN extism::log: {dropped} lines were dropped, only {LIMIT} bytes can wait\n"
    ));
    line
}
