//! A bounded queue of log lines.
//!
//! It knows neither where lines come from nor who takes them. Invariants: the size of the queue is bounded; lines
//! come out in order, each once; dropped lines are counted and reported in their place.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime, SystemTime},
};

/// The most bytes of text in the queue. Beyond it the oldest lines are dropped.
const LIMIT: usize = 4 << 20;

/// A queue of at most 4 MiB of text. Beyond it the oldest lines are dropped.
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
    /// Adds a line, and drops the oldest lines if there is too much text.
    pub(super) fn push(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        let mut this = self.lock();
        this.length += line.len();
        this.lines.push_back(line);
        // The last line always stays, because core bounds the length of a line.
        while this.length > LIMIT
            && this.lines.len() > 1
            && let Some(oldest) = this.lines.pop_front()
        {
            this.length -= oldest.len();
            this.dropped += 1;
        }
    }

    /// How many lines [`take`](Self::take) would return.
    pub fn count(&self) -> usize {
        let this = self.lock();
        this.lines.len() + usize::from(this.dropped > 0)
    }

    /// Takes the oldest line, with the line feed at its end, or a note in the place of dropped lines.
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

/// The note in the place of dropped lines.
fn note(dropped: u64) -> String {
    let mut line = String::new();
    // If the time cannot be formatted, the rest of the line stays.
    let _ = SystemTime.format_time(&mut Writer::new(&mut line));
    line.push_str(&format!(
        "  WARN extism::log: {dropped} lines were dropped, only {LIMIT} bytes can wait\n"
    ));
    line
}
