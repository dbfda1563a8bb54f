//! What the tests of the C library share: the library that cargo has built beside them, the system's compilers, and
//! processes that end.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    env,
    ffi::OsStr,
    io::Read,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a process may take: far longer than any does.
const LONGEST: Duration = Duration::from_secs(120);

/// The folder of the C library.
pub(crate) fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The shared library, which cargo builds with the tests, for the same features.
pub(crate) fn library() -> PathBuf {
    let test = env::current_exe().expect("tests have a path");
    let library = test.with_file_name("libextism.so");
    assert!(library.exists(), "{} is missing", library.display());
    library
}

/// A folder of this process for what tests build.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// Whether there is a compiler of C++, which nothing but the tests of that needs; says so if there is none.
#[expect(
    clippy::print_stderr,
    reason = "whoever looks for the test wants to know"
)]
pub(crate) fn compiles_cpp() -> bool {
    let compiler = env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let probe = run(Command::new(&compiler).arg("--version"));
    if let Err(why) = &probe {
        eprintln!(
            "C++ is not tested: {} does not run here ({why})",
            compiler.display()
        );
    }
    probe.is_ok()
}

/// Compiles C or C++ with all warnings as errors, and links it with nothing but what `arguments` say.
pub(crate) fn compile(compiler: &str, program: &Path, arguments: &[&str], sources: &[PathBuf]) {
    let variable = match compiler {
        "c++" => "CXX",
        _ => "CC",
    };
    let compiler = env::var_os(variable).unwrap_or_else(|| compiler.into());
    let mut command = Command::new(&compiler);
    command
        .args([
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-O1",
            "-g",
            "-pthread",
        ])
        .arg("-I")
        .arg(folder().join("include"))
        .args(sources)
        .args(arguments)
        .arg("-o")
        .arg(program);
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", compiler.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{errors}");
}

/// What a process said, and how it ended if that was not well.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    run_within(LONGEST, command)
}

/// As [`run`], for a process that may take so long.
pub(crate) fn run_within(longest: Duration, command: &mut Command) -> Result<String, String> {
    // With the processes that it forks, it is a group of its own.
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let mut child = child.map_err(|error| format!("{command:?}: {error}"))?;
    let read = |mut stream: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let said = read(Box::new(child.stdout.take().expect("it is piped")));
    let complained = read(Box::new(child.stderr.take().expect("it is piped")));
    let end = Instant::now() + longest;
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break Ok(status),
            None if Instant::now() > end => {
                let group = format!("-{}", child.id());
                let _ = Command::new("kill").args(["-9", "--", &group]).status();
                let _ = child.wait();
                break Err("HANG".to_owned());
            }
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    let status = status?;
    let said = said.join().expect("it does not panic");
    let complained = complained.join().expect("it does not panic");
    match status.success() {
        true => Ok(said),
        false => Err(format!("CRASH ({status}): {said}{complained}")),
    }
}

/// A command that has an engine, and no compile cache.
pub(crate) fn with_engine(program: impl AsRef<OsStr>, engine: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("EXTISM_ENGINE", engine)
        .env("EXTISM_CACHE_DIR", "");
    command
}

/// Whether a text is as expected, where `*` stands for anything.
pub(crate) fn fits(expected: &str, text: &str) -> bool {
    let mut parts = expected.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Does something for each of many rows on a few threads, and returns what came out in the same order.
pub(crate) fn in_parallel<T: Sync, R: Send>(rows: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let size = rows.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let work = &work;
        let chunks = rows.chunks(size);
        let threads: Vec<_> = chunks
            .map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<_>>()))
            .collect();
        let chunks = threads
            .into_iter()
            .map(|thread| thread.join().expect("rows do not panic"));
        chunks.flatten().collect()
    })
}
