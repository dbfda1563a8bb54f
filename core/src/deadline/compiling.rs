//! A wait until something is compiled.
//!
//! It knows neither what is compiled nor on which threads. Invariant: a host function that compiles waits no longer
//! than its call may take.

use std::time::{Duration, Instant};

use crate::{
    base::error::{Error, ErrorKind, Result},
    deadline::{duration_text::DurationText, nesting},
};

/// A wait that begins now.
#[derive(Default)]
pub struct CompileWait<'a> {
    /// The time limit, and when it has passed.
    limit: Option<(Duration, Instant)>,
    check: Option<&'a (dyn Fn() -> Result<()> + Send + Sync)>,
}

impl<'a> CompileWait<'a> {
    pub(crate) fn new(
        timeout: Option<Duration>,
        check: Option<&'a (dyn Fn() -> Result<()> + Send + Sync)>,
    ) -> Self {
        let end = |timeout| Instant::now().checked_add(timeout);
        Self {
            // A deadline that the clock cannot represent never comes.
            limit: timeout.and_then(|timeout| Some((timeout, end(timeout)?))),
            check,
        }
    }

    /// Does what has a time limit of its own: the time that it takes does not count.
    pub(crate) fn pause<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        if let Some((limit, end)) = self.limit {
            // As in `new`.
            self.limit = end.checked_add(begun.elapsed()).map(|later| (limit, later));
        }
        done
    }

    /// Checks whether to go on waiting.
    ///
    /// # Errors
    /// `Timeout`; the reason why an enclosing call has to end; the error of the user's check.
    pub(crate) fn check_interrupt(&self) -> Result<()> {
        nesting::check_interrupt()?;
        if let Some((limit, end)) = self.limit
            && Instant::now() >= end
        {
            let limit = DurationText(limit);
            let message = format!("compiling did not end within its time limit of {limit}");
            return Err(Error::new(ErrorKind::Timeout, message));
        }
        self.check.map_or(Ok(()), |check| check())
    }
}
