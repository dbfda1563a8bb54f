//! A manifest as a tree of values, before it is checked.
//!
//! Every textual form and every binding to another language makes such a tree first. Only `read.rs` decides what
//! the tree may contain. This file knows no field but `data`, which does not count towards the size of a manifest.
//!
//! Invariant: a tree that was made from text is not larger than [`SIZE_LIMIT`].

use std::{cell::Cell, fmt, path::PathBuf};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// The most bytes of a manifest in JSON or TOML: the bytes of keys and texts, and one for each value. The `data` of
/// modules does not count, because modules have limits of their own.
#[doc(hidden)]
pub const SIZE_LIMIT: usize = 1 << 20;

/// The key under which the `toml` library passes a date.
const TOML_DATE: &str = "$__toml_private_datetime";

/// How many characters of a text are shown in a message.
const SHOWN: usize = 64;

/// A value of a manifest in any form. Bindings to other languages make it.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// Bytes. Only bindings to other languages have them.
    Bytes(Vec<u8>),
    /// A path that need not be valid text. Only bindings to other languages have it.
    Path(PathBuf),
    /// Values in order.
    List(Vec<Self>),
    /// Values by name, in order; a name may occur twice.
    Table(Vec<(String, Self)>),
    /// A value that no manifest may have: the name of its type.
    Other(String),
}

impl Value {
    /// Reads a tree from text.
    ///
    /// `Ok(None)` if it is larger than [`SIZE_LIMIT`].
    pub(super) fn read<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Self>, D::Error> {
        let left = Cell::new(Some(SIZE_LIMIT));
        let node = Node {
            left: &left,
            text: 1,
        };
        match node.deserialize(source) {
            Ok(value) => Ok(Some(value)),
            Err(_) if left.get().is_none() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The value in words, for messages.
    pub(super) fn found(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => format!("the number {value}"),
            Self::Float(value) => format!("the number {value}"),
            Self::Text(text) => format!("the text {}", quoted(text)),
            Self::Bytes(_) => "bytes".to_owned(),
            Self::Path(path) => format!("the path {}", quoted(&path.to_string_lossy())),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "an object".to_owned(),
            Self::Other(name) => format!("a value of type {name}"),
        }
    }
}

/// A text in quotes, cut if it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

/// Without a bound on the size, for programs that deserialize a manifest as part of something else.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let left = Cell::new(Some(usize::MAX));
        Node {
            left: &left,
            text: 0,
        }
        .deserialize(source)
    }
}

/// Reads one value and subtracts its size from the bytes that are left.
#[derive(Clone, Copy)]
struct Node<'a> {
    /// `None` once the value is too large.
    left: &'a Cell<Option<usize>>,
    /// The cost of each byte, if the value is a text.
    text: usize,
}

impl Node<'_> {
    fn pay<E: serde::de::Error>(self, bytes: usize) -> Result<(), E> {
        let rest = self.left.get().and_then(|left| left.checked_sub(bytes));
        self.left.set(rest);
        match rest {
            Some(_) => Ok(()),
            None => Err(E::custom("the manifest is too large")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        self.pay::<D::Error>(1)?;
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a manifest")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        self.pay::<E>(text.len() * self.text)?;
        Ok(Value::Text(text))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = source.next_element_seed(self)? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some(key) = source.next_key::<String>()? {
            self.pay::<A::Error>(key.len())?;
            if key == TOML_DATE {
                source.next_value::<IgnoredAny>()?;
                return Ok(Value::Other("date".to_owned()));
            }
            let text = usize::from(key != "data");
            let value = source.next_value_seed(Self { text, ..self })?;
            table.push((key, value));
        }
        Ok(Value::Table(table))
    }
}
