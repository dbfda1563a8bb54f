//! Bytes of guests that the host makes its own: the one place where it allocates as much as a guest says.
//!
//! A block of a guest's may have gigabytes, and the process may have none left. So what is taken is looked at
//! before (callers say how much they want at most), allocated so that it can fail, and copied in pieces, between
//! which the alarm is asked. It knows neither builtins nor engines.
//!
//! Invariant: no other code of the builtins and of host functions copies blocks of guests; a test looks for it.

use std::fmt;

use super::caller::Caller;
use crate::base::{error::Result, taken::room};

/// How many bytes are copied before the alarm is asked: some hundred microseconds.
const PIECE: usize = 1 << 20;

/// A copy of the block at `offset`, of its first `most` bytes if it has more. The null handle and what is no
/// block are empty. `what` is the subject of the message.
///
/// # Errors
/// `HostFunction` if the host has no memory for it; why the call has to end.
pub(crate) fn block(
    caller: &mut Caller<'_>,
    offset: u64,
    most: usize,
    what: impl fmt::Display,
) -> Result<Vec<u8>> {
    let length = caller.read(offset).len().min(most);
    let mut taken = room(length, what)?;
    if length <= PIECE {
        taken.extend_from_slice(&caller.read(offset)[..length]);
        return Ok(taken);
    }
    let alarm = caller.host().alarm();
    while taken.len() < length {
        alarm.check_interrupt()?;
        let piece = taken.len()..length.min(taken.len() + PIECE);
        taken.extend_from_slice(&caller.read(offset)[piece]);
    }
    Ok(taken)
}
