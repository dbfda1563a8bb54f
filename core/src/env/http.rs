//! `http_request` and what it leaves behind.
//!
//! This build has no HTTP client: a request is refused by name, so that a guest which only
//! *imports* the function runs, and one that calls it gets a clear error and never an empty answer.

use crate::{
    engine::guest::Caller,
    error::{Error, ErrorKind, Result},
};

/// What the last request left behind.
#[derive(Debug, Default)]
pub(crate) struct Http {
    status: u16,
}

/// `http_request(request, body) -> response`.
pub(super) fn request(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    super::argument(caller, "http_request", "body", slots[1])?;
    super::argument(caller, "http_request", "request", slots[0])?;
    caller.free(slots[1]);
    caller.free(slots[0]);
    caller.host().http.status = 0;
    Err(Error::new(
        ErrorKind::Unsupported,
        "`http_request`: this build of polyextism has no HTTP client",
    ))
}

/// `http_status_code() -> status`: 0 before any request and after a failed one.
pub(super) fn status_code(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    slots[0] = u64::from(caller.host().http.status);
    Ok(())
}

/// `http_headers() -> headers`: the null handle, because the host has not enabled them.
pub(super) fn headers(_: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    slots[0] = 0;
    Ok(())
}
