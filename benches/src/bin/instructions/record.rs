//! The recorded counts: a file in the repository, what it is compared with, and the table of both.

use std::{collections::BTreeMap, fmt, fs, path::Path};

/// Instructions by engine and case.
pub(crate) type Counts = BTreeMap<String, BTreeMap<String, f64>>;

/// How much more than recorded is still right.
const TOLERANCE: f64 = 0.05;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");

const HEAD: &str = "\
# Instructions of one call, or of one call of a host function, by engine and case, x86-64.
# `make instructions` compares with them, `BLESS=1 make instructions` writes them.
";

/// Counts that are recorded.
pub(crate) struct Record(Counts);

impl From<Counts> for Record {
    fn from(counts: Counts) -> Self {
        Self(counts)
    }
}

/// Reads the file.
///
/// # Panics
/// If it is not there or not what [`write`] makes.
pub(crate) fn read() -> Record {
    let text = fs::read_to_string(Path::new(FILE)).expect("the counts are recorded");
    let engines: BTreeMap<String, BTreeMap<String, f64>> =
        toml::from_str(&text).expect("the file is what `BLESS=1` writes");
    Record(engines)
}

/// Writes the file.
///
/// # Panics
/// If it cannot be written.
pub(crate) fn write(counts: &Counts) {
    let text = format!("{HEAD}{}", Record(counts.clone()));
    fs::write(FILE, text).expect("the file can be written");
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (engine, cases) in &self.0 {
            writeln!(f, "\n[\"{engine}\"]")?;
            for (case, count) in cases {
                writeln!(f, "{case} = {count:.1}")?;
            }
        }
        Ok(())
    }
}

impl Record {
    /// What takes more than it may, and what is recorded or found alone.
    pub(crate) fn worse(&self, found: &Counts) -> Vec<String> {
        let mut lines = Vec::new();
        for (engine, cases) in found {
            for (case, count) in cases {
                match self.of(engine, case) {
                    Some(was) if *count <= was * (1.0 + TOLERANCE) => {}
                    Some(was) => {
                        let more = 100.0 * (count / was - 1.0);
                        lines.push(format!(
                            "{case} on {engine} takes {count:.1}, recorded are {was:.1}: {more:.0} % \
                             more, allowed are 5 %"
                        ));
                    }
                    None => lines.push(format!("{case} on {engine} is not recorded")),
                }
            }
        }
        for (engine, cases) in &self.0 {
            let gone = |case: &&String| found.get(engine).is_none_or(|f| !f.contains_key(*case));
            let gone = cases.keys().filter(gone);
            lines.extend(gone.map(|case| format!("{case} on {engine} is recorded, but not there")));
        }
        lines
    }

    /// What is found, beside what is recorded.
    pub(crate) fn table(&self, found: &Counts) -> String {
        let mut text = String::new();
        for (engine, cases) in found {
            for (case, count) in cases {
                let was = self.of(engine, case);
                let was = was.map_or_else(|| "-".to_owned(), |was| format!("{was:.1}"));
                text += &format!("{engine:<18} {case:<14} {count:>9.1}  recorded {was:>9}\n");
            }
        }
        text
    }

    fn of(&self, engine: &str, case: &str) -> Option<f64> {
        self.0.get(engine)?.get(case).copied()
    }
}
