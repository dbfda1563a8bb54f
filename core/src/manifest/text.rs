//! A module as a manifest writes it in text.

use std::{collections::BTreeMap, path::PathBuf};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Serialize, Serializer};

use super::{Hash, Source, Wasm};

/// The fields of a module. Exactly one of `path`, `data` and `url` is present.
#[derive(Default, Serialize)]
pub(super) struct WasmText {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "base64")]
    data: Option<Vec<u8>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<Hash>,
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

fn base64<S: Serializer>(data: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = data.as_ref().map(|data| BASE64_STANDARD.encode(data));
    text.serialize(serializer)
}
