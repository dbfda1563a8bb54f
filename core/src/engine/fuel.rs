//! Whether the fuel of a call has sufficed.

use super::{Instance, erased::errand};
use crate::base::{
    error::{Error, ErrorKind, Result},
    ids::EntryId,
};

/// What a call ended with, once it is known whether its fuel sufficed. `overdrawn` is the function of the
/// guests that says so.
///
/// # Errors
/// `OutOfFuel`, which waits in the host state as failures of host functions do; or what it ended with.
pub(crate) fn judge<I: Instance>(
    instance: &mut I,
    overdrawn: EntryId,
    status: Result<i32>,
) -> Result<i32> {
    // Before the host was called, there was enough.
    if instance.host().has_failed() {
        return status;
    }
    match (errand(instance, overdrawn), status) {
        (Ok(0), status) => status,
        (Ok(_), status) => {
            instance.host().run_dry();
            status.and_then(|_| Err(Error::new(ErrorKind::OutOfFuel, "there is no fuel left")))
        }
        (Err(failed), status) => status.and(Err(failed)),
    }
}
