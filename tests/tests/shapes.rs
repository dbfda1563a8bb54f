//! Modules that are made to cost a compiler as much as strict limits let them: each ends within the guard, on
//! every engine, in a process of its own.
//!
//! A shape compiles, or the engine refuses it; either is fine, if it is soon and takes no more memory than it
//! may. A shape that the limits refuse is a mistake of the shape. Without `SHAPES` the limits, and with them
//! the shapes, are a tenth of the strict ones, and so is the memory. `SHAPES=full` takes all of it.
//! `SHAPES=table` prints the time of the processor and the most memory that each shape took of the strict limits, and
//! how it ended; `SHAPES=default` does so with the default limits, without a guard. `SHAPES_PART=20` takes a twentieth.
//! `SHAPES_FOLDER` writes the modules there. A trial is named `<engine>::<shape>`.

use std::{
    env, fs,
    path::Path,
    process::{Command, ExitCode},
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};
use polyextism::{
    Choice, Error, ErrorKind, Limits, Manifest, Options, Plugin, engine, internal::Bounds,
};
use polyextism_tests::{
    engines,
    shapes::{Shape, instructions, shapes},
};

/// How long a shape may take on a machine that is busy with other tests, by a compiler that is itself not
/// fully optimised.
const GUARD: Duration = Duration::from_secs(120);
/// The most memory that a process may have had, in KiB: itself, and what compiling takes at strict limits.
const MEMORY: [u64; 2] = [64 << 10, 2 << 20];
/// The variables by which a child is told what to compile.
const ENGINE: &str = "SHAPES_ENGINE";
const SHAPE: &str = "SHAPES_SHAPE";
/// Which part of the limits the shapes exhaust; 10 is a tenth.
const PART: &str = "SHAPES_PART";
/// The most parameters, and the most results, that validators allow a function.
const SIGNATURE: u64 = 1000;
/// The most data segments, and the most element segments, that validators allow a module.
const SEGMENTS: u64 = 100_000;
/// Where to write modules instead of compiling them.
const FOLDER: &str = "SHAPES_FOLDER";
/// Of how many KiB those of instructions are; without it, the others are written.
const LENGTHS: &str = "SHAPES_KIB";

#[expect(
    clippy::print_stdout,
    reason = "the head of the table that was asked for"
)]
fn main() -> ExitCode {
    if let (Ok(name), Ok(shape)) = (env::var(ENGINE), env::var(SHAPE)) {
        return child(&name, &shape);
    }
    if let Some(folder) = env::var_os(FOLDER) {
        return write(Path::new(&folder));
    }
    let mut arguments = Arguments::from_args();
    if prints() {
        arguments.test_threads = Some(1);
        println!("engine | shape | seconds of the processor | MiB | KiB of module | end");
    }
    let mut trials = Vec::new();
    for choice in engines() {
        let name = format!("{}::every instruction", choice.name());
        trials.push(Trial::test(name, move || every_instruction(choice)));
        for shape in shapes() {
            let engine = choice.name();
            let name = format!("{engine}::{}", shape.name);
            trials.push(Trial::test(name, move || run(&engine, shape)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Writes all shapes into a folder, and every instruction in the lengths that `benches/python/compiling.py` asks for.
fn write(folder: &Path) -> ExitCode {
    let bounds = bounds(&limits());
    let lengths = env::var(LENGTHS).unwrap_or_default();
    let lengths = lengths.split_whitespace().map(|kib| {
        let kib: usize = kib.parse().expect("SHAPES_KIB is numbers");
        kib << 10
    });
    let file = |name: String, wasm: Vec<u8>| {
        let path = folder.join(name.replace(' ', "_") + ".wasm");
        fs::write(path, wasm).expect("the folder can be written");
    };
    let pieces = instructions::pieces();
    for bytes in lengths {
        for piece in &pieces {
            let name = format!("{}@{bytes}", piece.name);
            file(name, instructions::repeated(piece, bytes));
        }
    }
    if env::var_os(LENGTHS).is_none() {
        shapes().for_each(|shape| file(shape.name.to_owned(), (shape.make)(&bounds)));
    }
    ExitCode::SUCCESS
}

/// Compiles every instruction, again and again, in functions that are short: what grows with them shows in the tables
/// of `benches/python/compiling.py`.
fn every_instruction(choice: Choice) -> Result<(), Failed> {
    for piece in instructions::pieces() {
        let manifest = Manifest::of(instructions::repeated(&piece, 2 << 10));
        let options = Options::default().with_limits(Limits::strict());
        let start = Instant::now();
        // What an engine does not have it refuses.
        let made = choice.compile(&manifest, &options);
        let expected = [ErrorKind::Unsupported, ErrorKind::InvalidModule];
        match made {
            Err(error) if !expected.contains(&error.kind()) => {
                return Err(format!("{}: {error}", piece.name).into());
            }
            _ if start.elapsed() > GUARD => {
                return Err(format!("{}: it did not end within {GUARD:?}", piece.name).into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// The limits that the shapes exhaust.
fn limits() -> Limits {
    let mut limits = match is_default() {
        true => Limits::default(),
        false => Limits::strict(),
    };
    let part = part();
    for (_, limit) in limits.fields() {
        *limit /= part;
    }
    limits
}

/// What these limits allow, within what every validator allows.
fn bounds(limits: &Limits) -> Bounds {
    let mut bounds = Bounds::from(limits);
    bounds.signature = bounds.signature.min(SIGNATURE);
    bounds.data_segments = bounds.data_segments.min(SEGMENTS);
    bounds.element_segments = bounds.element_segments.min(SEGMENTS);
    bounds
}

/// Whether the default limits are exhausted.
fn is_default() -> bool {
    env::var_os("SHAPES").is_some_and(|what| what == "default")
}

/// Whether a table was asked for.
fn prints() -> bool {
    is_default() || env::var_os("SHAPES").is_some_and(|what| what == "table")
}

/// Which part of the limits: 1 is all of it.
fn part() -> u64 {
    let said = env::var(PART).map(|part| part.parse().expect("SHAPES_PART is a number"));
    match env::var_os("SHAPES") {
        None => 10,
        Some(_) => said.unwrap_or(1).max(1),
    }
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
            None if start.elapsed() > GUARD && !is_default() => {
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
    let limits = limits();
    let wasm = (shape.make)(&bounds(&limits));
    let size = wasm.len() / 1024;
    let choice = engine(name).expect("the parent took it from the same list");
    let options = Options::default().with_limits(limits);
    let made = choice.compile(&Manifest::of(wasm), &options);
    let made = made.and_then(|compiled| Plugin::new(&compiled).map(drop));
    let (took, memory) = (processor(), peak());
    let refused = |error: &Error| error.kind() == ErrorKind::InvalidModule;
    if let Some(error) = made.as_ref().err().filter(|error| refused(error)) {
        println!("{choice:?}::{shape}: {error}", shape = shape.name);
        return ExitCode::FAILURE;
    }
    let most = MEMORY[0] + MEMORY[1] / part();
    if memory > most && !is_default() {
        println!("{choice:?}::{}: {memory} KiB, at most {most}", shape.name);
        return ExitCode::FAILURE;
    }
    if prints() {
        let end = made.map_or_else(|error| error.to_string(), |()| "compiled".to_owned());
        let name = shape.name;
        let memory = memory / 1024;
        println!("{choice:?} | {name} | {took:.2} | {memory} | {size} | {end}");
    }
    ExitCode::SUCCESS
}

/// How long this process has kept processors busy, in seconds, if the system says it.
fn processor() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may contain anything (`man 5 proc_pid_stat`): user and system, in hundredths.
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks = times.filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// The most memory that this process has had, in KiB, if the system says it.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().split(' ').next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}
