//! What guests cost beside their engine alone: every guest on every side, in turns, in one run.
//!
//! `cargo bench -p polyextism-benches --bench guests -- ARGUMENTS`; `--help` says which. The sides of an engine are
//! the engine alone, as it is by default and without any check; the same with its own interruption, if it has
//! some; and polyextism on it: without a deadline, with one, with fuel. A folder of modules that some other
//! step has made of the guests (`--candidate NAME=FOLDER`) is one more side, run by the engine alone.
//!
//! Every result is checked.

mod arguments;
mod layout;
mod own;
mod raw;
mod table;
mod turns;
mod world;

use std::{fs, process::ExitCode};

use polyextism_benches::{cases::Case, computing, guests::Guest};
use polyextism_tests::files;

use crate::{
    arguments::Arguments,
    layout::laid_out,
    raw::Error,
    table::Row,
    turns::{Lane, Side},
};

/// A guest on a side, ready to run: makes one call, and returns what it has come to.
type Run = Box<dyn FnMut() -> Vec<u8>>;

/// The engine alone.
const RAW: &str = "raw";
/// The engine alone with its own interruption.
const INTERRUPTION: &str = "epochs";

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
    let ways = ways(&arguments);
    let mut results = serde_json::Map::new();
    for (group, cases, layouts) in groups(&arguments) {
        let mut rows = Vec::new();
        for case in cases.iter().filter(|case| arguments.has(&case.id)) {
            eprintln!("{}", case.id);
            let layouts = arguments.layouts.unwrap_or(layouts);
            let lanes = lanes(case, &arguments, layouts);
            let guest = case.id.clone();
            let seconds = turns::measure(lanes, arguments.rounds);
            rows.push(Row { guest, seconds });
        }
        if rows.is_empty() {
            continue;
        }
        if ways.len() > 1 {
            for engine in &arguments.engines {
                println!("{}", table::of_engine(group, engine, &ways, &rows));
            }
        }
        if arguments.engines.len() > 1 && arguments.runs(RAW) {
            println!(
                "{}",
                table::of_engines(group, &arguments.engines, RAW, &rows)
            );
        }
        results.insert(group.to_owned(), table::json(&rows));
    }
    if let Some(path) = &arguments.json {
        let text = format!("{:#}\n", serde_json::Value::from(results));
        fs::write(path, text).expect("the file can be written");
    }
    ExitCode::SUCCESS
}

/// How guests are run on an engine, in the order of the tables.
fn ways(arguments: &Arguments) -> Vec<&'static str> {
    let own = own::WAYS.iter().map(|way| way.name);
    let candidates = arguments.candidates.iter().map(|candidate| candidate.name);
    let all = [RAW, INTERRUPTION].into_iter().chain(own).chain(candidates);
    all.filter(|way| arguments.runs(way)).collect()
}

/// The guests by groups, and in how many layouts. The code of programs takes long to make.
fn groups(arguments: &Arguments) -> [(&'static str, Vec<Case>, usize); 2] {
    let mut programs = computing::programs(files::package);
    programs.extend(arguments.cpython.as_ref().map(|path| {
        let module = fs::read(path);
        let module = module.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        computing::cpython(module)
    }));
    [
        ("kernels", computing::kernels(), 2),
        ("programs", programs, 1),
    ]
}

/// Everything that can run a case; each has run it once, as it should.
fn lanes(case: &Case, arguments: &Arguments, layouts: usize) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for layout in 0..layouts {
        // A guest is there as long as the program.
        let guest = Box::leak(Box::new(Guest {
            module: laid_out(case.guest.module, layout).leak(),
            wasi: case.guest.wasi,
        }));
        let case = Case {
            guest,
            ..case.clone()
        };
        for engine in &arguments.engines {
            for way in ways(arguments) {
                let Some(mut run) = run(engine, way, &case, layout, arguments) else {
                    continue;
                };
                case.check(&run());
                let engine = engine.clone();
                let side = Side { engine, way };
                lanes.push(Lane { side, run });
            }
        }
    }
    lanes
}

/// A case on an engine in one way, or `None` if there is no such thing.
fn run(engine: &str, way: &str, case: &Case, layout: usize, arguments: &Arguments) -> Option<Run> {
    if way == RAW {
        return raw::run(engine, case, case.guest.module);
    }
    if way == INTERRUPTION {
        return raw::with_interruption(engine, case);
    }
    if let Some(own) = own::WAYS.iter().find(|own| own.name == way) {
        return own::run(engine, case, own);
    }
    let mut candidates = arguments.candidates.iter();
    let candidate = candidates.find(|candidate| candidate.name == way)?;
    let module = fs::read(candidate.folder.join(format!("{}.wasm", case.id)));
    raw::run(engine, case, &laid_out(&module.ok()?, layout))
}
