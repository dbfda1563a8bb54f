//! The recorded counts: a file in the repository, and how counts are compared with it.
//!
//! Another compiler makes other instructions, so the file says which one made those that were counted.

use std::{collections::BTreeMap, env, fmt, fs, path::Path, process::Command};

/// Instructions by engine and case.
pub(crate) type Counts = BTreeMap<String, BTreeMap<String, f64>>;

/// How much more than recorded is still right.
const TOLERANCE: f64 = 0.05;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");

const MADE: &str = "the file is what `BLESS=1` writes";

const RECORD: &str = "if it has to be so, say why and record it: BLESS=1 make instructions";

const HEAD: &str = "\
# Instructions of one call, or of one call of a host function, by engine and case, x86-64. `-small` are kernels.
# `make instructions` compares with them, `BLESS=1 make instructions` writes them.
";

/// Counts that are recorded.
pub(crate) struct Record {
    rustc: String,
    counts: Counts,
}

/// What the compiler that is in use says of itself.
pub(crate) fn rustc() -> String {
    let program = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(program).arg("--version").output();
    let output = output.expect("who runs this test has a compiler");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Reads the file.
///
/// # Panics
/// If it is not there or not what [`write`] makes.
pub(crate) fn read() -> Record {
    let text = fs::read_to_string(Path::new(FILE))
        .expect("`BLESS=1 make instructions` records the counts");
    let mut tables: toml::Table = text.parse().expect(MADE);
    let rustc = tables.remove("rustc");
    let rustc = rustc.as_ref().and_then(toml::Value::as_str);
    Record {
        rustc: rustc.expect(MADE).to_owned(),
        counts: toml::Value::Table(tables).try_into().expect(MADE),
    }
}

/// Writes the file.
///
/// # Panics
/// If it cannot be written.
pub(crate) fn write(counts: &Counts) {
    let record = Record {
        rustc: rustc(),
        counts: counts.clone(),
    };
    let text = format!("{HEAD}{record}");
    fs::write(FILE, text).expect("the file can be written");
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "rustc = {:?}", self.rustc)?;
        for (engine, cases) in &self.counts {
            writeln!(f, "\n[\"{engine}\"]")?;
            for (case, count) in cases {
                writeln!(f, "{case} = {count:.1}")?;
            }
        }
        Ok(())
    }
}

impl Record {
    /// Why nothing can be compared with it here, if so.
    pub(crate) fn foreign(&self) -> Option<String> {
        let (recorded, found) = (&self.rustc, rustc());
        let differs = *recorded != found;
        differs.then(|| format!("the recorded counts are those of `{recorded}`, here is `{found}`"))
    }

    /// Compares what was found on an engine; one of which nothing is recorded passes.
    ///
    /// # Errors
    /// Says what takes more than it may, and what is recorded or found alone.
    pub(crate) fn compare(
        &self,
        engine: &str,
        found: &BTreeMap<String, f64>,
    ) -> Result<(), String> {
        let Some(recorded) = self.counts.get(engine) else {
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
