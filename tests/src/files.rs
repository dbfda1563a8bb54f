//! Where cases and guests lie.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The folder of this package.
pub fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    home().parent().expect("the package lies in the repository")
}

/// The files of a folder under `cases/` that end so, by name.
///
/// # Panics
/// If there are none: a group without cases proves nothing.
pub fn cases(group: &str, extension: &str) -> Vec<PathBuf> {
    let folder = home().join("cases").join(group);
    let entries = std::fs::read_dir(&folder).expect("the folder of the group can be read");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no cases in {}", folder.display());
    files
}

/// The name of a file without its extension.
///
/// # Panics
/// If the name is not UTF-8.
pub fn stem(path: &Path) -> &str {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.expect("files of cases have plain names")
}

/// The text of a file.
///
/// # Panics
/// If it cannot be read.
pub fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The folder of a registry package that a package of the repository depends on, if only for its files.
///
/// # Panics
/// If cargo does not know it. `cargo fetch` gets what is not there yet.
pub fn package(name: &str) -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    let package = packages.iter().find(|package| package["name"] == name);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = Path::new(manifest.expect("the package is a dependency"));
    manifest.parent().expect("it lies in a folder").to_owned()
}
