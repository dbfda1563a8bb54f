//! Guests that compute, so that they and not their calls are measured: `guests/guests.json` lists them, for Python's
//! benchmarks as well.
//!
//! Kernels are small programs in C with one thing to do each. They export `work` (`() -> i32`: a checksum) for an
//! engine without Extism, `run` for a plug-in (its output is the checksum, 8 bytes), and `small`, as `run` with less
//! to do. Programs are what users have: interpreters, a database, libraries, plug-ins in other languages. What all
//! have to come to was computed outside of any engine: by the same C and Go as native code, and by Python.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use polyextism::{Output as Stream, Wasi};
use serde::Deserialize;

use crate::{
    cases::{Case, Output},
    guests::{Guest, plain, with_wasi},
};

const LIST: &str = include_str!("../guests/guests.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    kernels: BTreeMap<String, Kernel>,
    programs: BTreeMap<String, Program>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kernel {
    checksum: u32,
    small: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    /// The registry package that has the module, if it does not lie here.
    package: Option<String>,
    module: PathBuf,
    #[serde(default)]
    wasi: bool,
    function: String,
    input: Option<Input>,
    output: Expected,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Input {
    File {
        file: PathBuf,
    },
    /// So many letters in no order that a processor could foresee.
    Letters {
        letters: usize,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expected {
    Checksum(u32),
    Is(String),
    StartsWith(String),
}

fn list() -> List {
    serde_json::from_str(LIST).expect("the list is as it should be")
}

/// The folder of the guests.
fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guests")
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The functions `run` of all kernels.
pub fn kernels() -> Vec<Case> {
    let kernels = list().kernels.into_iter();
    let cases = kernels.map(|(name, kernel)| {
        Case::new(&name, kernel_guest(&name), "run").number(kernel.checksum.into())
    });
    cases.collect()
}

/// The function `small` of the kernel of this name.
///
/// # Panics
/// If there is no such kernel.
pub fn small(name: &str) -> Case {
    let kernels = list().kernels;
    let kernel = kernels.get(name);
    let kernel = kernel.unwrap_or_else(|| panic!("there is no kernel {name}"));
    let id = format!("{name}-small");
    Case::new(&id, kernel_guest(name), "small").number(kernel.small.into())
}

fn kernel_guest(name: &str) -> &'static Guest {
    let path = home().join("kernels").join(name);
    forever(plain(read(&path.with_extension("wasm")).leak()))
}

/// All programs but CPython. `package` knows where the files of a registry package lie.
///
/// # Panics
/// If a file cannot be read.
pub fn programs(package: impl Fn(&str) -> PathBuf) -> Vec<Case> {
    let programs = list().programs.into_iter();
    let cases = programs.map(|(name, program)| {
        let folder = program.package.as_deref().map_or_else(home, &package);
        let module = read(&folder.join(&program.module)).leak();
        let guest = match program.wasi {
            true => with_wasi(module),
            false => plain(module),
        };
        let input = match program.input {
            Some(Input::File { file }) => read(&home().join(file)),
            Some(Input::Letters { letters }) => some_letters(letters),
            None => Vec::new(),
        };
        let case = Case::new(&name, forever(guest), program.function.leak()).input(input);
        match program.output {
            Expected::Checksum(checksum) => case.number(checksum.into()),
            Expected::Is(text) => case.output(Output::Is(text.into())),
            Expected::StartsWith(text) => case.output(Output::StartsWith(text.into())),
        }
    });
    cases.collect()
}

fn some_letters(count: usize) -> Vec<u8> {
    const LETTERS: &[u8] = b"etaoin shrdlucmfwypvbgk.";
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state ^ state >> 16) as usize
    };
    (0..count)
        .map(|_| LETTERS[next() % LETTERS.len()])
        .collect()
}

/// A run of CPython for WASI, from its start to its end.
pub fn cpython(module: Vec<u8>) -> Case {
    let wasi = || {
        let script = include_str!("../guests/scripts/bench.py");
        Some(
            Wasi::default()
                .with_args(["python", "-S", "-c", script].map(str::to_owned).into())
                .with_env(vec![("PYTHONHASHSEED".into(), "0".into())])
                .with_stdout(Stream::Capture { limit: 1 << 20 }),
        )
    };
    let module = module.leak();
    let guest = forever(Guest { module, wasi });
    let written = b"3554766090 89999 4095 297623\n";
    Case::new("cpython", guest, "_start").output(Output::Written(written.into()))
}

/// There are some thirty guests in a process, and each is used until it ends.
fn forever(guest: Guest) -> &'static Guest {
    Box::leak(Box::new(guest))
}
