//! The HTTP state of a plug-in: the settings of its requests, and the status and headers of the last response.
//!
//! It sends nothing. Invariant: status and headers belong to the last request; a failed one has none.

use std::sync::Arc;

use crate::{
    base::error::Result,
    http::{DEFAULT_RESPONSE_BYTES, HttpClient, HttpOptions, Policy},
    manifest::{self, Manifest},
};

/// The settings of requests, and the outcome of the last one.
#[derive(Default)]
pub(crate) struct Http {
    pub(crate) settings: Arc<Settings>,
    /// The choice of this plug-in alone; the settings hold for all instances.
    allowed: Headers,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

/// The settings of requests, shared by all instances of a plug-in.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    pub(crate) client: Option<Arc<dyn HttpClient>>,
    pub(crate) max_bytes: u64,
    pub(crate) headers: Headers,
}

/// Whether guests can read the headers of responses.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Headers {
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

    /// Lets guests read the headers of responses, whatever the settings say.
    pub(crate) fn show_headers(&mut self) {
        self.allowed = Headers::Readable;
    }

    pub(crate) fn are_readable(&self) -> bool {
        [self.settings.headers, self.allowed].contains(&Headers::Readable)
    }
}
