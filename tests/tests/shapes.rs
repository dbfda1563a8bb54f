//! Modules that are made to cost a compiler as much as the bounds let them: each ends within the guard, on
//! every engine, in a process of its own.
//!
//! A shape compiles or is refused; either is fine, if it is soon. `SHAPES=table` prints what each
//! took, instead of a verdict: time, the most memory, and how it ended. A trial is named
//! `<engine>::<shape>`.

use std::{
    env,
    process::{Command, ExitCode},
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};
use polyextism::{Bounds, Manifest, Options, Plugin, engine};
use polyextism_tests::{
    engines,
    shapes::{Shape, shapes},
};

/// How long a shape may take on a machine that is busy with other tests, by a compiler that is itself not
/// fully optimised.
const GUARD: Duration = Duration::from_secs(120);
/// The variables by which a child is told what to compile.
const ENGINE: &str = "SHAPES_ENGINE";
const SHAPE: &str = "SHAPES_SHAPE";

#[expect(
    clippy::print_stdout,
    reason = "the head of the table that was asked for"
)]
fn main() -> ExitCode {
    if let (Ok(name), Ok(shape)) = (env::var(ENGINE), env::var(SHAPE)) {
        return child(&name, &shape);
    }
    let mut arguments = Arguments::from_args();
    if env::var_os("SHAPES").is_some_and(|what| what == "table") {
        arguments.test_threads = Some(1);
        println!("engine | shape | seconds | MiB | KiB of module | end");
    }
    let mut trials = Vec::new();
    for choice in engines() {
        for shape in shapes() {
            let engine = choice.name();
            let name = format!("{engine}::{}", shape.name);
            trials.push(Trial::test(name, move || run(&engine, shape)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs a shape in a child process.
fn run(engine: &str, shape: Shape) -> Result<(), Failed> {
    let mut child = Command::new(env::current_exe()?);
    child.env(ENGINE, engine).env(SHAPE, shape.name);
    let start = Instant::now();
    let mut child = child.spawn()?;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("the process ended with {status}").into()),
            None if start.elapsed() > GUARD => {
                child.kill()?;
                child.wait()?;
                return Err(format!("it did not end within {GUARD:?}").into());
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// What a child does: compiles, and makes an instance.
#[expect(clippy::print_stdout, reason = "the table that was asked for")]
fn child(name: &str, shape: &str) -> ExitCode {
    let shape = shapes().find(|known| known.name == shape);
    let shape = shape.expect("the parent took it from the same list");
    let wasm = (shape.make)(&Bounds::default());
    let size = wasm.len() / 1024;
    let choice = engine(name).expect("the parent took it from the same list");
    let start = Instant::now();
    let options = Options::default();
    let made = choice.compile(&Manifest::of(wasm), &options);
    let made = made.and_then(|compiled| Plugin::new(&compiled).map(drop));
    let took = start.elapsed().as_secs_f64();
    if env::var_os("SHAPES").is_some() {
        let end = made.map_or_else(|error| error.to_string(), |()| "compiled".to_owned());
        let name = shape.name;
        let memory = peak() / 1024;
        println!("{choice:?} | {name} | {took:.2} | {memory} | {size} | {end}");
    }
    ExitCode::SUCCESS
}

/// The most memory that this process has had, in KiB, if the system says it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().split(' ').next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}
