//! Host memory whose size a guest decides.
//!
//! Allocating can fail, because the process may be out of memory. It imports only `base`. Invariant: every host
//! allocation whose size a guest decides goes through here.

use std::fmt;

use super::error::{Error, ErrorKind, Result};

/// A copy of bytes whose number a guest decides. `what` is the subject of the error message.
///
/// # Errors
/// `HostFunction` if the host is out of memory.
pub(crate) fn bytes(bytes: &[u8], what: impl fmt::Display) -> Result<Vec<u8>> {
    let mut taken = room(bytes.len(), what)?;
    taken.extend_from_slice(bytes);
    Ok(taken)
}

/// An empty buffer with this capacity.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn room(length: usize, what: impl fmt::Display) -> Result<Vec<u8>> {
    let mut room = Vec::new();
    match room.try_reserve_exact(length) {
        Ok(()) => Ok(room),
        Err(error) => {
            let message = format!("{what} has {length} bytes, for which the host has no memory");
            Err(Error::new(ErrorKind::HostFunction, message).with_source(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::room;

    #[test]
    fn what_has_no_room_is_an_error() {
        assert_eq!(room(5, "it").map(|room| room.capacity()).ok(), Some(5));
        let error = room(isize::MAX as usize, "`f`: the key").expect_err("nobody has so much");
        let expected = format!(
            "`f`: the key has {} bytes, for which the host has no memory",
            isize::MAX
        );
        assert_eq!(error.to_string(), expected);
    }
}
