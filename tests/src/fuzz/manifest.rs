//! Manifests in every form: bytes, JSON, TOML, trees of values.
//!
//! Whatever comes is read or refused; what is refused is told in bounded text that says what was
//! found and what is allowed; what is read can be written and read again; and the form makes no
//! difference, neither to the manifest nor to the text of a mistake.

use arbitrary::Unstructured;
use polyextism::{
    Error, ErrorKind, Manifest, Result,
    manifest::{Value, config_update},
};

use super::tree::{json, toml, tree};

/// No error text is longer, in bytes, if the manifest is not longer than a fuzzer makes it.
const LONGEST: usize = 64 * 1024;

/// What every line about a mistake says.
const SAID: &[&str] = &["expected ", "allowed", "given twice", " more"];

/// The first byte, a digit in text, chooses the form of the others.
pub fn run(bytes: &[u8]) {
    let Some((form, rest)) = bytes.split_first() else {
        return;
    };
    let text = str::from_utf8(rest);
    match (form % 4, text) {
        (0, _) => check(&Manifest::parse(rest)),
        (1, Ok(text)) => check(&Manifest::from_json(text)),
        (2, Ok(text)) => check(&Manifest::from_toml(text)),
        (3, _) => {
            if let Ok(value) = tree(&mut Unstructured::new(rest), 5) {
                check_tree(&value);
            }
        }
        (_, Err(_)) => {}
        (4.., _) => unreachable!("a remainder of 4"),
    }
}

fn check(read: &Result<Manifest>) {
    match read {
        Ok(manifest) => {
            let written = serde_json::to_string(manifest).expect("what was read can be written");
            let again = Manifest::from_json(&written).expect("what was written can be read");
            assert_eq!(again, *manifest, "{written}");
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Manifest);
            let text = error.to_string();
            assert!(text.starts_with("manifest: "), "{text}");
            assert!(text.len() <= LONGEST, "{} bytes: {text}", text.len());
        }
    }
}

fn check_tree(value: &Value) {
    let read = Manifest::from_value(value.clone());
    check(&read);
    if let Err(error) = &read {
        check_lines(&error.to_string());
    }
    let texts = [
        json(value).map(|text| (Manifest::from_json(&text), text)),
        toml(value).map(|text| (Manifest::from_toml(&text), text)),
    ];
    for (other, text) in texts.into_iter().flatten() {
        match (&read, &other) {
            (Ok(read), Ok(other)) => assert_eq!(read, other, "{text}"),
            (Err(read), Err(other)) => assert_eq!(lines(read), lines(other), "{text}"),
            _ => panic!("{read:?} as a tree, {other:?} as {text}"),
        }
    }
    if let Err(error) = config_update(value.clone()) {
        assert_eq!(error.kind(), ErrorKind::Manifest);
        check_lines(&error.to_string());
    }
}

/// The lines of a text without their order: TOML sorts names. If there are too many mistakes, which
/// of them are shown depends on it, and only their number is the same.
fn lines(error: &Error) -> Vec<String> {
    let text = error.to_string();
    let lines = text.lines().map(str::to_owned);
    let mut lines: Vec<_> = match text.ends_with(" more") {
        true => lines.take(1).collect(),
        false => lines.collect(),
    };
    lines.sort();
    lines
}

/// Every line but that with the number of mistakes says what is allowed.
fn check_lines(text: &str) {
    let lines = text.lines();
    for line in lines.filter(|line| !line.ends_with(" mistakes:")) {
        assert!(SAID.iter().any(|said| line.contains(said)), "{line}");
    }
}
