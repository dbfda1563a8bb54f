//! Copies of bytes of guests: the one place where the host allocates as much as a guest says.
//!
//! A block of a guest may have gigabytes that the process does not have. So callers bound the size, allocating can
//! fail, and bytes are copied in pieces, with a check of the alarm between them. It knows neither builtins nor
//! engines.
//!
//! Invariant: no other code of the builtins and of host functions copies blocks of guests; a test looks for it.

use std::fmt;

use super::caller::Caller;
use crate::base::{error::Result, taken::room};

/// How many bytes are copied between two checks of the alarm. This takes some hundred microseconds.
const PIECE: usize = 1 << 20;

/// A copy of the block at `offset`, at most its first `most` bytes. The null handle and other offsets are empty.
/// `what` is the subject of the message.
///
/// # Errors
/// `HostFunction` if the host is out of memory; the reason why the call has to end.
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
