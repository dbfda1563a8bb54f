//! The manifest: the modules of a plug-in and what they may use (docs/manifests.md).
//!
//! All forms have one typed model. `read.rs` reads it and finds every mistake; `build.rs` has setters for Rust
//! programs. It may import `base`. It reads no file and no network; `build/source.rs` does.

mod build;
mod hash;
mod mistakes;
mod names;
mod read;
mod text;
mod value;

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::base::error::{Error, ErrorKind, Result};

pub(crate) use self::names::MAIN;
pub use self::{
    hash::Hash,
    value::{SIZE_LIMIT, Value},
};

/// The most modules of a plug-in.
#[doc(hidden)]
pub const MODULE_LIMIT: usize = 64;

/// The JSON Schema of manifests (draft 2020-12), for editors and other programs. It does not find a few mistakes,
/// such as two modules of one name.
#[doc(hidden)]
pub const JSON_SCHEMA: &str = include_str!("../../manifest.schema.json");

/// The modules of a plug-in and what they may use.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(default, deny_unknown_fields)
)]
pub struct Manifest {
    /// The modules. The main one is called `main`, or is the last.
    pub wasm: Vec<Wasm>,
    /// Bounds on memory.
    pub memory: Memory,
    /// The configuration, which `config_get` reads.
    pub config: BTreeMap<String, String>,
    /// Globs of the hosts that the guest may send HTTP requests to; none if absent or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_hosts: Option<Vec<String>>,
    /// Host folders that a WASI guest may open, with the guest's path of each. `ro:` before a host folder makes it
    /// read-only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_paths: Option<BTreeMap<String, String>>,
    /// How long a call may take, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// Bounds on memory. Older manifests call `max_pages` `max`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(default, deny_unknown_fields)
)]
pub struct Memory {
    /// The most pages of 64 KiB that all memories of the plug-in may have together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pages: Option<u32>,
    /// The most bytes of an HTTP response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_http_response_bytes: Option<u64>,
    /// The most bytes of the variable store; 0 disables it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_var_bytes: Option<u64>,
}

/// A module of a manifest.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "text::WasmText")]
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

impl Manifest {
    /// Reads a plug-in in any form: a WebAssembly binary, WebAssembly text, or a manifest in JSON or TOML.
    ///
    /// # Errors
    /// `Manifest` if it is text but none of these, or if a field of the manifest is wrong. A binary is not checked
    /// here.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = match str::from_utf8(bytes) {
            Ok(text) if !text.starts_with("\0asm") => text,
            // Bytes that are not text are taken as a binary; the reader of modules checks them.
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

    /// Reads a JSON manifest.
    ///
    /// # Errors
    /// `Manifest`, with every mistake and the path of its field.
    pub fn from_json(text: &str) -> Result<Self> {
        let mut source = serde_json::Deserializer::from_str(text);
        let value = Value::read(&mut source).map_err(wrong)?;
        if value.is_some() {
            source.end().map_err(wrong)?;
        }
        Self::understand(value)
    }

    /// Reads a TOML manifest.
    ///
    /// # Errors
    /// `Manifest`, with every mistake and the path of its field.
    pub fn from_toml(text: &str) -> Result<Self> {
        let located = |error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.unwrap_or_default().matches('\n').count() + 1;
            wrong(format_args!("{} at line {line}", error.message()))
        };
        let source = toml::Deserializer::parse(text).map_err(located)?;
        Self::understand(Value::read(source).map_err(located)?)
    }

    /// Reads a manifest from a tree of values, as bindings to other languages make it.
    ///
    /// # Errors
    /// `Manifest`, with every mistake and the path of its field.
    #[doc(hidden)]
    pub fn from_value(value: Value) -> Result<Self> {
        read::manifest(value)
    }

    fn understand(value: Option<Value>) -> Result<Self> {
        let value = value.ok_or_else(|| {
            wrong(format_args!(
                "it is larger than {SIZE_LIMIT} bytes, not counting the `data` of modules"
            ))
        })?;
        Self::from_value(value)
    }
}

/// A manifest as a part of something else. One error names every mistake.
impl<'de> Deserialize<'de> for Manifest {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(source)?).map_err(D::Error::custom)
    }
}

/// Reads an update of a configuration: a text sets a key, null removes it.
///
/// # Errors
/// `Manifest`, with every mistake. Then no part of the update may be used.
#[doc(hidden)]
pub fn config_update(value: Value) -> Result<BTreeMap<String, Option<String>>> {
    read::config_update(value)
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

#[cfg(test)]
mod examples;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
