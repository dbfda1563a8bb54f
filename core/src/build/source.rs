//! Gets the bytes of a module. No other file downloads modules or asks [`files`] for them.
//!
//! Downloads are bounded in size and time. `allowed_hosts` is for guests and does not apply; the rules for
//! redirects and addresses do. The hash is checked before anything else reads the bytes.
//!
//! Text is assembled here, so all later stages get binaries. Files and text are bounded in size before they are read,
//! and the wait for them ends like the wait for compiling.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _, path::Path, time::Duration};

use sha2::{Digest as _, Sha256};

use crate::{
    base::error::{Error, ErrorKind, Result},
    build::files::{self, Unread},
    deadline::compiling::CompileWait,
    http::{
        Conditions, Failure, HttpOptions, MODULE_TIMEOUT, Patience, Policy, Progress, Request,
        fetch,
    },
    manifest::{Manifest, Source, Wasm, wrong},
    process::threads,
};

/// How often a download checks whether to go on.
const SLICE: Duration = Duration::from_millis(50);

/// Text may have this part of the bytes of a binary: assembling takes up to 90 bytes of memory for each.
const TEXT_PART: u64 = 4;

/// What editors of Windows put before a text.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Text of so many bytes is assembled at once, without a thread.
const SHORT_TEXT: usize = 16 << 10;

/// The conditions of downloads.
pub(crate) struct Downloads<'a> {
    http: &'a HttpOptions,
    timeout: Duration,
}

impl<'a> Downloads<'a> {
    pub(crate) fn new(manifest: &Manifest, http: &'a HttpOptions) -> Self {
        let timeout = manifest.timeout_ms.map(Duration::from_millis);
        let timeout = timeout.map_or(MODULE_TIMEOUT, |timeout| timeout.min(MODULE_TIMEOUT));
        Self { http, timeout }
    }
}

/// The binary of the module at `wasm[index]`. A file may have `limit` bytes, text a part of it.
///
/// # Errors
/// `Manifest` if it cannot be read, `InvalidModule` if it is too large or its text cannot be assembled, the error of
/// the user's HTTP client or progress function, or the reason to stop waiting.
pub(crate) fn read<'a>(
    wasm: &'a Wasm,
    index: usize,
    limit: u64,
    downloads: &Downloads<'_>,
    wait: &mut CompileWait<'_>,
) -> Result<Cow<'a, [u8]>> {
    let bytes = match &wasm.source {
        Source::Data(data) => Cow::Borrowed(data.as_slice()),
        Source::Path(path) => Cow::Owned(read_file(path, index, limit, wait)?),
        Source::Url {
            url,
            method,
            headers,
        } => {
            let given = Given {
                url,
                method: method.as_deref(),
                headers,
            };
            Cow::Owned(wait.pause(|| download(&given, index, downloads))?)
        }
    };
    if let Some(expected) = &wasm.hash {
        let found = Sha256::digest(&bytes);
        if found[..] != expected.0 {
            let mut hex = String::new();
            found.iter().for_each(|byte| _ = write!(hex, "{byte:02x}"));
            return Err(wrong(format_args!(
                "wasm[{index}].hash: the module has the SHA-256 {hex}, expected {expected}"
            )));
        }
    }
    match is_text(&bytes) {
        true => assemble_within(bytes, index, limit, wait).map(Cow::Owned),
        // The reader of modules checks it.
        false => Ok(bytes),
    }
}

/// The binary of the bytes of the module at `wasm[index]`, whatever its size.
///
/// # Errors
/// `InvalidModule` if it is text that cannot be assembled.
pub(crate) fn binary(bytes: Cow<'_, [u8]>, index: usize) -> Result<Cow<'_, [u8]>> {
    match is_text(&bytes) {
        true => assemble(&bytes, index).map(Cow::Owned),
        false => Ok(bytes),
    }
}

/// Whether the bytes are WebAssembly text: only comments can come before a parenthesis.
fn is_text(bytes: &[u8]) -> bool {
    let text = str::from_utf8(bytes).unwrap_or("");
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_start();
    text.starts_with(['(', ';'])
}

/// Assembles text that is not too long, and waits for it no longer than `wait` says.
fn assemble_within(
    bytes: Cow<'_, [u8]>,
    index: usize,
    limit: u64,
    wait: &CompileWait<'_>,
) -> Result<Vec<u8>> {
    let (found, most) = (bytes.len(), limit / TEXT_PART);
    if found as u64 > most {
        let needed = (found as u64).saturating_mul(TEXT_PART);
        return Err(Error::new(
            ErrorKind::InvalidModule,
            format!(
                "wasm[{index}] has {found} bytes of WebAssembly text, at most {most} are allowed; assemble it to a \
                 binary, or raise the limit `module_bytes` to {needed}"
            ),
        ));
    }
    if found <= SHORT_TEXT {
        return assemble(&bytes, index);
    }
    let text = bytes.into_owned();
    threads::run(move || assemble(&text, index), &|| wait.check_interrupt())
}

fn assemble(bytes: &[u8], index: usize) -> Result<Vec<u8>> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    wat::parse_bytes(text)
        .map(Cow::into_owned)
        .map_err(|error| {
            // The rest of the message shows the source line; the position suffices.
            let text = error.to_string();
            let mut lines = text.lines();
            let what = lines.next().unwrap_or_default();
            let place = lines.next().and_then(|line| line.split("<anon>:").nth(1));
            let place = place.map_or_else(String::new, |place| format!(" at {place}"));
            Error::new(
                ErrorKind::InvalidModule,
                format!("wasm[{index}] is not valid WebAssembly text: {what}{place}"),
            )
            .with_source(error)
        })
}

fn read_file(path: &Path, index: usize, limit: u64, wait: &CompileWait<'_>) -> Result<Vec<u8>> {
    files::read(path, limit, wait).map_err(|unread| match unread {
        Unread::Failed(error) => {
            let path = path.display();
            wrong(format_args!(
                "wasm[{index}].path: cannot read `{path}`: {error}"
            ))
            .with_source(error)
        }
        Unread::TooLarge => {
            let path = path.display();
            Error::new(
                ErrorKind::InvalidModule,
                format!("wasm[{index}].path: `{path}` has more bytes than the limit `module_bytes` allows, {limit}"),
            )
        }
        Unread::Stopped(error) => error,
    })
}

/// The fields of a download in the manifest.
struct Given<'a> {
    url: &'a str,
    method: Option<&'a str>,
    headers: &'a BTreeMap<String, String>,
}

fn download(given: &Given<'_>, index: usize, downloads: &Downloads<'_>) -> Result<Vec<u8>> {
    let failed = |why: String| wrong(format_args!("wasm[{index}].url: {why}"));
    let request = Request::new(given.method, given.url, given.headers, None);
    let request = request.map_err(|found| {
        let (field, why) = (found.field, found.why);
        wrong(format_args!("wasm[{index}].{field}: {why}"))
    })?;
    let place = request.place();
    let waiting = Waiting {
        module: index,
        http: downloads.http,
    };
    let conditions = Conditions {
        policy: &Policy::named(&request.url),
        client: downloads.http.client.as_deref(),
        max_bytes: downloads.http.max_module_bytes,
        limit_name: "a module",
        timeout: downloads.timeout,
        grace: Duration::ZERO,
        patience: &waiting,
    };
    let response = fetch(request, &conditions).map_err(|failure| match failure {
        Failure::Stopped(error) => error,
        Failure::Failed { why, source } => match source {
            Some(source) => failed(why).with_source(source),
            None => failed(why),
        },
    })?;
    let (status, body) = (response.status, response.body);
    if !(200..300).contains(&status) {
        return Err(failed(format!(
            "{place} answered with the status {status}, a module needs 200 to 299"
        )));
    }
    let length = body.len() as u64;
    waiting.check_interrupt(length, Some(length))?;
    Ok(body)
}

/// The caller that waits for a download.
struct Waiting<'a> {
    module: usize,
    http: &'a HttpOptions,
}

impl Patience for Waiting<'_> {
    fn slice(&self) -> Duration {
        SLICE
    }

    fn check_interrupt(&self, received: u64, total: Option<u64>) -> Result<()> {
        let progress = Progress {
            module: self.module,
            received,
            total,
        };
        match &self.http.progress {
            Some(tell) => tell(progress),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, time::Instant};

    use super::{
        BTreeMap, CompileWait, Downloads, Duration, HttpOptions, Manifest, Source, Wasm, read,
    };

    #[test]
    fn the_timeout_of_the_manifest_ends_a_download() {
        // The system accepts connections, and nothing answers.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has one");
        let wasm = Wasm::from(Source::Url {
            url: format!("http://{address}/"),
            method: None,
            headers: BTreeMap::new(),
        });
        let manifest = Manifest {
            timeout_ms: Some(120),
            ..Manifest::default()
        };
        let started = Instant::now();
        let http = HttpOptions::default();
        let downloads = Downloads::new(&manifest, &http);
        let found = read(&wasm, 3, 1 << 20, &downloads, &mut CompileWait::default());
        let found = found.map_err(|error| error.to_string());
        let expected = "manifest: wasm[3].url: there is no complete response after 120 ms";
        assert_eq!(found, Err(expected.to_owned()));
        assert!(started.elapsed() < Duration::from_secs(4));
    }
}
