//! Checks whether the fuel of a call was sufficient.

use super::{Instance, erased::internal_call};
use crate::base::{
    error::{Error, ErrorKind, Result},
    ids::EntryId,
};

/// The outcome of a call after checking its fuel. `overdrawn` is the guest function that says whether fuel was
/// sufficient.
///
/// # Errors
/// `OutOfFuel`, which is stored in the host state like a failed host function; else the failure of the call.
pub(crate) fn judge<I: Instance>(
    instance: &mut I,
    overdrawn: EntryId,
    status: Result<i32>,
) -> Result<i32> {
    // Until the host was called, fuel was sufficient.
    if instance.host().has_failed() {
        return status;
    }
    match (internal_call(instance, overdrawn), status) {
        (Ok(0), status) => status,
        (Ok(_), status) => {
            instance.host().run_dry();
            status.and_then(|_| Err(Error::new(ErrorKind::OutOfFuel, "there is no fuel left")))
        }
        (Err(failed), status) => status.and(Err(failed)),
    }
}
