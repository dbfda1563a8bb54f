//! What guests cost beside their engine alone: every guest on every side, in turns, in one run.
//!
//! `cargo bench -p polyextism-benches --bench guests -- ARGUMENTS`; `--help` says which. The sides of an engine are
//! the engine alone, as it is by default and without any check; the same with its own interruption, if it has
//! some; and polyextism on it: without a deadline, with one, with fuel. A folder of modules that some other
//! step has made of the kernels (`--candidate NAME=FOLDER`) is one more side, run by the engine alone.
//!
//! Every result is checked. What counts is the fastest round: whatever else runs only makes a round slower.

mod arguments;
mod own;
mod raw;
mod table;
mod turns;

use std::{collections::BTreeMap, process::ExitCode};

use polyextism_benches::kernels::KERNELS;

use crate::{arguments::Arguments, turns::Lane};

/// A guest on a side, ready to run: comes to a checksum.
type Run = Box<dyn FnMut() -> u32>;

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
        let mut rows = BTreeMap::new();
        for kernel in KERNELS.iter().filter(|kernel| arguments.has(kernel.name)) {
            eprintln!("{engine} {}", kernel.name);
            let mut lanes = lanes(engine, kernel.name, kernel.module, &arguments);
            for lane in &mut lanes {
                let found = (lane.run)();
                assert_eq!(
                    found, kernel.checksum,
                    "{} on {engine}, {}",
                    kernel.name, lane.side
                );
            }
            rows.insert(kernel.name, turns::measure(lanes, arguments.rounds));
        }
        println!("{}", table::text(engine, &rows));
    }
    ExitCode::SUCCESS
}

/// All sides of an engine that can run a kernel, the engine alone first.
fn lanes(engine: &str, name: &str, module: &[u8], arguments: &Arguments) -> Vec<Lane> {
    let mut lanes = Vec::new();
    let mut add = |side: &str, run: Option<Run>| {
        lanes.extend(run.map(|run| Lane {
            side: side.to_owned(),
            run,
        }));
    };
    add("raw", raw::run(engine, module));
    add("epochs", raw::with_epochs(engine, module));
    for side in own::SIDES {
        add(side.name, own::run(engine, module, side));
    }
    for (side, folder) in &arguments.candidates {
        let file = folder.join(format!("{name}.wasm"));
        let module = std::fs::read(&file);
        add(
            side,
            module.ok().and_then(|module| raw::run(engine, &module)),
        );
    }
    lanes
}
