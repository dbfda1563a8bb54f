//! Sends a request and follows redirects until there is a response.
//!
//! Each hop is checked against the policy, whichever client sends it. It knows neither guests nor manifests;
//! callers complete its messages.

use std::{
    error::Error as StdError,
    time::{Duration, Instant},
};

use super::{
    HttpClient, HttpRequest, HttpResponse,
    policy::Policy,
    redirect,
    request::Request,
    shown,
    wire::{self, Outcome, Wire},
};
use crate::{
    base::{error::Error, taken},
    deadline::duration_text::DurationText,
};

/// Why there is no response.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The caller gave up, or the user's client failed. The error stays as it is.
    Stopped(Error),
    /// Any other failure, as a message.
    Failed {
        why: String,
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Failed { why, source: None }
    }
}

/// A caller that waits for a response.
pub(crate) trait Patience {
    /// The longest time between two calls of `check_interrupt`.
    fn slice(&self) -> Duration;

    /// Checks whether to go on, given the received and the announced number of bytes.
    ///
    /// # Errors
    /// The reason to stop.
    fn check_interrupt(&self, received: u64, total: Option<u64>) -> Result<(), Error>;
}

/// The conditions of a request.
pub(crate) struct Conditions<'a> {
    pub(crate) policy: &'a Policy,
    /// The user's own client.
    pub(crate) client: Option<&'a dyn HttpClient>,
    /// The most bytes of the response's body.
    pub(crate) max_bytes: u64,
    /// The name of the limit `max_bytes` in messages.
    pub(crate) limit_name: &'static str,
    /// How long everything may take together.
    pub(crate) timeout: Duration,
    /// How much later the request ends if `patience` has not ended it by then.
    pub(crate) grace: Duration,
    pub(crate) patience: &'a dyn Patience,
}

/// Sends `request` and returns the final response.
///
/// # Errors
/// If a hop is not allowed or fails, if there are too many hops, if the response is too large or too slow, or if
/// the caller gives up.
pub(crate) fn fetch(
    mut request: Request,
    conditions: &Conditions<'_>,
) -> Result<HttpResponse, Failure> {
    let started = Instant::now();
    for _ in 0..=redirect::MOST {
        let left = (conditions.timeout + conditions.grace).saturating_sub(started.elapsed());
        let response = hop(&request, conditions, left)?;
        let location = response.headers.iter().find(|(name, _)| name == "location");
        let location = location.map(|(_, value)| value.as_slice());
        if !redirect::follow(&mut request, response.status, location)? {
            return Ok(response);
        }
    }
    let most = redirect::MOST;
    Err(format!("there are more than {most} redirects").into())
}

fn hop(
    request: &Request,
    conditions: &Conditions<'_>,
    left: Duration,
) -> Result<HttpResponse, Failure> {
    let Some(permission) = conditions.policy.permission(&request.url) else {
        let host = shown(request.url.host_str().unwrap_or_default());
        return Err(format!("the host `{host}` is not allowed by allowed_hosts").into());
    };
    if left.is_zero() {
        return Err(too_late(conditions));
    }
    let Some(client) = conditions.client else {
        let most = conditions.max_bytes;
        return match wire::send(
            request,
            &Wire {
                permission,
                most,
                left,
            },
            conditions.patience,
        )? {
            Outcome::Response(response) => Ok(response),
            Outcome::TooLarge => Err(too_large(conditions)),
            Outcome::TooLate => Err(too_late(conditions)),
        };
    };
    let mut response = client
        .send(plain(request, left)?)
        .map_err(Failure::Stopped)?;
    let received = response.body.len() as u64;
    let checked = conditions
        .patience
        .check_interrupt(received, Some(received));
    checked.map_err(Failure::Stopped)?;
    if !(100..=999).contains(&response.status) {
        let status = response.status;
        return Err(format!("the HTTP client answered with the status {status}").into());
    }
    if received > conditions.max_bytes {
        return Err(too_large(conditions));
    }
    for (name, _) in &mut response.headers {
        name.make_ascii_lowercase();
    }
    Ok(response)
}

fn too_large(conditions: &Conditions<'_>) -> Failure {
    let (most, name) = (conditions.max_bytes, conditions.limit_name);
    format!("the response has more than {most} bytes, the limit of {name}").into()
}

fn too_late(conditions: &Conditions<'_>) -> Failure {
    let timeout = DurationText(conditions.timeout);
    format!("there is no complete response after {timeout}").into()
}

/// The request for the user's client.
///
/// # Errors
/// If the host is out of memory for the body.
fn plain(request: &Request, timeout: Duration) -> Result<HttpRequest, Failure> {
    let headers = request.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), value.into_owned())
    });
    let body = request.body.as_ref().map_or(&[][..], |body| body);
    Ok(HttpRequest {
        method: request.method.as_str().to_owned(),
        url: request.url.as_str().to_owned(),
        headers: headers.collect(),
        body: taken::bytes(body, "the body").map_err(|error| error.to_string())?,
        timeout,
    })
}
