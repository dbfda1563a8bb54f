//! HTTP requests of guests, and downloads of modules.
//!
//! `request` reads requests of guests and manifests strictly. `policy` says which hosts and addresses they may
//! reach. `fetch` sends a request, follows redirects by the rules of `redirect` and checks the policy before each
//! hop. `wire` sends one hop, unless the user provides an [`HttpClient`].
//!
//! It may import `base` and `process`, and knows neither guests nor engines. Invariants: a URL is parsed once, and
//! the checked URL is the one that is sent; a host name is resolved once for each hop, and the checked address is
//! the one that is connected to; nothing is read from the environment or kept between requests: no proxies, cookies
//! or open connections.

mod fetch;
mod headers;
mod policy;
mod redirect;
mod request;
mod wire;

#[cfg(test)]
mod fetch_tests;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

pub(crate) use self::{
    fetch::{Conditions, Failure, Patience, fetch},
    policy::Policy,
    request::Request,
};
use crate::base::{error::Result, setters::setters};

/// The most bytes of a response when the manifest names no limit.
pub(crate) const DEFAULT_RESPONSE_BYTES: u64 = 50 << 20;

/// How long a request of a guest may take, with its redirects, if its call has no deadline.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the download of a module may take.
pub(crate) const MODULE_TIMEOUT: Duration = Duration::from_secs(30);

/// A request for an [`HttpClient`]. Its host was already checked.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method, in upper case.
    pub method: String,
    /// The URL, without a fragment and without user information (which is a header).
    pub url: String,
    /// The headers, with names in lower case. `host` and headers that frame the body are not included.
    pub headers: Vec<(String, String)>,
    /// The body. It may be empty.
    pub body: Vec<u8>,
    /// How long the request may take.
    pub timeout: Duration,
}

/// A response of an [`HttpClient`]. It may be a redirect, whose target is checked and requested like any other.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status, 100 to 999.
    pub status: u16,
    /// The headers in order, with names in any case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, decoded.
    pub body: Vec<u8>,
}

/// An HTTP client that replaces the built-in one. Closures implement it.
///
/// It runs on the thread of the call. If it follows redirects itself, it must check their targets itself.
pub trait HttpClient: Send + Sync {
    /// Sends a request and returns the response to it.
    ///
    /// # Errors
    /// Any error. The call of the guest fails with it.
    fn send(&self, request: HttpRequest) -> Result<HttpResponse>;
}

impl<F: Fn(HttpRequest) -> Result<HttpResponse> + Send + Sync> HttpClient for F {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        self(request)
    }
}

/// The progress of a download.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The position of the module in the manifest.
    pub module: usize,
    /// The bytes received so far.
    pub received: u64,
    /// The total number of bytes, if the server announces it.
    pub total: Option<u64>,
}

/// The settings of HTTP requests of guests and of downloads of modules.
#[non_exhaustive]
#[derive(Clone)]
pub struct HttpOptions {
    /// Sends all requests in place of the built-in client.
    pub client: Option<Arc<dyn HttpClient>>,
    /// Whether guests can read the headers of responses.
    pub response_headers: bool,
    /// Gets the progress of downloads, on the thread that compiles: at least every 50 ms, and once at the end. An
    /// error ends the download.
    pub progress: Option<Arc<dyn Fn(Progress) -> Result<()> + Send + Sync>>,
    /// The most bytes of a module behind a URL.
    pub max_module_bytes: u64,
}

impl HttpOptions {
    /// The most bytes of a module behind a URL, unless another limit is set: 64 MiB.
    pub const MAX_MODULE_BYTES: u64 = 64 << 20;

    /// The same with this [`client`](Self::client).
    #[must_use]
    pub fn with_client(mut self, client: impl HttpClient + 'static) -> Self {
        self.client = Some(Arc::new(client));
        self
    }

    /// The same with this [`progress`](Self::progress).
    #[must_use]
    pub fn with_progress(
        mut self,
        progress: impl Fn(Progress) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }
}

setters!(HttpOptions {
    with_response_headers = response_headers: bool,
    with_max_module_bytes = max_module_bytes: u64,
});

setters!(HttpResponse {
    with_headers = headers: Vec<(String, Vec<u8>)>,
    with_body = body: Vec<u8>,
});

impl HttpResponse {
    /// A response without headers and with an empty body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            client: None,
            response_headers: false,
            progress: None,
            max_module_bytes: Self::MAX_MODULE_BYTES,
        }
    }
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions")
            .field("client", &self.client.as_ref().map(|_| "…"))
            .field("response_headers", &self.response_headers)
            .field("progress", &self.progress.as_ref().map(|_| "…"))
            .field("max_module_bytes", &self.max_module_bytes)
            .finish()
    }
}

/// Text from outside, cut for a message.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
