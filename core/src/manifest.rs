//! The manifest: what a plug-in is made of and what it may use (ABI.md part 3).
//!
//! One typed model for every textual form. Parsing either gives values that need no further
//! checks, or an error that names the field, what was found and what is allowed. Unknown fields
//! are refused. It reads no file and no network; `source.rs` does.

use std::{collections::BTreeMap, path::PathBuf};

use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::error::{Error, ErrorKind, Result};

/// What a plug-in is made of and what it may use.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manifest {
    /// The modules. The main one is called `main`, or is the last.
    pub wasm: Vec<Wasm>,
    /// Bounds on memory.
    pub memory: Memory,
    /// What `config_get` answers.
    pub config: BTreeMap<String, String>,
    /// Globs of the hosts that the guest may send HTTP requests to; none if absent or empty.
    pub allowed_hosts: Option<Vec<String>>,
    /// Host folders that a WASI guest may open, and the paths by which it does. `ro:` before a
    /// host folder makes it read-only.
    pub allowed_paths: Option<BTreeMap<String, String>>,
    /// How long a call may take, in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// Bounds on memory.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Memory {
    /// The most pages of 64 KiB that all memories of the plug-in may have together. Older manifests
    /// say `max`.
    #[serde(alias = "max")]
    pub max_pages: Option<u32>,
    /// The most bytes of an HTTP response.
    pub max_http_response_bytes: Option<u64>,
    /// The most bytes of the variable store.
    pub max_var_bytes: Option<u64>,
}

/// A module of a manifest.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "WasmText", into = "WasmText")]
pub struct Wasm {
    /// Where its bytes come from.
    pub source: Source,
    /// The name by which other modules import it.
    pub name: Option<String>,
    /// The SHA-256 of its bytes.
    pub hash: Option<Hash>,
}

/// Where the bytes of a module come from. They are a WebAssembly binary or its text format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The bytes themselves.
    Data(Vec<u8>),
    /// A file.
    Path(PathBuf),
    /// A request.
    Url {
        /// Where to.
        url: String,
        /// The method, `GET` if absent.
        method: Option<String>,
        /// Further headers.
        headers: BTreeMap<String, String>,
    },
}

/// A SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl Manifest {
    /// A manifest of one module.
    pub fn of(wasm: impl Into<Wasm>) -> Self {
        Self {
            wasm: vec![wasm.into()],
            ..Self::default()
        }
    }

    /// Understands a plug-in as users hand it over: a WebAssembly binary, WebAssembly text, or a
    /// manifest in JSON or TOML.
    ///
    /// # Errors
    /// `Manifest` if it is text but none of these, or if a field of the manifest is wrong. Whether a
    /// binary is a module is not looked at.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = match str::from_utf8(bytes) {
            Ok(text) if !text.starts_with("\0asm") => text,
            // What is no text is meant as a binary; the reader of modules says what is wrong with it.
            _ => return Ok(Self::of(bytes.to_vec())),
        };
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with("(module") || text.starts_with(";;") || text.starts_with("(;") {
            return Ok(Self::of(bytes.to_vec()));
        }
        match text.chars().next() {
            Some('{') => Self::from_json(text),
            // Every TOML manifest has a table or a value.
            Some(_) if text.contains(['=', '[']) => Self::from_toml(text),
            Some(_) => Err(unknown_form(&format!(
                "the text starts with {:?}",
                head(text)
            ))),
            None => Err(unknown_form("it is empty")),
        }
    }

    /// Understands a JSON manifest.
    ///
    /// # Errors
    /// `Manifest`, with the path of the field.
    pub fn from_json(text: &str) -> Result<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let manifest = Self::read(&mut deserializer, ToString::to_string)?;
        deserializer
            .end()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(manifest)
    }

    /// Understands a TOML manifest.
    ///
    /// # Errors
    /// `Manifest`, with the path of the field.
    pub fn from_toml(text: &str) -> Result<Self> {
        let line = |span: Option<std::ops::Range<usize>>| {
            let before = span.and_then(|span| text.get(..span.start)).unwrap_or("");
            before.matches('\n').count() + 1
        };
        let deserializer = toml::Deserializer::parse(text).map_err(|error| {
            let line = line(error.span());
            wrong(format_args!("{} at line {line}", error.message()))
        })?;
        Self::read(deserializer, |error| {
            format!("{} at line {}", error.message(), line(error.span()))
        })
    }

    /// Understands a manifest that is a JSON value already, as bindings to other languages have it.
    ///
    /// # Errors
    /// `Manifest`, with the path of the field.
    pub fn from_value(value: serde_json::Value) -> Result<Self> {
        Self::read(value, ToString::to_string)
    }

    fn read<'de, D: Deserializer<'de>>(
        deserializer: D,
        text: impl Fn(&D::Error) -> String,
    ) -> Result<Self> {
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let why = text(error.inner());
            match error.path().to_string().as_str() {
                "." => wrong(why),
                path => wrong(format_args!("{path}: {why}")),
            }
        })
    }
}

fn head(text: &str) -> String {
    text.chars().take(24).collect()
}

#[cold]
fn unknown_form(found: &str) -> Error {
    wrong(format!(
        "{found}; a plug-in is a WebAssembly binary, WebAssembly text that starts with `(module`, \
         or a manifest in JSON, which starts with `{{`, or in TOML"
    ))
}

#[cold]
pub(crate) fn wrong(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Manifest, format!("manifest: {why}"))
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

impl Wasm {
    /// The same module under a name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// A module as the text of a manifest has it.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct WasmText {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none", with = "base64_text")]
    data: Option<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    // Older manifests say `header`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", alias = "header")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<Hash>,
}

impl TryFrom<WasmText> for Wasm {
    type Error = String;

    fn try_from(text: WasmText) -> Result<Self, String> {
        let WasmText {
            path,
            data,
            url,
            method,
            headers,
            name,
            hash,
        } = text;
        if url.is_none() && (method.is_some() || !headers.is_empty()) {
            return Err("`method` and `headers` are allowed only beside `url`".into());
        }
        let source = match (path, data, url) {
            (Some(path), None, None) => Source::Path(path),
            (None, Some(data), None) => Source::Data(data),
            (None, None, Some(url)) => Source::Url {
                url,
                method,
                headers,
            },
            (None, None, None) => {
                return Err("a module needs one of `path`, `data` and `url`".into());
            }
            _ => return Err("a module has only one of `path`, `data` and `url`".into()),
        };
        Ok(Self { source, name, hash })
    }
}

impl From<Wasm> for WasmText {
    fn from(wasm: Wasm) -> Self {
        let mut text = Self {
            name: wasm.name,
            hash: wasm.hash,
            ..Self::default()
        };
        match wasm.source {
            Source::Data(data) => text.data = Some(data),
            Source::Path(path) => text.path = Some(path),
            Source::Url {
                url,
                method,
                headers,
            } => {
                text.url = Some(url);
                text.method = method;
                text.headers = headers;
            }
        }
        text
    }
}

mod base64_text {
    use serde::{Deserializer, Serialize, Serializer, de};

    use super::{BASE64_STANDARD, Deserialize};
    use base64::Engine as _;

    pub(super) fn serialize<S: Serializer>(
        data: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = data.as_ref().map(|data| BASE64_STANDARD.encode(data));
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        // An object `{ptr, len}` would make the host read its own memory; only text is taken.
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let data = BASE64_STANDARD.decode(text);
        data.map(Some)
            .map_err(|error| de::Error::custom(format_args!("not base64: {error}")))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.as_bytes();
        let wrong = || D::Error::custom("not a SHA-256, which has 64 hexadecimal digits");
        if digits.len() != 64 {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
            let pair = str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(hash))
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests;
