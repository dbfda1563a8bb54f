//! The program that writes modules, running beside the test that reads them.

use std::{
    io::{BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::files::home;

/// The program that writes modules; see there why it stands apart.
fn smith(first: u64, modules: u64, temporary: &str) -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(home().join("smith/Cargo.toml"))
        .arg("--target-dir")
        .arg(Path::new(temporary).join("smith"))
        .arg("--")
        .args([first.to_string(), modules.to_string()])
        .stdout(Stdio::piped());
    command
}

/// What the program in `tests/smith` writes from a seed on.
pub struct Modules(Child);

impl Modules {
    /// Starts it. It is built in a folder within `temporary`.
    ///
    /// # Panics
    /// If cargo does not run.
    pub fn from(first: u64, modules: u64, temporary: &str) -> Self {
        Self(
            smith(first, modules, temporary)
                .spawn()
                .expect("cargo runs"),
        )
    }

    /// What it writes.
    ///
    /// # Panics
    /// If it was asked for before.
    pub fn source(&mut self) -> impl Read + use<> {
        BufReader::new(self.0.stdout.take().expect("it is piped"))
    }
}

impl Drop for Modules {
    /// It ends by itself, or because nobody reads any more.
    fn drop(&mut self) {
        self.0.stdout.take();
        let _ = self.0.wait();
    }
}
