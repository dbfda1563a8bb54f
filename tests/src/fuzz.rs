//! What is fuzzed: functions of bytes that panic when something is wrong.
//!
//! The same functions run under libFuzzer (`tests/fuzz`, guided by coverage, for hours) and in the tests of
//! every build (`tests/tests/fuzz.rs`: the kept inputs, and a short run over mutations of them). They
//! know nothing of who calls them. Invariants: the bytes alone decide what happens, so a kept input
//! keeps its meaning only as long as the reading of the bytes does; any bytes are an input.

pub mod kernel;
pub mod manifest;
pub mod module;
pub mod session;
#[cfg(feature = "smith")]
pub mod smith;
mod tree;

use std::path::PathBuf;

use crate::files::home;

/// Something to fuzz.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name: of its corpus, and of the libFuzzer binary.
    pub name: &'static str,
    /// Does what the bytes say, and panics if something is wrong.
    pub run: fn(&[u8]),
    /// The longest input that is worth while, in bytes.
    pub longest: usize,
    /// How many mutations the tests of every build run.
    pub runs: u32,
}

/// Everything that is fuzzed.
pub const TARGETS: &[Target] = &[
    Target {
        name: "kernel",
        run: kernel::run,
        longest: 2048,
        runs: 2000,
    },
    Target {
        name: "manifest",
        run: manifest::run,
        longest: 2048,
        runs: 20_000,
    },
    Target {
        name: "module",
        run: module::run,
        longest: 4096,
        runs: 4000,
    },
    Target {
        name: "session",
        run: session::run,
        longest: 2048,
        runs: 4000,
    },
    #[cfg(feature = "smith")]
    Target {
        name: "smith",
        run: smith::run,
        longest: 4096,
        runs: 4000,
    },
];

impl Target {
    /// The folder of the kept inputs: those that reach something of their own, and those that once
    /// found a mistake.
    pub fn corpus(&self) -> PathBuf {
        home().join("fuzz/corpus").join(self.name)
    }

    /// The kept inputs, by the names of their files.
    ///
    /// # Panics
    /// If they cannot be read, or if there are none.
    pub fn kept(&self) -> Vec<(String, Vec<u8>)> {
        let folder = self.corpus();
        let entries = std::fs::read_dir(&folder).expect("the folder of the corpus can be read");
        let mut kept: Vec<_> = entries
            .map(|entry| {
                let path = entry.expect("the folder of the corpus can be read").path();
                let name = path.file_name().expect("it is a file").to_string_lossy();
                let bytes = std::fs::read(&path).expect("the input can be read");
                (name.into_owned(), bytes)
            })
            .collect();
        kept.sort();
        assert!(!kept.is_empty(), "no inputs in {}", folder.display());
        kept
    }
}
