//! Generated modules on every engine, and what they do compared: results, kinds of errors, globals,
//! memories.
//!
//! `POLYEXTISM_SEED` is the first seed, `POLYEXTISM_MODULES` how many there are. A failure names the
//! seeds and leaves the modules in files.

use std::{
    io::{BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use polyextism_tests::{
    differential::{Counts, Generated, compare},
    engines,
    files::home,
    null,
    settings::{number, seed},
};

/// How many modules, if nobody says it.
const MODULES: u64 = 2000;
/// After so many divergences there is no use in more.
const ENOUGH: usize = 20;

/// The program that writes modules; see there why it stands apart.
fn smith(first: u64, modules: u64) -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(home().join("smith/Cargo.toml"))
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("smith"))
        .arg("--")
        .args([first.to_string(), modules.to_string()])
        .stdout(Stdio::piped());
    command
}

/// What is written from a seed on.
struct Modules(Child);

impl Modules {
    fn from(first: u64, modules: u64) -> Self {
        Self(smith(first, modules).spawn().expect("cargo runs"))
    }

    fn source(&mut self) -> impl Read {
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

/// An engine that does something else is found out.
#[test]
fn a_difference_is_found() {
    let choices = [engines()[0], null::choices().next().expect("there is one")];
    let mut modules = Modules::from(1, 1);
    let generated = Generated::read(&mut modules.source(), 1).expect("a module is written");
    let found = compare(generated, &choices, &mut Counts::default());
    let divergence = found.expect_err("one of them runs nothing");
    assert!(divergence.text.contains("null: "), "{}", divergence.text);
}

#[test]
fn engines_agree_on_generated_modules() {
    let choices = engines();
    let modules = number("POLYEXTISM_MODULES").unwrap_or(MODULES);
    let first = seed();
    let mut written = Modules::from(first, modules);
    let mut source = written.source();
    let mut counts = Counts::default();
    let mut found = Vec::new();
    for seed in first..first + modules {
        let generated = Generated::read(&mut source, seed).expect("a module is written");
        let Err(divergence) = compare(generated, &choices, &mut counts) else {
            continue;
        };
        let name = format!("divergence-{seed}.wasm");
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&file, &divergence.wasm).expect("the module can be written");
        let text = divergence.text;
        found.push(format!("seed {seed}, {}: {text}", file.display()));
        if found.len() == ENOUGH {
            break;
        }
    }
    let summary = format!("seeds from {first}: {counts}, {} divergences", found.len());
    writeln!(std::io::stdout(), "{summary}").expect("standard output can be written");
    assert!(found.is_empty(), "{summary}\n{}", found.join("\n\n"));
    // One engine alone agrees with itself whatever it does.
    if choices.len() > 1 {
        assert!(counts.modules > modules / 2, "{summary}");
        assert!(counts.returned > counts.calls / 4, "{summary}");
    }
}
