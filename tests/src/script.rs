//! Scripts of kernel operations as text, and whether a run went as they expect.
//!
//! A file has sections, each a script of its own:
//! ```text
//! # a comment
//! [name of the section]
//! input "what the call is given"
//! a = alloc 8 -> 80          # operation, operands, expected result
//! store_u64 a+1 -1
//! load_u8 a+1 -> 0xff
//! => ok "…"                  # how the call ends; `ok ""` if absent
//! ```
//! Values are numbers, or the result of an earlier line with a number added. An operation that
//! returns something needs a name or an expectation. It does not know engines.

use std::collections::BTreeMap;

use crate::{
    kernel::{Operand, Record, operations},
    outcome::Outcome,
    quote::unquote_all,
};

/// A script and what it expects.
#[derive(Debug)]
pub struct Script {
    /// The name of the section.
    pub name: String,
    /// What the call is given.
    pub input: Vec<u8>,
    /// The operations.
    pub records: Vec<Record>,
    /// The expected result of each operation, if there is one, and its line.
    expected: Vec<(Option<Operand>, String)>,
    /// How the call is to end.
    outcome: String,
}

/// Reads a file of scripts.
///
/// # Errors
/// What is wrong, with the number of the line.
pub fn parse(text: &str) -> Result<Vec<Script>, String> {
    let mut scripts: Vec<Script> = Vec::new();
    let mut names = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |why: String| format!("line {}: {why}", number + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            names.clear();
            if scripts.iter().any(|script| script.name == name) {
                return Err(wrong(format!("there are two sections `{name}`")));
            }
            scripts.push(Script {
                name: name.to_owned(),
                input: Vec::new(),
                records: Vec::new(),
                expected: Vec::new(),
                outcome: "ok \"\"".to_owned(),
            });
            continue;
        }
        let script = scripts.last_mut();
        let script = script.ok_or_else(|| wrong("a section must come first".into()))?;
        if let Some(input) = line.strip_prefix("input ") {
            script.input = unquote_all(input).map_err(wrong)?;
        } else if let Some(outcome) = line.strip_prefix("=> ") {
            outcome.clone_into(&mut script.outcome);
        } else {
            script.operation(line, &mut names).map_err(wrong)?;
        }
    }
    match scripts.iter().find(|script| script.records.is_empty()) {
        Some(empty) => Err(format!("section `{}` is empty", empty.name)),
        None => Ok(scripts),
    }
}

impl Script {
    fn operation<'a>(
        &mut self,
        line: &'a str,
        names: &mut BTreeMap<&'a str, u16>,
    ) -> Result<(), String> {
        let line = line.split_once(" #").map_or(line, |(code, _)| code);
        let (code, expected) = match line.split_once("->") {
            Some((code, expected)) => (code, Some(operand(expected.trim(), names)?)),
            None => (line, None),
        };
        let (name, code) = match code.split_once('=') {
            Some((name, code)) => (Some(name.trim()), code),
            None => (None, code),
        };
        let mut words = code.split_whitespace();
        let operation = words.next().unwrap_or_default();
        let (_, params, results) = operations()
            .find(|row| row.0 == operation)
            .ok_or_else(|| format!("unknown operation `{operation}`"))?;
        let mut operands = [Operand::default(); 2];
        let words: Vec<_> = words.collect();
        if words.len() != params.len() {
            return Err(format!("`{operation}` has {} operands", params.len()));
        }
        for (slot, word) in operands.iter_mut().zip(words) {
            *slot = operand(word, names)?;
        }
        if results.is_empty() == (name.is_some() || expected.is_some()) {
            return Err(match results.is_empty() {
                true => format!("`{operation}` returns nothing"),
                false => format!("`{operation}` needs a name or an expectation"),
            });
        }
        if let Some(name) = name {
            names.insert(name, self.records.len() as u16);
        }
        self.records.push(Record::new(operation, operands));
        self.expected.push((expected, line.trim().to_owned()));
        Ok(())
    }

    /// Compares a run with what the script expects.
    ///
    /// # Errors
    /// Every difference, a line each.
    pub fn check(&self, outcome: &Outcome, results: &[i64]) -> Result<(), String> {
        let mut differences = Vec::new();
        if results.len() != self.records.len() {
            return Err(format!(
                "{} operations gave {} results",
                self.records.len(),
                results.len()
            ));
        }
        for ((expected, line), result) in self.expected.iter().zip(results) {
            if let Some(expected) = expected {
                let expected = evaluate(*expected, results);
                if expected != *result {
                    differences.push(format!("{line}: returned {result}, not {expected}"));
                }
            }
        }
        let outcome = outcome.to_string();
        if outcome != self.outcome {
            differences.push(format!("ended with {outcome}, not {}", self.outcome));
        }
        match differences.is_empty() {
            true => Ok(()),
            false => Err(differences.join("\n")),
        }
    }
}

fn evaluate(operand: Operand, results: &[i64]) -> i64 {
    let base = operand
        .register
        .map_or(0, |register| results[usize::from(register)]);
    base.wrapping_add(operand.addend)
}

/// `number`, `name`, `name+number` or `name-number`.
fn operand(text: &str, names: &BTreeMap<&str, u16>) -> Result<Operand, String> {
    if let Ok(addend) = number(text) {
        return Ok(Operand {
            register: None,
            addend,
        });
    }
    let split = text.find(['+', '-']).unwrap_or(text.len());
    let (name, rest) = text.split_at(split);
    let register = names.get(name).copied();
    Ok(Operand {
        register: Some(register.ok_or_else(|| format!("unknown name `{name}`"))?),
        addend: match rest.strip_prefix('+').unwrap_or(rest) {
            "" => 0,
            rest => number(rest)?,
        },
    })
}

/// A decimal number, with sign or not, or a hexadecimal one.
fn number(text: &str) -> Result<i64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).map(|number| number as i64),
        None => text.parse(),
    };
    number.map_err(|error| format!("`{text}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{Outcome, parse};

    #[test]
    fn a_difference_is_found() {
        let text = "[s]\na = alloc 8 -> 80\nlength a+1 -> 0\nload_u8 a -> a-80";
        let script = &parse(text).expect("valid")[0];
        let fine = Outcome::Ok(Vec::new());
        assert_eq!(script.check(&fine, &[80, 0, 0]), Ok(()));
        let found = script.check(&Outcome::Nothing, &[80, 1, 7]);
        let found = found.expect_err("three differences");
        assert_eq!(found.lines().count(), 3, "{found}");
        assert!(script.check(&fine, &[80]).is_err());
    }

    #[test]
    fn mistakes_are_refused() {
        for text in [
            "alloc 1 -> 2",
            "[s]",
            "[s]\nalloc 1",
            "[s]\nfree 1 -> 0",
            "[s]\nalloc -> 0",
            "[s]\nalloc b -> 0",
            "[s]\nallok 1 -> 0",
            "[s]\nalloc 1 -> 0\n[s]\nalloc 1 -> 0",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
