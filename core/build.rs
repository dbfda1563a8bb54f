//! Tells a package a hash of its own sources, for the keys of the compile cache: code that another
//! state of core or of a backend has made must not be taken for what this one would make. Core, the transform and
//! the backends share this file; each is hashed for itself.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

pub(crate) fn main() {
    let mut hasher = DefaultHasher::new();
    let mut folders = vec![PathBuf::from("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources can be listed") {
            let path = entry.expect("the sources can be listed").path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    for path in files {
        let text = fs::read(&path).expect("the sources can be read");
        (path, text).hash(&mut hasher);
    }
    println!("cargo::rerun-if-changed=src");
    println!(
        "cargo::rustc-env=POLYEXTISM_SOURCES={:016x}",
        hasher.finish()
    );
}
