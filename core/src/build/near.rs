//! Suggestions for unknown names in errors: similar names, and a few of the known ones.
//!
//! It knows only names. The library `strsim` compares them. Invariant: the text about names is bounded, however
//! many there are and however long they are.

use crate::{
    base::error::{Error, ErrorKind},
    build::link::short,
};

/// How similar a name must be to be suggested, from 0 to 1.
const NEAR: f64 = 0.7;
/// How many names are suggested.
const SUGGESTED: usize = 3;
/// How many names are listed.
const LISTED: usize = 5;
/// The most names that are compared, and the longest.
const COMPARED: usize = 2000;
const LONGEST: usize = 200;

/// The error for a function that the plug-in does not have; `known` are those that can be called.
#[cold]
pub(crate) fn unknown_function<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Error {
    let shown = short(name);
    let mut message =
        format!("unknown function `{shown}`: the plug-in exports no function of that name");
    let near = nearest(name, known.clone());
    if !near.is_empty() {
        message.push_str(&format!("; did you mean {}?", quoted(&near, " or ")));
    }
    let listed: Vec<_> = known.clone().take(LISTED).collect();
    match (known.count(), near.is_empty()) {
        (0, _) => message.push_str("; it exports none"),
        // These are all known names.
        (count, false) if count <= near.len() => {}
        (count, is_alone) => {
            message.push_str(if is_alone {
                "; it exports "
            } else {
                " It exports "
            });
            message.push_str(&quoted(&listed, ", "));
            if count > listed.len() {
                message.push_str(&format!(" and {} more", count - listed.len()));
            }
        }
    }
    Error::new(ErrorKind::UnknownFunction, message)
}

/// The most similar names, the best first.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    if name.is_empty() || name.len() > LONGEST {
        return Vec::new();
    }
    let mut near: Vec<_> = known
        .take(COMPARED)
        .filter(|other| other.len() <= LONGEST)
        .map(|other| (likeness(name, other), other))
        .filter(|(likeness, _)| *likeness >= NEAR)
        .collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    near.truncate(SUGGESTED);
    near.into_iter().map(|(_, name)| name).collect()
}

/// How similar two names are, from 0 to 1. Case and the kind of separator do not count.
fn likeness(one: &str, other: &str) -> f64 {
    let plain = |name: &str| name.to_lowercase().replace(['-', '_'], "");
    strsim::normalized_damerau_levenshtein(&plain(one), &plain(other))
}

fn quoted(names: &[&str], between: &str) -> String {
    let names: Vec<_> = names
        .iter()
        .map(|name| format!("`{}`", short(name)))
        .collect();
    names.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_near_come_first() {
        let rows: &[(&str, &[&str], &str)] = &[
            ("cuont", &["count"], "; did you mean `count`?"),
            (
                "count_Vowels",
                &["other", "count_vowels"],
                "; did you mean `count_vowels`? It exports `other`, `count_vowels`",
            ),
            (
                "countVowels",
                &["count_vowels"],
                "; did you mean `count_vowels`?",
            ),
            (
                "greet",
                &["greet2", "greets", "run"],
                "; did you mean `greet2` or `greets`? It exports `greet2`, `greets`, `run`",
            ),
            ("nope", &["count"], "; it exports `count`"),
            (
                "nope",
                &["a", "b", "c", "d", "e", "f", "g"],
                "; it exports `a`, `b`, `c`, `d`, `e` and 2 more",
            ),
            ("nope", &[], "; it exports none"),
            ("", &["a"], "; it exports `a`"),
        ];
        for (name, known, end) in rows {
            let start =
                format!("unknown function `{name}`: the plug-in exports no function of that name");
            let error = unknown_function(name, known.iter().copied());
            assert_eq!(error.to_string(), format!("{start}{end}"), "{name}");
            assert_eq!(error.kind(), ErrorKind::UnknownFunction);
        }
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let long = "x".repeat(100_000);
        let known = vec![long.as_str(); 10_000];
        let error = unknown_function(&long, known.into_iter()).to_string();
        assert!(error.len() < 2000, "{}", error.len());
        assert!(error.ends_with("and 9995 more"), "{error}");
    }
}
