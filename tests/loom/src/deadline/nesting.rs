//! A stand-in for calls within calls, of which there are none here.

use std::time::Duration;

use crate::{base::error::Result, deadline::alarm::Alarm};

pub(crate) fn is_within() -> bool {
    false
}

#[expect(clippy::unnecessary_wraps, reason = "the one of core can fail")]
pub(crate) fn limit(timeout: Option<Duration>) -> Result<Option<Duration>> {
    Ok(timeout)
}

#[expect(clippy::unnecessary_wraps, reason = "the one of core can fail")]
pub(crate) fn check_calls_around(_: &Alarm) -> Result<()> {
    Ok(())
}
