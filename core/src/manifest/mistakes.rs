//! Collects the mistakes of a manifest, so that one error names them all.
//!
//! Invariant: the text is bounded, however many mistakes there are and however long the names.

use std::fmt;

use super::{Value, value::quoted, wrong};
use crate::base::error::Result;

/// How many mistakes an error shows.
const SHOWN: usize = 20;

/// The mistakes of a manifest.
#[derive(Default)]
pub(super) struct Mistakes {
    shown: Vec<String>,
    further: usize,
}

impl Mistakes {
    pub(super) fn add(&mut self, place: Place<'_>, why: impl fmt::Display) {
        match self.shown.len() < SHOWN {
            true => self.shown.push(match place {
                Place::Root => why.to_string(),
                place => format!("{place}: {why}"),
            }),
            false => self.further += 1,
        }
    }

    pub(super) fn expected<T>(
        &mut self,
        place: Place<'_>,
        found: &Value,
        expected: &str,
    ) -> Option<T> {
        let found = found.found();
        self.add(place, format_args!("found {found}, expected {expected}"));
        None
    }

    pub(super) fn finish<T>(self, value: T) -> Result<T> {
        let count = self.shown.len() + self.further;
        match (&self.shown[..], self.further) {
            ([], _) => Ok(value),
            ([mistake], _) => Err(wrong(mistake)),
            (mistakes, further) => {
                let mut text = format!("{count} mistakes:\n{}", mistakes.join("\n"));
                if further > 0 {
                    text.push_str(&format!("\nand {further} more"));
                }
                Err(wrong(text))
            }
        }
    }
}

/// Where in a manifest a value is.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Root,
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outer = match self {
            Self::Root => return Ok(()),
            Self::Key(outer, _) | Self::Index(outer, _) => outer,
        };
        outer.fmt(f)?;
        match self {
            Self::Key(outer, key) => {
                if !matches!(outer, Self::Root) {
                    f.write_str(".")?;
                }
                let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                match !key.is_empty() && key.len() <= 64 && key.chars().all(plain) {
                    true => f.write_str(key),
                    false => f.write_str(&quoted(key)),
                }
            }
            Self::Index(_, index) => write!(f, "[{index}]"),
            Self::Root => Ok(()),
        }
    }
}
