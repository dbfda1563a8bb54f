//! How many instructions a call takes, counted by callgrind and compared with what is recorded.
//!
//! Seconds differ from run to run; instructions do not, so a regression shows on a busy machine as well.
//! `make instructions` runs it, `BLESS=1 make instructions` records the counts in `instructions.toml`.
//!
//! For each engine this program runs itself under valgrind. There it makes each call a few times and
//! many times; the difference, by the number of calls between, is free of everything that happens
//! once. Only what runs inside of [`measured_calls`] on that thread is counted: neither compiling nor the
//! watchdog. What is built is what counts: figures of another profile or compiler say nothing.

#![expect(
    clippy::print_stdout,
    reason = "it is a program that prints what it finds"
)]

mod callgrind;
mod record;

use std::{collections::BTreeMap, env, process::ExitCode};

use polyextism_benches::cases::{self, Case, Subject};

use crate::record::{Counts, Record};

/// Calls before the first is counted: the first one initialises, and memories grow.
const WARM_UP: u64 = 20;
/// How often each call is made.
const FEW: u64 = 50;
const MANY: u64 = 250;

/// What is counted, and how many things one call of it does.
fn measured() -> [(Case, u64); 4] {
    let mut deadline = cases::noop();
    deadline.id = "noop-deadline".to_owned();
    deadline.limit = cases::HOUR;
    [
        (cases::noop(), 1),
        (deadline, 1),
        (cases::echo_64(), 1),
        (cases::host_numbers(), 1000),
    ]
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(),
        ["run", engine] => run(engine),
        _ => panic!("usage: instructions [run ENGINE]"),
    }
}

/// The calls whose instructions are counted, by this name.
#[inline(never)]
fn measured_calls(subject: &mut Subject<'_>, count: u64) {
    for _ in 0..count {
        subject.call();
    }
}

/// Under valgrind: all cases on one engine.
fn run(engine: &str) -> ExitCode {
    let engine = polyextism::engine(engine).expect("it is built in");
    for (case, _) in measured() {
        let mut subject = case.subject(&engine);
        for _ in 0..WARM_UP {
            subject.call();
        }
        for count in [FEW, MANY] {
            measured_calls(&mut subject, count);
        }
        subject.check();
    }
    ExitCode::SUCCESS
}

/// Counts on all engines and compares, or records.
fn compare() -> ExitCode {
    if let Some(why) = callgrind::missing() {
        println!("instructions: not counted: {why}");
        // Where the tool has to be there, its absence is a failure.
        return match env::var_os("CI") {
            Some(_) => ExitCode::FAILURE,
            None => ExitCode::SUCCESS,
        };
    }
    let found: Counts = polyextism::engines()
        .map(|engine| (engine.name(), counts(&engine.name())))
        .collect();
    if env::var_os("BLESS").is_some() {
        record::write(&found);
        print!("{}", Record::from(found));
        return ExitCode::SUCCESS;
    }
    let recorded = record::read();
    print!("{}", recorded.table(&found));
    match recorded.worse(&found).as_slice() {
        [] => ExitCode::SUCCESS,
        worse => {
            for line in worse {
                println!("instructions: {line}");
            }
            println!("If it has to be so, say why and record it: BLESS=1 make instructions");
            ExitCode::FAILURE
        }
    }
}

/// The instructions of each case on an engine, for one thing.
fn counts(engine: &str) -> BTreeMap<String, f64> {
    let function = concat!(module_path!(), "::measured_calls");
    let totals = callgrind::totals(&["run", engine], function);
    let measured = measured();
    assert_eq!(totals.len(), 2 * measured.len(), "{engine}: {totals:?}");
    let pairs = totals.chunks_exact(2).zip(measured);
    let counts = pairs.map(|(totals, (case, things))| {
        let calls = MANY - FEW;
        let between = totals[1].checked_sub(totals[0]);
        let between = between.filter(|count| *count >= calls * things);
        let between = between.unwrap_or_else(|| panic!("{engine} {}: {totals:?}", case.id));
        (case.id, between as f64 / (calls * things) as f64)
    });
    counts.collect()
}
