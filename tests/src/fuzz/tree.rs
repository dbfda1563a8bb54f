//! Trees of values that look like manifests, from bytes; and the same trees as JSON and as TOML.
//!
//! A tree that has no form in a language is not written in it: what JSON and TOML can say differs.

use std::fmt::Write as _;

use arbitrary::{Result, Unstructured};
use polyextism::manifest::Value;

/// The names of fields, and some that are none.
const NAMES: &[&str] = &[
    "wasm",
    "memory",
    "config",
    "allowed_hosts",
    "allowed_paths",
    "timeout_ms",
    "path",
    "data",
    "url",
    "method",
    "headers",
    "header",
    "name",
    "hash",
    "max",
    "max_pages",
    "max_var_bytes",
    "max_http_response_bytes",
    "ptr",
    "",
    "a b",
];

const TEXTS: &[&str] = &[
    "",
    "main",
    "AGFzbQ==",
    "AGFzbQ",
    "http://a/b",
    "ro:/",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

const INTEGERS: &[i128] = &[
    0,
    1,
    -1,
    u32::MAX as i128,
    u32::MAX as i128 + 1,
    i64::MIN as i128,
    i64::MAX as i128,
    u64::MAX as i128,
    u64::MAX as i128 + 1,
    i128::MIN,
];

/// A tree whose branches are at most so deep.
///
/// # Errors
/// If the bytes do not suffice.
pub(super) fn tree(bytes: &mut Unstructured<'_>, depth: u8) -> Result<Value> {
    Ok(match bytes.int_in_range(0..=15)? {
        0 => Value::Null,
        1 => Value::Bool(bytes.arbitrary()?),
        2 => Value::Integer(*bytes.choose(INTEGERS)?),
        3 => Value::Integer(bytes.arbitrary::<i32>()?.into()),
        // Fractions of two, so that every form writes and reads them exactly.
        4 => Value::Float(f64::from(bytes.arbitrary::<i16>()?) / 4.0 + 0.125),
        5 => Value::Text((*bytes.choose(TEXTS)?).to_owned()),
        6 => Value::Text(bytes.arbitrary::<&str>()?.chars().take(90).collect()),
        7 => Value::Bytes(bytes.arbitrary::<&[u8]>()?.to_vec()),
        8 => Value::Path(bytes.arbitrary::<&str>()?.into()),
        9 => Value::Other("set".to_owned()),
        _ if depth == 0 => Value::Table(Vec::new()),
        10..=12 => Value::List(some(bytes, |bytes| tree(bytes, depth - 1))?),
        _ => Value::Table(some(bytes, |bytes| {
            Ok((name(bytes)?, tree(bytes, depth - 1)?))
        })?),
    })
}

fn name(bytes: &mut Unstructured<'_>) -> Result<String> {
    Ok(match bytes.ratio(1, 8)? {
        true => bytes.arbitrary::<&str>()?.chars().take(90).collect(),
        false => (*bytes.choose(NAMES)?).to_owned(),
    })
}

fn some<T>(
    bytes: &mut Unstructured<'_>,
    mut one: impl FnMut(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = bytes.int_in_range(0..=5)?;
    (0..count).map(|_| one(bytes)).collect()
}

/// The tree in JSON, if JSON can say it.
pub(super) fn json(value: &Value) -> Option<String> {
    let mut text = String::new();
    write(value, &mut text, &JSON)?;
    Some(text)
}

/// The tree in TOML, if it is a table and TOML can say it.
pub(super) fn toml(value: &Value) -> Option<String> {
    let Value::Table(entries) = value else {
        return None;
    };
    let mut text = String::new();
    once_each(entries)?;
    for (key, value) in entries {
        _ = write!(text, "{} = ", quoted(key));
        write(value, &mut text, &TOML)?;
        text.push('\n');
    }
    Some(text)
}

/// What a language says, and how.
struct Form {
    colon: &'static str,
    null: Option<&'static str>,
    integers: (i128, i128),
    /// Whether a name may come twice.
    twice: bool,
}

const JSON: Form = Form {
    colon: ":",
    null: Some("null"),
    integers: (i64::MIN as i128, u64::MAX as i128),
    twice: true,
};

const TOML: Form = Form {
    colon: " = ",
    null: None,
    integers: (i64::MIN as i128, i64::MAX as i128),
    twice: false,
};

fn write(value: &Value, text: &mut String, form: &Form) -> Option<()> {
    match value {
        Value::Null => text.push_str(form.null?),
        Value::Bool(value) => _ = write!(text, "{value}"),
        Value::Integer(value) if *value < form.integers.0 || *value > form.integers.1 => {
            return None;
        }
        Value::Integer(value) => _ = write!(text, "{value}"),
        Value::Float(value) => _ = write!(text, "{value:?}"),
        Value::Text(value) => text.push_str(&quoted(value)),
        Value::List(values) => {
            text.push('[');
            for (position, value) in values.iter().enumerate() {
                text.push_str(if position > 0 { "," } else { "" });
                write(value, text, form)?;
            }
            text.push(']');
        }
        Value::Table(entries) => {
            if !form.twice {
                once_each(entries)?;
            }
            text.push('{');
            for (position, (key, value)) in entries.iter().enumerate() {
                text.push_str(if position > 0 { "," } else { "" });
                _ = write!(text, "{}{}", quoted(key), form.colon);
                write(value, text, form)?;
            }
            text.push('}');
        }
        Value::Bytes(_) | Value::Path(_) | Value::Other(_) => return None,
    }
    Some(())
}

/// `None` if a name comes twice.
fn once_each(entries: &[(String, Value)]) -> Option<()> {
    let earlier = |at: usize| entries[..at].iter().any(|(key, _)| *key == entries[at].0);
    let twice = (0..entries.len()).any(earlier);
    (!twice).then_some(())
}

/// A text in quotes, as JSON and TOML have it alike.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii_control() => _ = write!(quoted, "\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
