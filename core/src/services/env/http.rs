//! `http_request`, `http_status_code` and `http_headers` (docs/abi.md, "Builtins").
//!
//! It handles the guest's side of a request: its JSON, its handles, and the status and headers of the response. The
//! folder `http` checks and sends requests.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use crate::{
    base::error::{Error, ErrorKind, Result},
    deadline::alarm::Alarm,
    host::http::Settings,
    http::{Conditions, DEFAULT_TIMEOUT, Failure, HttpResponse, Patience, Request, fetch, shown},
    kernel::caller::Caller,
};

const NAME: &str = "http_request";

/// The longest text of a request. Its content is shorter, but may be written in escapes.
const LONGEST_TEXT: usize = 1 << 20;

/// How long after the deadline a request ends even if the alarm has not ended it.
const GRACE: Duration = Duration::from_secs(1);

/// The text of a request. Language kits of version 0.x use `header`, the MoonBit kit uses `http_method`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    url: String,
    #[serde(default, alias = "header")]
    headers: BTreeMap<String, String>,
    #[serde(default, alias = "http_method")]
    method: Option<String>,
}

impl Patience for Alarm {
    fn slice(&self) -> Duration {
        self.patience()
    }

    fn check_interrupt(&self, _: u64, _: Option<u64>) -> Result<()> {
        self.check_interrupt()
    }
}

/// `http_request(request, body) -> response`: frees both; the null handle for an empty response.
pub(super) fn request(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    let http = &mut caller.host().http;
    (http.status, http.headers) = (0, Vec::new());
    let settings = http.settings.clone();
    let body = super::argument(caller, NAME, "body", slots[1])?;
    let text = super::argument(caller, NAME, "request", slots[0])?;
    if text.length > LONGEST_TEXT {
        let length = text.length;
        let why =
            format_args!("the request has {length} bytes, at most {LONGEST_TEXT} are allowed");
        return Err(super::failed(NAME, why));
    }
    let text = text.take(caller)?;
    let body = match body.offset {
        0 => None,
        _ => Some(body.take(caller)?),
    };
    let request = understand(&text, body)?;
    let response = send(request, &settings, &caller.host().alarm())?;
    let body = caller.write(&response.body)?;
    caller.free(slots[1]);
    caller.free(slots[0]);
    let http = &mut caller.host().http;
    http.status = response.status;
    if http.are_readable() {
        http.headers = response.headers;
    }
    slots[0] = body;
    Ok(())
}

fn understand(text: &[u8], body: Option<Vec<u8>>) -> Result<Request> {
    // The library would also accept a list of the values.
    if text.trim_ascii_start().first() != Some(&b'{') {
        let why = "the request is wrong: it is no JSON object";
        return Err(super::failed(NAME, why));
    }
    let text = serde_json::from_slice::<Text>(text).map_err(|error| {
        // Its messages quote unknown fields.
        let error = shown(&error.to_string());
        super::failed(NAME, format_args!("the request is wrong: {error}"))
    })?;
    Request::new(text.method.as_deref(), &text.url, &text.headers, body)
        .map_err(|wrong| super::failed(NAME, wrong.why))
}

fn send(request: Request, settings: &Settings, alarm: &Alarm) -> Result<HttpResponse> {
    alarm.check_interrupt()?;
    let remaining = alarm.remaining();
    let conditions = Conditions {
        policy: &settings.policy,
        client: settings.client.as_deref(),
        max_bytes: settings.max_bytes,
        limit_name: "memory.max_http_response_bytes",
        timeout: remaining.unwrap_or(DEFAULT_TIMEOUT),
        // The alarm reports the deadline.
        grace: remaining.map_or(Duration::ZERO, |_| GRACE),
        patience: alarm,
    };
    fetch(request, &conditions).map_err(|failure| match failure {
        Failure::Stopped(error) => error,
        Failure::Failed { why, source } => {
            let error = super::failed(NAME, why);
            match source {
                Some(source) => error.with_source(source),
                None => error,
            }
        }
    })
}

/// `http_status_code() -> status`: 0 before any request and after a failed one.
pub(super) fn status_code(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    slots[0] = u64::from(caller.host().http.status);
    Ok(())
}

/// `http_headers() -> headers`: a JSON object. Of several values of one name the last counts; values that are not
/// text are left out. The null handle unless the host has enabled it.
pub(super) fn headers(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    slots[0] = 0;
    let http = &caller.host().http;
    if !http.are_readable() {
        return Ok(());
    }
    let visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    let visible = (http.headers.iter()).filter(|(_, value)| value.iter().all(visible));
    let headers =
        visible.filter_map(|(name, value)| Some((name.as_str(), str::from_utf8(value).ok()?)));
    let json = serde_json::to_vec(&headers.collect::<BTreeMap<_, _>>());
    let json = json.map_err(|error| {
        let message = "`http_headers`: the headers have no JSON";
        Error::new(ErrorKind::HostFunction, message).with_source(error)
    })?;
    slots[0] = caller.write(&json)?;
    Ok(())
}
