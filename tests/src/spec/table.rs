//! The tables of what is known: one for `docs/specification.md`, and one of the reasons.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    directives,
    files::{self, File},
    known::{self, Known, Record},
};

/// Scripts and directives of a set.
#[derive(Clone, Copy, Default)]
struct Size {
    files: usize,
    directives: usize,
}

/// The sets in their order, with their sizes.
fn sets(files: &[File]) -> Vec<(String, Size)> {
    let mut sets: Vec<(String, Size)> = Vec::new();
    for file in files {
        if sets.last().is_none_or(|(set, _)| *set != file.set) {
            sets.push((file.set.clone(), Size::default()));
        }
        let (_, size) = sets.last_mut().expect("it was just pushed");
        let lines = directives(&file.text()).expect("the suite consists of scripts");
        size.files += 1;
        size.directives += lines.len();
    }
    sets
}

/// The records of a set.
fn of_set<'a>(known: &'a Known, set: &str) -> impl Iterator<Item = &'a Record> {
    let prefix = format!("{set}/");
    let files = known.files.iter();
    files
        .filter(move |(file, _)| file.starts_with(&prefix))
        .map(|(_, record)| record)
}

/// How many directives of each set pass on each engine.
pub fn overview() -> String {
    let engines: Vec<_> = known::engines()
        .into_iter()
        .map(|name| (Known::of(&name), name))
        .collect();
    let mut text = "| set | files | directives |".to_owned();
    engines
        .iter()
        .for_each(|(_, name)| _ = write!(text, " {name} |"));
    text.push_str("\n|---|--:|--:|");
    engines.iter().for_each(|_| text.push_str("---|"));
    text.push('\n');
    for (set, size) in sets(&files::all()) {
        _ = write!(text, "| {set} | {} | {} |", size.files, size.directives);
        for (known, _) in &engines {
            let refused: usize = of_set(known, &set)
                .flat_map(|record| record.refused.values())
                .sum();
            let failed: usize = of_set(known, &set)
                .flat_map(|record| record.failed.values())
                .map(Vec::len)
                .sum();
            let passed = size.directives - refused - failed;
            let mut cell = vec![match refused + failed {
                0 => "all".to_owned(),
                _ => passed.to_string(),
            }];
            cell.extend((refused > 0).then(|| format!("{refused} refused")));
            cell.extend((failed > 0).then(|| format!("{failed} failed")));
            _ = write!(text, " {} |", cell.join(", "));
        }
        text.push('\n');
    }
    text
}

/// Why directives do not pass, for each engine and set.
pub fn details() -> String {
    let mut text = String::new();
    for name in known::engines() {
        let known = Known::of(&name);
        _ = write!(
            text,
            "\n## {name}\n\n| set | directives | why |\n|---|--:|---|\n"
        );
        for (set, _) in sets_of(&known) {
            let mut refused = BTreeMap::<&str, usize>::new();
            let mut failed = BTreeMap::<&str, usize>::new();
            for record in of_set(&known, &set) {
                record
                    .refused
                    .iter()
                    .for_each(|(what, n)| *refused.entry(what).or_default() += n);
                record
                    .failed
                    .iter()
                    .for_each(|(why, lines)| *failed.entry(why).or_default() += lines.len());
            }
            for (what, count) in refused {
                _ = writeln!(text, "| {set} | {count} | refused: no {what} |");
            }
            for (why, count) in failed {
                _ = writeln!(text, "| {set} | {count} | failed: {} |", known.reasons[why]);
            }
        }
    }
    text
}

fn sets_of(known: &Known) -> BTreeMap<String, ()> {
    let sets = known.files.keys().filter_map(|file| file.split_once('/'));
    sets.map(|(set, _)| (set.to_owned(), ())).collect()
}
