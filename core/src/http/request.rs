//! A request, read from a guest or a manifest.
//!
//! It knows no policy and sends nothing. Invariant: the text of the URL is parsed once, into `url`. All checks and
//! sends use that.

use std::{collections::BTreeMap, sync::Arc};

use ureq::http::{HeaderMap, Method, Uri};
use url::{Position, Url};

use super::{headers, shown};

/// The methods of HTTP/1.1.
const METHODS: &[Method] = &[
    Method::CONNECT,
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::OPTIONS,
    Method::PATCH,
    Method::POST,
    Method::PUT,
    Method::TRACE,
];

/// A request that can be sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// `None` is no body, which differs from an empty one.
    pub(crate) body: Option<Arc<Vec<u8>>>,
}

/// A mistake in a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The field of a manifest with the mistake.
    pub(crate) field: &'static str,
    pub(crate) why: String,
}

impl Request {
    /// Reads a request. The method may be in any case; the default is `GET`.
    ///
    /// # Errors
    /// The first mistake.
    pub(crate) fn new(
        method: Option<&str>,
        url: &str,
        headers: &BTreeMap<String, String>,
        body: Option<Vec<u8>>,
    ) -> Result<Self, Wrong> {
        let wrong = |field| move |why| Wrong { field, why };
        let method = self::method(method.unwrap_or("GET")).map_err(wrong("method"))?;
        let mut url = parse(url).map_err(wrong("url"))?;
        let length = body.as_ref().map_or(0, Vec::len);
        let headers = headers::read(headers, &url, length).map_err(wrong("headers"))?;
        strip(&mut url);
        Ok(Self {
            method,
            url,
            headers,
            body: body.map(Arc::new),
        })
    }

    /// The URL in the type of the client. It is built from the parts of the parsed URL, so nothing that decides the
    /// target is parsed twice.
    pub(crate) fn uri(&self) -> Option<Uri> {
        let host = self.url.host_str()?;
        let authority = match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let path = &self.url[Position::BeforePath..Position::AfterQuery];
        let uri = Uri::builder().scheme(self.url.scheme());
        let uri = uri.authority(authority).path_and_query(path);
        uri.build().ok().filter(|uri| uri.host() == Some(host))
    }

    /// The target for messages, without the path, which may hold secrets.
    pub(crate) fn place(&self) -> String {
        let origin = &self.url[..Position::BeforePath];
        shown(origin)
    }
}

fn method(text: &str) -> Result<Method, String> {
    let upper = text.to_ascii_uppercase();
    let method = METHODS.iter().find(|method| method.as_str() == upper);
    method.cloned().ok_or_else(|| {
        let allowed = METHODS.iter().map(Method::as_str).collect::<Vec<_>>();
        let (text, allowed) = (shown(text), allowed.join(", "));
        format!("the method is `{text}`, allowed are {allowed}")
    })
}

/// Parses a URL.
///
/// # Errors
/// If it is not a URL with the scheme `http` or `https`.
pub(crate) fn parse(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{}` is no URL: {error}", shown(text)))?;
    check(&url)?;
    Ok(url)
}

/// Refuses a URL with another scheme than `http` and `https`, or with port 0.
///
/// # Errors
/// Why it is refused.
pub(crate) fn check(url: &Url) -> Result<(), String> {
    if !["http", "https"].contains(&url.scheme()) {
        let scheme = shown(url.scheme());
        return Err(format!(
            "the URL has the scheme `{scheme}`, allowed are `http` and `https`"
        ));
    }
    if url.port() == Some(0) {
        return Err("the URL has the port 0".to_owned());
    }
    Ok(())
}

/// Removes the parts that are not sent.
fn strip(url: &mut Url) {
    url.set_fragment(None);
    // An HTTP URL has a host, so removing these cannot fail.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}
