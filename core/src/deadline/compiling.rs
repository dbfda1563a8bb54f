//! One that waits until something is compiled.
//!
//! It does not know what is compiled, nor on which threads. Invariant: compiling within a call, in a host
//! function, is waited for no longer than the call may take.

use std::time::{Duration, Instant};

use crate::{
    base::error::{Error, ErrorKind, Result},
    deadline::nesting,
};

/// One that waits, from now on.
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
            // One that is beyond the clock never comes.
            limit: timeout.and_then(|timeout| Some((timeout, end(timeout)?))),
            check,
        }
    }

    /// Looks whether to wait any longer.
    ///
    /// # Errors
    /// `Timeout`; why a call around has to end; what the check of the user fails with.
    pub(crate) fn check_interrupt(&self) -> Result<()> {
        nesting::check_interrupt()?;
        if let Some((limit, end)) = self.limit
            && Instant::now() >= end
        {
            let message = format!("compiling did not end within its time limit of {limit:?}");
            return Err(Error::new(ErrorKind::Timeout, message));
        }
        self.check.map_or(Ok(()), |check| check())
    }
}
