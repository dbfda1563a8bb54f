//! The one place that checks what a manifest may contain (docs/manifests.md).
//!
//! It turns a tree of values into the typed model and collects every mistake, each with the path of its field, what
//! was found and what is allowed. It does not know the form of the manifest, so the same mistake has the same text
//! in JSON, in TOML and from Python.
//!
//! Invariant: a manifest is returned only if nothing in it is wrong.

use std::{collections::BTreeMap, path::PathBuf};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    Hash, MODULE_LIMIT, Manifest, Memory, Source, Value, Wasm,
    mistakes::{Mistakes, Place},
    value::quoted,
};
use crate::base::error::Result;

/// Fields of older manifests, with their names now.
const OLDER: &[(&str, &str)] = &[("header", "headers"), ("max", "max_pages")];

const MANIFEST: &[&str] = &[
    "wasm",
    "memory",
    "config",
    "allowed_hosts",
    "allowed_paths",
    "timeout_ms",
];
const MEMORY: &[&str] = &["max_pages", "max_http_response_bytes", "max_var_bytes"];
const WASM: &[&str] = &["path", "data", "url", "method", "headers", "name", "hash"];

/// Reads a manifest.
///
/// # Errors
/// `Manifest`, with all mistakes.
pub(super) fn manifest(value: Value) -> Result<Manifest> {
    let mut mistakes = Mistakes::default();
    let manifest = whole(&mut mistakes, value).unwrap_or_default();
    mistakes.finish(manifest)
}

/// Reads an update of a configuration: a text sets a key, null removes it.
///
/// # Errors
/// `Manifest`, with all mistakes.
pub(super) fn config_update(value: Value) -> Result<BTreeMap<String, Option<String>>> {
    let mut mistakes = Mistakes::default();
    let place = Place::Key(&Place::Root, "config");
    let update = map(&mut mistakes, place, value, |mistakes, place, value| {
        Some(match value {
            Value::Null => None,
            value => Some(text(mistakes, place, value)?),
        })
    });
    mistakes.finish(update.unwrap_or_default())
}

fn whole(mistakes: &mut Mistakes, value: Value) -> Option<Manifest> {
    let mut fields = Fields::open(mistakes, Place::Root, value, MANIFEST)?;
    Some(Manifest {
        wasm: fields.needed("wasm", modules),
        memory: fields.needed("memory", memory),
        config: fields.needed("config", texts),
        allowed_hosts: fields.optional("allowed_hosts", |mistakes, place, value| {
            list(mistakes, place, value, text)
        }),
        allowed_paths: fields.optional("allowed_paths", texts),
        timeout_ms: fields.optional("timeout_ms", number),
    })
}

fn modules(mistakes: &mut Mistakes, place: Place<'_>, value: Value) -> Option<Vec<Wasm>> {
    if let Value::List(list) = &value
        && list.len() > MODULE_LIMIT
    {
        let found = list.len();
        mistakes.add(
            place,
            format_args!("found {found} modules, at most {MODULE_LIMIT} are allowed"),
        );
        return None;
    }
    list(mistakes, place, value, module)
}

fn memory(mistakes: &mut Mistakes, place: Place<'_>, value: Value) -> Option<Memory> {
    let mut fields = Fields::open(mistakes, place, value, MEMORY)?;
    Some(Memory {
        max_pages: fields.optional("max_pages", pages),
        max_http_response_bytes: fields.optional("max_http_response_bytes", number),
        max_var_bytes: fields.optional("max_var_bytes", number),
    })
}

fn module(mistakes: &mut Mistakes, place: Place<'_>, value: Value) -> Option<Wasm> {
    let mut fields = Fields::open(mistakes, place, value, WASM)?;
    let given: Vec<_> = ["path", "data", "url"]
        .into_iter()
        .filter(|name| fields.has(name))
        .collect();
    if given != ["url"] {
        for name in ["method", "headers"] {
            fields.misplaced(name);
        }
    }
    let path = fields.optional("path", path);
    let data = fields.optional("data", data);
    let url = fields.optional("url", text);
    let method = fields.optional("method", text);
    let headers = fields.needed("headers", texts);
    let name = fields.optional("name", text);
    let hash = fields.optional("hash", hash);
    let found = match given[..] {
        [_] => {
            let source = path.map(Source::Path).or_else(|| data.map(Source::Data));
            let request = |url| Source::Url {
                url,
                method,
                headers,
            };
            let source = source.or_else(|| url.map(request))?;
            return Some(Wasm { source, name, hash });
        }
        [] => "none of them".to_owned(),
        [ref names @ .., last] => format!("`{}` and `{last}`", names.join("`, `")),
    };
    mistakes.add(
        place,
        format_args!("found {found}, expected exactly one of `path`, `data` and `url`"),
    );
    None
}

fn path(mistakes: &mut Mistakes, place: Place<'_>, value: Value) -> Option<PathBuf> {
    match value {
        Value::Path(path) => Some(path),
        value => text(mistakes, place, value).map(PathBuf::from),
    }
}

fn data(mistakes: &mut Mistakes, place: Place<'_>, value: Value) -> Option<Vec<u8>> {
    let why = match value {
        Value::Bytes(bytes) => return Some(bytes),
        Value::Text(text) => match BASE64_STANDARD.decode(&text) {
            Ok(bytes) => return Some(bytes),
            Err(error) => format!(
                "found {}, which is not base64 ({error}); expected base64 of the standard \
                 alphabet, with padding",
                found_text(&text)
            ),
        },
        // Other hosts read an address in their own memory there. A manifest may come from anywhere.
        Value::Table(table) if table.iter().any(|(key, _)| key == "ptr") => {
            "found an address in the memory of the host, which a manifest must not read; expected \
             a text in base64"
                .to_owned()
        }
        other => format!("found {}, expected a text in base64", other.found()),
    };
    mistakes.add(place, why);
    None
}

fn hash(mistakes: &mut Mistakes, place: Place<'_>, value: Value) -> Option<Hash> {
    let text = text(mistakes, place, value)?;
    let hash = Hash::from_hex(&text);
    if hash.is_none() {
        let found = found_text(&text);
        mistakes.add(
            place,
            format_args!("found {found}, expected a SHA-256, which has 64 hexadecimal digits"),
        );
    }
    hash
}

fn found_text(text: &str) -> String {
    format!("the text {}", quoted(text))
}

fn text(mistakes: &mut Mistakes, place: Place<'_>, value: Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text),
        other => mistakes.expected(place, &other, "a text"),
    }
}

fn number(mistakes: &mut Mistakes, place: Place<'_>, value: Value) -> Option<u64> {
    bounded(mistakes, place, value, u64::MAX)
}

fn pages(mistakes: &mut Mistakes, place: Place<'_>, value: Value) -> Option<u32> {
    let pages = bounded(mistakes, place, value, u32::MAX.into())?;
    u32::try_from(pages).ok()
}

fn bounded(mistakes: &mut Mistakes, place: Place<'_>, value: Value, most: u64) -> Option<u64> {
    let number = match value {
        Value::Integer(number) => u64::try_from(number).ok(),
        _ => None,
    };
    match number.filter(|number| *number <= most) {
        Some(number) => Some(number),
        None => mistakes.expected(place, &value, &format!("a whole number from 0 to {most}")),
    }
}

fn texts(
    mistakes: &mut Mistakes,
    place: Place<'_>,
    value: Value,
) -> Option<BTreeMap<String, String>> {
    map(mistakes, place, value, text)
}

fn map<T>(
    mistakes: &mut Mistakes,
    place: Place<'_>,
    value: Value,
    mut read: impl FnMut(&mut Mistakes, Place<'_>, Value) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    let Value::Table(entries) = value else {
        return mistakes.expected(place, &value, "an object of texts");
    };
    let mut map = BTreeMap::new();
    for (key, value) in entries {
        let place = Place::Key(&place, &key);
        if let Some(value) = read(mistakes, place, value)
            && map.insert(key.clone(), value).is_some()
        {
            mistakes.add(place, "given twice");
        }
    }
    Some(map)
}

fn list<T>(
    mistakes: &mut Mistakes,
    place: Place<'_>,
    value: Value,
    mut read: impl FnMut(&mut Mistakes, Place<'_>, Value) -> Option<T>,
) -> Option<Vec<T>> {
    let Value::List(values) = value else {
        return mistakes.expected(place, &value, "a list");
    };
    let read = |(index, value)| read(mistakes, Place::Index(&place, index), value);
    // Reads all fields, so that all mistakes are found.
    let list: Vec<_> = values.into_iter().enumerate().map(read).collect();
    list.into_iter().collect()
}

/// The fields of an object, all of which must be known.
struct Fields<'a> {
    mistakes: &'a mut Mistakes,
    place: Place<'a>,
    values: Vec<(&'static str, Value)>,
}

impl<'a> Fields<'a> {
    fn open(
        mistakes: &'a mut Mistakes,
        place: Place<'a>,
        value: Value,
        names: &'static [&'static str],
    ) -> Option<Self> {
        let Value::Table(entries) = value else {
            return mistakes.expected(place, &value, "an object");
        };
        let mut values: Vec<(&'static str, Value)> = Vec::new();
        for (key, value) in entries {
            let older = OLDER.iter().find(|(older, _)| *older == key);
            let current = older.map_or(key.as_str(), |(_, current)| current);
            match names.iter().find(|name| **name == current) {
                None => {
                    let allowed = names.join("`, `");
                    let why = format_args!("unknown field, allowed are `{allowed}`");
                    mistakes.add(Place::Key(&place, &key), why);
                }
                Some(name) => match values.iter().position(|(other, _)| other == name) {
                    None => values.push((name, value)),
                    Some(at) => {
                        mistakes.add(Place::Key(&place, name), "given twice");
                        // The order of other mistakes must not depend on the order of fields, which TOML does not
                        // keep.
                        if older.is_none() {
                            values[at].1 = value;
                        }
                    }
                },
            }
        }
        Some(Self {
            mistakes,
            place,
            values,
        })
    }

    fn has(&self, name: &str) -> bool {
        let value = self.values.iter().find(|(other, _)| *other == name);
        value.is_some_and(|(_, value)| *value != Value::Null)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.values.iter().position(|(other, _)| *other == name)?;
        Some(self.values.swap_remove(at).1)
    }

    /// A field that may be absent or null.
    fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Mistakes, Place<'_>, Value) -> Option<T>,
    ) -> Option<T> {
        match self.take(name)? {
            Value::Null => None,
            value => read(self.mistakes, Place::Key(&self.place, name), value),
        }
    }

    /// A field that may be absent, but not null.
    fn needed<T: Default>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Mistakes, Place<'_>, Value) -> Option<T>,
    ) -> T {
        let value = self.take(name);
        let read = value.and_then(|value| {
            let place = Place::Key(&self.place, name);
            read(self.mistakes, place, value)
        });
        read.unwrap_or_default()
    }

    /// Refuses a field that has no meaning without `url`.
    fn misplaced(&mut self, name: &'static str) {
        if self.has(name) {
            let place = Place::Key(&self.place, name);
            self.mistakes.add(place, "allowed only beside `url`");
        }
    }
}
