//! The request that a redirect asks for (RFC 9110, 15.4; the Fetch standard where the RFC leaves a choice).
//!
//! It handles one hop and knows no policy. `fetch` counts hops and checks their targets.

use ureq::http::Method;

use super::{
    headers,
    request::{self, Request},
    shown,
};

/// The most redirects that are followed for one request.
pub(crate) const MOST: usize = 5;

/// Turns the request into the one that the response asks for; `false` if it asks for none.
///
/// # Errors
/// Why the redirect is not followed.
pub(crate) fn follow(
    request: &mut Request,
    status: u16,
    location: Option<&[u8]>,
) -> Result<bool, String> {
    let (true, Some(location)) = (matches!(status, 301 | 302 | 303 | 307 | 308), location) else {
        return Ok(false);
    };
    let Ok(location) = str::from_utf8(location) else {
        return Err("the target of a redirect is not UTF-8".to_owned());
    };
    let wrong = |why: String| format!("a redirect leads to `{}`: {why}", shown(location));
    let url = request.url.join(location);
    let mut url = url.map_err(|error| wrong(format!("it is no URL: {error}")))?;
    request::check(&url).map_err(wrong)?;
    if url.as_str().len() > headers::LARGEST_HEAD {
        return Err(wrong("it is too long".to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it has user information".to_owned()));
    }
    if request.url.scheme() == "https" && url.scheme() == "http" {
        return Err(wrong("it leaves https".to_owned()));
    }
    url.set_fragment(None);
    let becomes_get = match status {
        301 | 302 => request.method == Method::POST,
        303 => request.method != Method::GET && request.method != Method::HEAD,
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body = None;
        headers::drop_body(&mut request.headers);
    }
    if url.origin() != request.url.origin() {
        headers::drop_secrets(&mut request.headers);
    }
    request.url = url;
    Ok(true)
}
