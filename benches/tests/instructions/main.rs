//! How many instructions a call takes, and kernels that have little to do, counted by callgrind and compared with what
//! is recorded.
//!
//! Seconds differ from run to run; instructions do not, so a regression shows on a busy machine as well.
//! `make instructions` runs it alone, `BLESS=1 make instructions` records the counts in `instructions.toml`.
//!
//! For each engine this program runs itself under valgrind. There it makes each call a few times and
//! many times; the difference, by the number of calls between, is free of everything that happens
//! once. Only what runs inside of [`measured_calls`] on that thread is counted: neither compiling nor the
//! watchdog. Where nothing can be compared (no valgrind, another processor, another compiler than the recorded
//! counts are of) the tests are ignored and say why. The counts are those of the engines as they are built for tests and of the project's crates
//! optimised (the Makefile says how), which needs no build of the engines; a release build takes fewer. What they are for is to be compared.

mod callgrind;
mod record;

use std::{
    collections::BTreeMap,
    env,
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

use libtest_mimic::{Arguments, Failed, Trial};
use polyextism_benches::{
    cases::{self, Case, Subject},
    computing,
};

use crate::record::Counts;

/// Names the engine to the program under valgrind.
const ENGINE: &str = "POLYEXTISM_INSTRUCTIONS_OF";

/// Calls before the first is counted: the first one initialises, and memories grow.
const WARM_UP: u64 = 5;
/// How often each call is made.
const FEW: u64 = 10;
const MANY: u64 = 50;

/// Kernels whose code shows most of what is done to guests: loops over memory, floats, a loop around a `switch`,
/// calls through a table, recursion, long straight pieces.
const KERNELS: [&str; 6] = [
    "sieve",
    "matrix",
    "interpreter",
    "indirect",
    "fib",
    "sha256",
];

/// What is counted, and how many things one call of it does.
fn measured() -> Vec<(Case, u64)> {
    let mut deadline = cases::noop();
    deadline.id = "noop-deadline".to_owned();
    deadline.limit = cases::HOUR;
    let mut measured = vec![
        (cases::noop(), 1),
        (deadline, 1),
        (cases::echo_64(), 1),
        (cases::host_numbers(), 1000),
    ];
    measured.extend(KERNELS.map(|name| (computing::small(name), 1)));
    measured
}

/// What was counted in this run.
static FOUND: Mutex<Counts> = Mutex::new(BTreeMap::new());

#[expect(clippy::print_stderr, reason = "a test that counts nothing says why")]
fn main() -> ExitCode {
    if let Ok(engine) = env::var(ENGINE) {
        run(&engine);
        return ExitCode::SUCCESS;
    }
    let blessing = env::var_os("BLESS").is_some();
    let why = callgrind::missing().or_else(|| match blessing {
        true => None,
        false => record::read().foreign(),
    });
    if let Some(why) = &why {
        eprintln!("instructions are not counted: {why}");
    }
    let engines = polyextism::engines().map(|engine| engine.name());
    let trials = engines.map(|engine| {
        let name = format!("instructions::{engine}");
        Trial::test(name, move || count(&engine)).with_ignored_flag(why.is_some())
    });
    let outcome = libtest_mimic::run(&Arguments::from_args(), trials.collect());
    let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    // A part would take the rest away.
    if blessing && found.len() == polyextism::engines().count() {
        record::write(&found);
    }
    outcome.exit_code()
}

/// The calls whose instructions are counted, by this name.
#[inline(never)]
fn measured_calls(subject: &mut Subject<'_>, count: u64) {
    for _ in 0..count {
        subject.call();
    }
}

/// Under valgrind: all cases on one engine.
fn run(engine: &str) {
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
}

/// Counts on one engine and compares.
fn count(engine: &str) -> Result<(), Failed> {
    let counts = counts(engine);
    let verdict = match env::var_os("BLESS") {
        Some(_) => Ok(()),
        None => record::read().compare(engine, &counts),
    };
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    found.insert(engine.to_owned(), counts);
    verdict.map_err(Failed::from)
}

/// The instructions of each case on an engine, for one thing.
fn counts(engine: &str) -> BTreeMap<String, f64> {
    let function = concat!(module_path!(), "::measured_calls");
    let totals = callgrind::totals((ENGINE, engine), function);
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
