//! Checks whether the fuel of a call was sufficient.

use super::{Instance, erased::internal_call};
use crate::base::{error::Result, ids::EntryId};

/// The outcome of a call after checking its fuel. `paid` is the guest function that asks for fuel if more was used
/// than the guests had.
///
/// # Errors
/// `OutOfFuel`, which is stored in the host state like a failed host function; else the failure of the call.
pub(crate) fn judge<I: Instance>(
    instance: &mut I,
    paid: EntryId,
    status: Result<i32>,
) -> Result<i32> {
    // Until the host was called, fuel was sufficient.
    if instance.host().has_failed() {
        return status;
    }
    match (internal_call(instance, paid), status) {
        (Ok(_), status) => status,
        (Err(failed), status) => status.and(Err(failed)),
    }
}
