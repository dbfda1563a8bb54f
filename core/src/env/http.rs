//! `http_request` and what it leaves behind (ABI.md 1.4).
//!
//! It understands the guest's side of a request: its JSON, its handles, the status and the headers
//! that can be asked for afterwards. What may be sent and how is the module `http`'s.
//!
//! Invariant: status and headers are those of the last request, and those of a failed one are none.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;

use crate::{
    alarm::Alarm,
    engine::guest::Caller,
    error::{Error, ErrorKind, Result},
    http::{
        DEFAULT_RESPONSE_BYTES, DEFAULT_TIMEOUT, Failure, HttpClient, HttpOptions, HttpResponse,
        Patience, Policy, Request, Terms, fetch,
    },
    manifest::{self, Manifest},
};

const NAME: &str = "http_request";

/// How much later than at the deadline a request is given up whatever the alarm says.
const GRACE: Duration = Duration::from_secs(1);

/// What the requests of a plug-in are sent under, and what the last one left behind.
#[derive(Default)]
pub(crate) struct Http {
    settings: Arc<Settings>,
    /// Of this plug-in alone; the settings say it for all.
    allowed: Headers,
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
}

/// What the requests of a plug-in are sent under; shared by its instances.
#[derive(Default)]
pub(crate) struct Settings {
    policy: Policy,
    client: Option<Arc<dyn HttpClient>>,
    max_bytes: u64,
    headers: Headers,
}

/// Whether guests can read the headers of responses.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Headers {
    #[default]
    Hidden,
    Readable,
}

impl Settings {
    /// # Errors
    /// `Manifest` if a pattern of `allowed_hosts` is wrong.
    pub(crate) fn new(manifest: &Manifest, options: &HttpOptions) -> Result<Self> {
        let max_bytes = manifest.memory.max_http_response_bytes;
        let hosts = manifest.allowed_hosts.as_deref().unwrap_or_default();
        Ok(Self {
            policy: Policy::listed(hosts).map_err(manifest::wrong)?,
            client: options.client.clone(),
            max_bytes: max_bytes.unwrap_or(DEFAULT_RESPONSE_BYTES),
            headers: match options.response_headers {
                true => Headers::Readable,
                false => Headers::Hidden,
            },
        })
    }
}

impl Http {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Has guests read the headers of responses, whatever the settings say.
    pub(crate) fn show_headers(&mut self) {
        self.allowed = Headers::Readable;
    }

    fn are_readable(&self) -> bool {
        [self.settings.headers, self.allowed].contains(&Headers::Readable)
    }
}

/// The text of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    method: Option<String>,
}

impl Patience for Alarm {
    fn slice(&self) -> Duration {
        self.patience()
    }

    fn attend(&self, _: u64, _: Option<u64>) -> Result<()> {
        self.attend()
    }
}

/// `http_request(request, body) -> response`: frees both; the null handle for an empty response.
pub(super) fn request(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    let http = &mut caller.host().http;
    (http.status, http.headers) = (0, Vec::new());
    let settings = http.settings.clone();
    let body = super::argument(caller, NAME, "body", slots[1])?;
    let text = super::argument(caller, NAME, "request", slots[0])?;
    let request = understand(&text, (slots[1] != 0).then_some(body))?;
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
    // The library would take the fields from a list as well.
    if text.trim_ascii_start().first() != Some(&b'{') {
        let why = "the request is wrong: it is no JSON object";
        return Err(super::failed(NAME, why));
    }
    let text = serde_json::from_slice::<Text>(text)
        .map_err(|error| super::failed(NAME, format_args!("the request is wrong: {error}")))?;
    Request::new(text.method.as_deref(), &text.url, &text.headers, body)
        .map_err(|wrong| super::failed(NAME, wrong.why))
}

fn send(request: Request, settings: &Settings, alarm: &Alarm) -> Result<HttpResponse> {
    alarm.attend()?;
    let remaining = alarm.remaining();
    let terms = Terms {
        policy: &settings.policy,
        client: settings.client.as_deref(),
        max_bytes: settings.max_bytes,
        limit_name: "memory.max_http_response_bytes",
        timeout: remaining.unwrap_or(DEFAULT_TIMEOUT),
        // The alarm itself is to say when a deadline has passed.
        grace: remaining.map_or(Duration::ZERO, |_| GRACE),
        patience: alarm,
    };
    fetch(request, &terms).map_err(|failure| match failure {
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

/// `http_headers() -> headers`: a JSON object, where of the values of one name the last counts and
/// those that are no text are left out; the null handle unless the host has enabled it.
pub(super) fn headers(caller: &mut Caller<'_>, slots: &mut [u64]) -> Result<()> {
    slots[0] = 0;
    let http = &caller.host().http;
    if !http.are_readable() {
        return Ok(());
    }
    let text = |(name, value): &(String, Vec<u8>)| {
        let visible = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
        let value = str::from_utf8(value).ok().filter(|_| visible)?;
        Some((name.clone(), value.to_owned()))
    };
    let headers = http.headers.iter().filter_map(text);
    let json = serde_json::to_vec(&headers.collect::<BTreeMap<_, _>>());
    let json = json.map_err(|error| {
        let message = "`http_headers`: the headers have no JSON";
        Error::new(ErrorKind::HostFunction, message).with_source(error)
    })?;
    slots[0] = caller.write(&json)?;
    Ok(())
}
