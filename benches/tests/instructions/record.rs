//! The recorded counts: a file in the repository, and how counts are compared with it.

use std::{collections::BTreeMap, fmt, fs, path::Path};

/// Instructions by engine and case.
pub(crate) type Counts = BTreeMap<String, BTreeMap<String, f64>>;

/// How much more than recorded is still right.
const TOLERANCE: f64 = 0.05;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");

const RECORD: &str = "if it has to be so, say why and record it: BLESS=1 make instructions";

const HEAD: &str = "\
# Instructions of one call, or of one call of a host function, by engine and case, x86-64.
# `make instructions` compares with them, `BLESS=1 make instructions` writes them.
";

/// Counts that are recorded.
pub(crate) struct Record(Counts);

/// Reads the file.
///
/// # Panics
/// If it is not there or not what [`write`] makes.
pub(crate) fn read() -> Record {
    let text = fs::read_to_string(Path::new(FILE))
        .expect("`BLESS=1 make instructions` records the counts");
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
    /// Compares what was found on an engine; one of which nothing is recorded passes.
    ///
    /// # Errors
    /// Says what takes more than it may, and what is recorded or found alone.
    pub(crate) fn compare(
        &self,
        engine: &str,
        found: &BTreeMap<String, f64>,
    ) -> Result<(), String> {
        let Some(recorded) = self.0.get(engine) else {
            // A new engine, which cannot have become worse.
            return Ok(());
        };
        let mut lines = Vec::new();
        for (case, count) in found {
            match recorded.get(case) {
                Some(was) if *count <= was * (1.0 + TOLERANCE) => {}
                Some(was) => {
                    let (more, most) = (100.0 * (count / was - 1.0), 100.0 * TOLERANCE);
                    lines.push(format!(
                        "{case} takes {count:.1}, recorded are {was:.1}: {more:.1} % more, allowed are \
                         {most} %"
                    ));
                }
                None => lines.push(format!("{case} is not recorded")),
            }
        }
        let gone = recorded.keys().filter(|case| !found.contains_key(*case));
        lines.extend(gone.map(|case| format!("{case} is recorded, but not there")));
        match lines.is_empty() {
            true => Ok(()),
            false => Err(format!("{}; {RECORD}", lines.join("; "))),
        }
    }
}
