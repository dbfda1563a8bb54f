//! What guests cost beside their engine alone: every guest on every side, in turns, in one run.
//!
//! `cargo bench -p polyextism-benches --bench guests -- ARGUMENTS`; `--help` says which. The sides of an engine are
//! the engine alone, as it is by default and without any check; the same with its own interruption, if it has
//! some; and polyextism on it: without a deadline, with one, with fuel. A folder of modules that some other
//! step has made of the guests (`--candidate NAME=FOLDER`) is one more side, run by the engine alone.
//!
//! Every result is checked. What counts is the fastest round: whatever else runs only makes a round slower.

mod arguments;
mod own;
mod raw;
mod table;
mod turns;
mod world;

use std::process::ExitCode;

use polyextism_benches::{
    cases::Case,
    kernels::{KERNELS, Kernel},
    programs,
};
use polyextism_tests::files;

use crate::{arguments::Arguments, raw::Error, table::Row, turns::Lane};

/// A guest on a side, ready to run: makes one call, and returns what it has come to.
type Run = Box<dyn FnMut() -> Vec<u8>>;

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a program for people"
)]
fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(help) => {
            eprintln!("{help}");
            return ExitCode::FAILURE;
        }
    };
    for engine in &arguments.engines {
        let groups = [
            ("kernels", kernels()),
            ("programs", all_programs(&arguments)),
        ];
        for (group, cases) in groups {
            let mut rows = Vec::new();
            for case in cases.iter().filter(|case| arguments.has(&case.id)) {
                eprintln!("{engine} {}", case.id);
                let lanes = lanes(engine, case, &arguments);
                let figures = turns::measure(lanes, arguments.rounds);
                rows.push(Row {
                    name: case.id.clone(),
                    figures,
                });
            }
            if !rows.is_empty() {
                println!("{}", table::text(engine, group, &rows));
            }
        }
    }
    ExitCode::SUCCESS
}

fn kernels() -> Vec<Case> {
    KERNELS.iter().map(Kernel::case).collect()
}

fn all_programs(arguments: &Arguments) -> Vec<Case> {
    let read = |path: &std::path::Path| -> &'static [u8] {
        let module = std::fs::read(path);
        module
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            .leak()
    };
    let mut cases = programs::programs();
    let rust = files::package("extism-pdk").join("count_vowels.wasm");
    cases.push(programs::rust(read(&rust)));
    cases.extend(
        arguments
            .cpython
            .as_deref()
            .map(|path| programs::cpython(read(path))),
    );
    cases
}

/// All sides of an engine that can run a case, the engine alone first; each has run it once, as it should.
fn lanes(engine: &str, case: &Case, arguments: &Arguments) -> Vec<Lane> {
    let mut lanes = Vec::new();
    let mut add = |side: &str, run: Option<Run>| {
        if let Some(mut run) = run {
            case.check(&run());
            lanes.push(Lane {
                side: side.to_owned(),
                run,
            });
        }
    };
    for _ in 0..arguments.placements {
        add("raw", raw::run(engine, case, case.guest.module));
        add("epochs", raw::with_epochs(engine, case));
        for side in &own::SIDES {
            add(side.name, own::run(engine, case, side));
        }
        for (side, folder) in &arguments.candidates {
            let module = std::fs::read(folder.join(format!("{}.wasm", case.id)));
            let run = module.ok().map(|module| raw::run(engine, case, &module));
            add(side, run.flatten());
        }
    }
    lanes
}
