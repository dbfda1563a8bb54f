//! The headers that a guest or a manifest gives to a request, and those that only the host sets.
//!
//! Invariant: the result has no line break and no framing header, so the bytes of a request are exactly one
//! request.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use super::shown;

/// The most bytes of a request's URL and headers together.
pub(crate) const LARGEST_HEAD: usize = 64 << 10;

/// Headers about the connection, which only the host sets.
const CONNECTION: &[&str] = &[
    "expect",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that describe a body.
const BODY: &[&str] = &[
    "content-encoding",
    "content-language",
    "content-location",
    "content-type",
];

/// Headers for one host only.
const SECRET: &[&str] = &["authorization", "cookie"];

/// The headers of a request to `url` with a body of `length` bytes.
///
/// # Errors
/// The first wrong header, and why.
pub(crate) fn read(
    given: &BTreeMap<String, String>,
    url: &Url,
    length: usize,
) -> Result<HeaderMap, String> {
    let size = given.iter().map(|(name, value)| name.len() + value.len());
    let size = size.sum::<usize>() + url.as_str().len();
    if size > LARGEST_HEAD {
        return Err(format!(
            "the URL and the headers have {size} bytes, at most {LARGEST_HEAD} are allowed"
        ));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let wrong = |why: &str| Err(format!("header `{}`: {why}", shown(name)));
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            return wrong("not a name that a header can have");
        };
        let Ok(text) = HeaderValue::from_str(value) else {
            return wrong("the value has a line break or another control character");
        };
        if CONNECTION.contains(&name.as_str()) {
            return wrong("it belongs to the connection, which is the host's");
        }
        // These must agree with what the host sends anyway.
        if name == header::HOST {
            if !is_host(value, url) {
                return wrong("it is not the host of the URL");
            }
        } else if name == header::CONTENT_LENGTH {
            if value.trim().parse() != Ok(length) {
                return wrong("it is not the length of the body");
            }
        } else if name == header::CONNECTION {
            if !["close", "keep-alive"].contains(&value.trim().to_lowercase().as_str()) {
                return wrong("only `close` and `keep-alive` are allowed");
            }
        } else if headers.try_append(name, text).is_err() {
            return Err("there are too many headers".to_owned());
        }
    }
    if !headers.contains_key(header::AUTHORIZATION)
        && let Some(value) = basic(url)
    {
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(headers)
}

fn is_host(value: &str, url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let value = value.trim();
    let port = url.port_or_known_default().unwrap_or_default();
    let bare = url.port().is_none() && value.eq_ignore_ascii_case(host);
    bare || value.eq_ignore_ascii_case(&format!("{host}:{port}"))
}

/// The user information of a URL as a header. The sent URL has none.
fn basic(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut text = percent_decode_str(url.username()).collect::<Vec<u8>>();
    text.push(b':');
    text.extend(percent_decode_str(url.password().unwrap_or_default()));
    let text = format!("Basic {}", BASE64_STANDARD.encode(text));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Removes headers that describe a body, because the body is no longer sent.
pub(crate) fn drop_body(headers: &mut HeaderMap) {
    BODY.iter().for_each(|&name| _ = headers.remove(name));
}

/// Removes headers for another host.
pub(crate) fn drop_secrets(headers: &mut HeaderMap) {
    SECRET.iter().for_each(|&name| _ = headers.remove(name));
}
