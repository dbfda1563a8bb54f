//! Every case on every engine: one expectation for all of them.
//!
//! Trials are named `<engine>::<group>/<case>`. `BLESS=1` rewrites the expectations of the plug-in
//! cases by what the first engine does; every engine is compared with them all the same.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use polyextism_tests::{engines, suite};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let engines = engines();
    if std::env::var_os("BLESS").is_some() {
        suite::bless(&engines[0]);
    }
    let trials = suite::trials(&engines).into_iter().map(|trial| {
        let name = format!("{}::{}/{}", trial.engine, trial.group, trial.case);
        Trial::test(name, move || Ok((trial.run)()?))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
