//! The deadline of a call, for host code that blocks.
//!
//! Whoever blocks on behalf of a guest asks [`Alarm::remaining`] how long it may, and looks at
//! [`Alarm::attend`] at least every 50 ms.

use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};

/// When the running call of a plug-in must end.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    deadline: Option<Instant>,
}

impl Alarm {
    /// The time to the deadline of the running call; `None` if it has none.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether the call may go on.
    ///
    /// # Errors
    /// `Timeout` if the deadline has passed.
    pub(crate) fn attend(&self) -> Result<()> {
        match self.remaining() {
            Some(Duration::ZERO) => Err(Error::new(
                ErrorKind::Timeout,
                "the deadline of the call has passed",
            )),
            _ => Ok(()),
        }
    }

    /// An alarm that goes off after `time`.
    #[cfg(test)]
    pub(crate) fn after(time: Duration) -> Self {
        let deadline = Some(Instant::now() + time);
        Self { deadline }
    }
}
