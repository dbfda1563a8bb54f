//! The table of edge cases, `cases.c`: each in a process of its own, on every engine that is built in.
//!
//! What a case says is compared with the one expectation that it has for all engines. The same program runs with the
//! official library, and shows what both say:
//! `EXTISM_OFFICIAL=…/libextism_sys.so cargo test … --test edges -- --ignored --nocapture`.

mod common;

use std::{path::PathBuf, process::Command, time::Duration};

use common::{compile, fits, folder, in_parallel, library, run, run_within, scratch, with_engine};

/// A case and what it is expected to say.
struct Row {
    name: String,
    expected: String,
}

/// The program, built with these flags.
fn program(name: &str, flags: &[&str]) -> PathBuf {
    let program = scratch("edges").join(name);
    let sources = ["edges.c", "cases.c"].map(|name| folder().join("tests").join(name));
    // Designated initialisers and statement attributes are no part of C99 that `-Wpedantic` likes.
    let flags = [&["-std=gnu99", "-Wno-pedantic", "-ldl"], flags].concat();
    compile("cc", &program, &flags, &sources);
    program
}

fn rows(program: &PathBuf) -> Vec<Row> {
    let list = run(Command::new(program).arg(library()).arg("list")).expect("there is a list");
    let row = |line: &str| {
        let (name, expected) = line.split_once('\t').expect("a row has two columns");
        let (name, expected) = (name.to_owned(), expected.to_owned());
        Row { name, expected }
    };
    list.lines().map(row).collect()
}

/// What a case says.
fn say(program: &PathBuf, library: &PathBuf, engine: &str, name: &str) -> String {
    let mut command = with_engine(program, engine);
    let said = run(command.arg(library).args(["run", name]));
    said.unwrap_or_else(|failure| failure)
        .trim_end_matches('\n')
        .to_owned()
}

#[test]
fn nothing_that_clients_do_crashes_or_hangs() {
    let (program, library) = (program("edges", &[]), library());
    let rows = rows(&program);
    assert!(rows.len() > 150, "the table has {} rows", rows.len());
    let engines =
        run(Command::new(&program).arg(&library).arg("engines")).expect("there are engines");
    let engines: Vec<_> = engines.lines().collect();
    let all: Vec<_> = engines
        .iter()
        .flat_map(|engine| rows.iter().map(move |row| (*engine, row)))
        .collect();
    assert!(!all.is_empty(), "no engine is built in");
    let wrong = in_parallel(&all, |(engine, row)| {
        let said = say(&program, &library, engine, &row.name);
        let wrong = !fits(&row.expected, &said);
        wrong.then(|| {
            format!(
                "{engine} {}\n  expected {}\n  said     {said}",
                row.name, row.expected
            )
        })
    });
    let wrong: Vec<_> = wrong.into_iter().flatten().collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        all.len(),
        wrong.join("\n")
    );
}

/// A checker's own addresses do not fit beside the plug-in.
const SHORT: &str = "current/a_view_stays_where_addresses_are_short";
/// Memcheck leaves 128 GiB of addresses, which is thirty plug-ins.
const MANY: &str = "new/a_thousand_at_once";

/// Under a checker, everything takes some fifty times as long.
const LONGEST: Duration = Duration::from_secs(3600);

/// Runs every case but these in some other way, on the first engine or the one that `EXTISM_ENGINE` names.
fn checked(program: &PathBuf, without: &[&str], command: impl Fn() -> Command + Sync) {
    let library = library();
    let rows = rows(program);
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| !without.contains(&row.name.as_str()))
        .collect();
    let wrong = in_parallel(&rows, |row| {
        let mut command = command();
        command.env("EXTISM_CACHE_DIR", "");
        command.arg(program).arg(&library).args(["run", &row.name]);
        let said = run_within(LONGEST, &mut command);
        let said = said.unwrap_or_else(|failure| failure);
        let wrong = !fits(&row.expected, said.trim_end_matches('\n'));
        wrong.then(|| format!("{}: {said}", row.name))
    });
    let wrong: Vec<_> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "it needs valgrind, and minutes: `make c-sanitise`"]
fn memcheck_has_no_complaints() {
    let suppressions = folder().join("../python/tests/memcheck/suppressions");
    checked(&program("edges-checked", &[]), &[SHORT, MANY], || {
        let mut command = Command::new("valgrind");
        command.args(["-q", "--error-exitcode=9", "--smc-check=all-non-file"]);
        // One thread runs at a time. Without turns, one that spins keeps the one that is to stop it from running.
        command.arg("--fair-sched=yes");
        // Guests of wasmer and deep calls have stacks of their own. Where those of a forked child lie less than two
        // MiB apart, memcheck takes the switch for a frame, and what lies on the other stack for undefined.
        command.arg("--max-stackframe=262144");
        command.arg(format!("--suppressions={}", suppressions.display()));
        command
    });
}

#[test]
#[ignore = "it needs the library of the compiler, and a minute: `make c-sanitise`"]
fn sanitisers_have_no_complaints() {
    let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    // Traps of guests are signals, which are the engines' to handle.
    // Where a case takes the memory away, its own allocator returns nothing, as the system's does.
    let options = "handle_segv=0:handle_sigill=0:handle_sigfpe=0:use_sigaltstack=0:detect_leaks=0:\
                   allocator_may_return_null=1";
    checked(&program("edges-sanitised", &flags), &[SHORT], || {
        let mut command = Command::new("env");
        command.env("ASAN_OPTIONS", options);
        command
    });
}

#[test]
#[ignore = "it needs EXTISM_OFFICIAL, the path of an official library"]
#[expect(clippy::print_stdout, reason = "that is what it is for")]
fn what_the_official_library_says() {
    let official = std::env::var_os("EXTISM_OFFICIAL")
        .expect("EXTISM_OFFICIAL is set")
        .into();
    let (program, library) = (program("edges-both", &[]), library());
    let rows = rows(&program);
    let columns = in_parallel(&rows, |row| {
        [&library, &official].map(|library| say(&program, library, "wasmtime", &row.name))
    });
    for (row, [ours, theirs]) in rows.iter().zip(columns) {
        println!("{}\n  ours     {ours}\n  official {theirs}", row.name);
        assert!(fits(&row.expected, &ours), "{}", row.name);
    }
}
