//! What is known of an engine: which directives it refuses, which fail, and why. A file of text for
//! each engine in `tests/spec`, so that an unexpected failure and an unexpected pass are told.
//!
//! ```text
//! reason NAME: WHY                     a reason, named once
//! SET/FILE refused COUNT PROPOSALS     directives that need proposals the engine does not have
//! SET/FILE failed REASON LINES         the lines of directives that fail
//! ```
//! What is not listed passes. `BLESS=1` rewrites everything but the reasons: what fails for the first
//! time is `unexplained`, and stays an error until somebody names the reason.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

use super::Verdict;
use crate::files;

/// The reason of what has none yet.
const UNEXPLAINED: &str = "unexplained";

/// What is known of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Why directives fail, by name.
    pub reasons: BTreeMap<String, String>,
    /// The scripts of which not everything passes, by name.
    pub files: BTreeMap<String, Record>,
}

/// How the directives of a script end that do not pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// How many are refused, by the proposals that the engine does not have.
    pub refused: BTreeMap<String, usize>,
    /// The lines of those that fail, by the name of the reason.
    pub failed: BTreeMap<String, Vec<usize>>,
}

/// Where what is known of an engine lies.
fn path(engine: &str) -> PathBuf {
    let name = engine.replace(':', "-");
    files::home().join(format!("spec/{name}.txt"))
}

/// The engines of which something is known, by name.
///
/// # Panics
/// If the folder cannot be read.
pub fn engines() -> Vec<String> {
    let folder = std::fs::read_dir(files::home().join("spec")).expect("the folder is there");
    let paths = folder.map(|entry| entry.expect("the folder can be read").path());
    let texts = paths.filter(|path| path.extension().is_some_and(|end| end == "txt"));
    let mut engines: Vec<_> = texts
        .map(|path| files::stem(&path).replace('-', ":"))
        .collect();
    engines.sort();
    engines
}

impl Known {
    /// Reads what is known of an engine; nothing, if there is no file of it.
    ///
    /// # Panics
    /// If the file cannot be understood.
    pub fn of(engine: &str) -> Self {
        let text = std::fs::read_to_string(path(engine)).unwrap_or_default();
        Self::parse(&text).unwrap_or_else(|why| panic!("{}: {why}", path(engine).display()))
    }

    /// Writes it down.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn write(&self, engine: &str) {
        std::fs::write(path(engine), self.text()).expect("the file can be written");
    }

    /// # Errors
    /// The line that is wrong.
    fn parse(text: &str) -> Result<Self, String> {
        let mut known = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            known
                .line(line)
                .ok_or_else(|| format!("what is `{line}`?"))?;
        }
        for (file, record) in &known.files {
            if let Some(reason) = record
                .failed
                .keys()
                .find(|name| !known.reasons.contains_key(*name))
            {
                return Err(format!(
                    "{file} fails for the reason `{reason}`, which is not described"
                ));
            }
        }
        Ok(known)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        if let Some(reason) = line.strip_prefix("reason ") {
            let (name, why) = reason.split_once(": ")?;
            self.reasons.insert(name.to_owned(), why.to_owned());
            return Some(());
        }
        let mut words = line.splitn(4, ' ');
        let [file, how, what, rest] = [(); 4].map(|()| words.next());
        let record = self.files.entry(file?.to_owned()).or_default();
        match how? {
            "refused" => {
                record.refused.insert(rest?.to_owned(), what?.parse().ok()?);
            }
            "failed" => {
                record.failed.insert(what?.to_owned(), lines(rest?)?);
            }
            _ => return None,
        }
        Some(())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, why) in &self.reasons {
            _ = writeln!(text, "reason {name}: {why}");
        }
        for (file, record) in &self.files {
            for (proposals, count) in &record.refused {
                _ = writeln!(text, "{file} refused {count} {proposals}");
            }
            for (reason, lines) in &record.failed {
                _ = writeln!(text, "{file} failed {reason} {}", ranges(lines));
            }
        }
        text
    }

    /// What a script should end with.
    pub fn record(&self, file: &str) -> Record {
        self.files.get(file).cloned().unwrap_or_default()
    }

    /// Takes over how a script ended. What fails keeps its reason.
    pub fn learn(&mut self, file: &str, verdicts: &[(usize, Verdict)]) {
        let old = self.record(file);
        let new = Record::new(verdicts, |line| {
            let named = old.failed.iter().find(|(_, lines)| lines.contains(&line));
            let only = old.failed.keys().next().filter(|_| old.failed.len() == 1);
            let reason = named.map(|(reason, _)| reason).or(only);
            reason.map_or(UNEXPLAINED, String::as_str).to_owned()
        });
        if new.failed.contains_key(UNEXPLAINED) {
            let why = "Nobody has looked at it yet.".to_owned();
            self.reasons.insert(UNEXPLAINED.to_owned(), why);
        }
        match new == Record::default() {
            true => self.files.remove(file),
            false => self.files.insert(file.to_owned(), new),
        };
    }

    /// Forgets the reasons that nothing has, and the scripts that there are no more.
    pub fn tidy(&mut self, files: &[String]) {
        self.files.retain(|file, _| files.contains(file));
        let records = &self.files;
        self.reasons.retain(|name, _| {
            records
                .values()
                .any(|record| record.failed.contains_key(name))
        });
    }

    /// Compares how a script ended with what is known.
    ///
    /// # Errors
    /// Every difference, a line each.
    pub fn check(&self, file: &str, verdicts: &[(usize, Verdict)]) -> Result<(), String> {
        let known = self.record(file);
        let mut differences = Vec::new();
        let mut expected: Vec<usize> = known.failed.values().flatten().copied().collect();
        for (line, verdict) in verdicts {
            let place = expected.iter().position(|known| known == line);
            match (verdict, place) {
                (Verdict::Failed(_), Some(place)) => _ = expected.swap_remove(place),
                (Verdict::Failed(why), None) => {
                    differences.push(format!("line {line} fails: {why}"))
                }
                _ => {}
            }
        }
        expected.sort_unstable();
        differences.extend(
            expected
                .iter()
                .map(|line| format!("line {line} does not fail any more")),
        );
        let found = Record::new(verdicts, |_| String::new()).refused;
        if found != known.refused {
            differences.push(format!(
                "refused are {found:?}, expected {:?}",
                known.refused
            ));
        }
        if known.failed.contains_key(UNEXPLAINED) {
            differences.push("what fails has no reason yet".to_owned());
        }
        match differences.is_empty() {
            true => Ok(()),
            false => Err(differences.join("\n")),
        }
    }
}

impl Record {
    fn new(verdicts: &[(usize, Verdict)], reason: impl Fn(usize) -> String) -> Self {
        let mut record = Self::default();
        for (line, verdict) in verdicts {
            match verdict {
                Verdict::Passed => {}
                Verdict::Refused(proposals) => {
                    *record.refused.entry(proposals.clone()).or_default() += 1;
                }
                Verdict::Failed(_) => {
                    record.failed.entry(reason(*line)).or_default().push(*line);
                }
            }
        }
        record
    }
}

/// `3 9-11` for 3, 9, 10, 11.
fn ranges(lines: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => ranges.push((line, line)),
        }
    }
    let texts = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    texts.collect::<Vec<_>>().join(" ")
}

fn lines(text: &str) -> Option<Vec<usize>> {
    let mut lines = Vec::new();
    for range in text.split(' ') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        lines.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::{Known, Verdict};

    const TEXT: &str = "reason late: It comes late.\n\
        v1/a failed late 3 9-11\n\
        v2/b refused 2 SIMD, tail calls\n";

    fn failed(lines: &[usize]) -> Vec<(usize, Verdict)> {
        let failed = |line: &usize| (*line, Verdict::Failed("so".to_owned()));
        lines.iter().map(failed).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let known = Known::parse(TEXT).expect("it is understood");
        assert_eq!(known.text(), TEXT);
        for wrong in [
            "x",
            "v1/a failed",
            "v1/a refused many SIMD",
            "v1/a failed unknown 1",
        ] {
            assert!(Known::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_difference_is_told() {
        let known = Known::parse(TEXT).expect("it is understood");
        assert_eq!(known.check("v1/a", &failed(&[3, 9, 10, 11])), Ok(()));
        let told = |file, verdicts: &[(usize, Verdict)]| known.check(file, verdicts).unwrap_err();
        assert_eq!(
            told("v1/a", &failed(&[3, 9, 11])),
            "line 10 does not fail any more"
        );
        assert_eq!(
            told("v1/a", &failed(&[3, 4, 9, 10, 11])),
            "line 4 fails: so"
        );
        assert_eq!(told("v1/c", &failed(&[1])), "line 1 fails: so");
        assert!(told("v2/b", &[]).starts_with("refused are {}"));
        let refused = Verdict::Refused("SIMD, tail calls".to_owned());
        assert_eq!(
            known.check("v2/b", &[(1, refused.clone()), (2, refused)]),
            Ok(())
        );
    }

    #[test]
    fn what_is_new_has_no_reason() {
        let mut known = Known::parse(TEXT).expect("it is understood");
        known.learn("v1/c", &failed(&[1]));
        assert!(known.check("v1/c", &failed(&[1])).is_err());
        known.learn("v1/a", &failed(&[3, 7]));
        assert_eq!(known.check("v1/a", &failed(&[3, 7])), Ok(()));
        known.learn("v1/c", &[]);
        known.learn("v2/b", &[]);
        known.tidy(&["v1/a".to_owned()]);
        assert_eq!(
            known.text(),
            "reason late: It comes late.\nv1/a failed late 3 7\n"
        );
    }
}
