//! Constructors and setters of manifests and modules, for Rust programs.

use std::{path::PathBuf, time::Duration};

use super::{Hash, Manifest, Memory, Source, Wasm};
use crate::base::setters::setters;

impl Manifest {
    /// A manifest of these modules. The main one is called `main`, or is the last.
    pub fn new(wasm: impl IntoIterator<Item = impl Into<Wasm>>) -> Self {
        Self {
            wasm: wasm.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// A manifest of one module.
    pub fn of(wasm: impl Into<Wasm>) -> Self {
        Self::new([wasm])
    }

    /// With another module at the end.
    #[must_use]
    pub fn with_wasm(mut self, wasm: impl Into<Wasm>) -> Self {
        self.wasm.push(wasm.into());
        self
    }

    /// With these bounds on memory.
    #[must_use]
    pub fn with_memory(self, memory: Memory) -> Self {
        Self { memory, ..self }
    }

    /// With this limit on the pages of 64 KiB in all memories together.
    #[must_use]
    pub fn with_max_pages(mut self, pages: u32) -> Self {
        self.memory.max_pages = Some(pages);
        self
    }

    /// With an entry of the configuration. It replaces an earlier entry of the same key.
    #[must_use]
    pub fn with_config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.insert(key.into(), value.into());
        self
    }

    /// With a host, as a glob, to which the guest may send HTTP requests.
    #[must_use]
    pub fn with_allowed_host(mut self, host: impl Into<String>) -> Self {
        self.allowed_hosts.get_or_insert_default().push(host.into());
        self
    }

    /// With a folder of the host that a WASI guest may open as `guest`; `ro:` before the folder
    /// makes it read-only.
    #[must_use]
    pub fn with_allowed_path(
        mut self,
        folder: impl Into<String>,
        guest: impl Into<String>,
    ) -> Self {
        let paths = self.allowed_paths.get_or_insert_default();
        paths.insert(folder.into(), guest.into());
        self
    }

    /// With a limit on the time of a call, in whole milliseconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        let timeout_ms = Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        Self { timeout_ms, ..self }
    }
}

setters!(Memory {
    with_max_pages = max_pages: into Option<u32>,
    with_max_http_response_bytes = max_http_response_bytes: into Option<u64>,
    with_max_var_bytes = max_var_bytes: into Option<u64>,
});

impl Wasm {
    /// A module from a file, a WebAssembly binary or text.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Source::Path(path.into()).into()
    }

    /// A module from its bytes, a WebAssembly binary or text.
    pub fn data(bytes: impl Into<Vec<u8>>) -> Self {
        Source::Data(bytes.into()).into()
    }

    /// A module that is downloaded. [`Source::Url`] also has the method and headers.
    pub fn url(url: impl Into<String>) -> Self {
        let source = Source::Url {
            url: url.into(),
            method: None,
            headers: Default::default(),
        };
        source.into()
    }

    /// The same module under a name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same module, which must have this hash.
    #[must_use]
    pub fn with_hash(mut self, hash: Hash) -> Self {
        self.hash = Some(hash);
        self
    }
}

impl From<Vec<u8>> for Wasm {
    fn from(data: Vec<u8>) -> Self {
        Source::Data(data).into()
    }
}

impl From<&[u8]> for Wasm {
    fn from(data: &[u8]) -> Self {
        data.to_vec().into()
    }
}

impl From<Source> for Wasm {
    fn from(source: Source) -> Self {
        Self {
            source,
            name: None,
            hash: None,
        }
    }
}
