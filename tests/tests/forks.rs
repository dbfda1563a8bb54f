//! Plain Rust programs that fork: what children can do with the plug-ins of their parent, and with their own.
//!
//! Each trial is a process of its own, named `<engine>::<what>`; it forks, and its children end before it does.

#![allow(unsafe_code, reason = "forking is unsafe: see SAFETY")]

use std::{
    env,
    panic::{self, AssertUnwindSafe},
    process::{Command, ExitCode, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};
use polyextism::{
    CallLimits, Caller, Choice, Compiled, ErrorKind, Function, Manifest, Options, Plugin, Pool,
    engine, internal::forks::section,
};
use polyextism_tests::engines;

const GUEST: &str = r#"(module
  (import "extism:host/env" "input_offset" (func $input (result i64)))
  (import "extism:host/env" "input_length" (func $size (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "echo") (call $output (call $input) (call $size)))
  (func (export "trap") unreachable)
  (func (export "spin") (loop (br 0))))"#;

const CALLING: &str = r#"(module
  (import "extism:host/user" "host" (func $host (param i64) (result i64)))
  (func (export "run") (result i32) (i32.wrap_i64 (call $host (i64.const 0)))))"#;

/// The variables by which a process is told what to do.
const ENGINE: &str = "FORKS_ENGINE";
const TRIAL: &str = "FORKS_TRIAL";

/// How long a process may take. None takes a tenth of it.
const LONGEST: Duration = Duration::from_secs(120);

/// What a process does, by its name.
type Named = (&'static str, fn(&Choice));

const TRIALS: &[Named] = &[
    ("the plug-in of the parent", parents_plugin),
    ("a plug-in of the child", plugin_of_the_child),
    (
        "an instance of what the parent compiled",
        instance_in_the_child,
    ),
    ("the pool of the parent", pool),
    ("a grandchild", grandchild),
    ("on a thread that is not the first", on_a_thread),
    ("in a host function", in_a_host_function),
    ("while other threads compile", while_others_compile),
    ("while another thread calls", while_another_thread_calls),
    ("waits for what other threads make", waits),
];

fn main() -> ExitCode {
    if let (Ok(name), Ok(trial)) = (env::var(ENGINE), env::var(TRIAL)) {
        polyextism::heed_forks();
        let choice = engine(&name).expect("it is built in");
        let found = TRIALS.iter().find(|(name, _)| *name == trial);
        found.expect("it is one of the trials").1(&choice);
        return ExitCode::SUCCESS;
    }
    let trials = engines().into_iter().flat_map(|choice| {
        TRIALS.iter().map(move |(trial, _)| {
            let name = choice.name();
            Trial::test(format!("{name}::{trial}"), move || run(&name, trial))
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// Runs a trial in a process.
fn run(name: &str, trial: &str) -> Result<(), Failed> {
    let mut child = Command::new(env::current_exe()?)
        .env(ENGINE, name)
        .env(TRIAL, trial)
        .env("EXTISM_CACHE_DIR", "")
        .stdout(Stdio::null())
        .spawn()?;
    let end = Instant::now() + LONGEST;
    while Instant::now() < end {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("it ended with {status}").into()),
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
    child.kill()?;
    Err("it hangs".into())
}

/// Runs `body` in a forked child.
///
/// # Panics
/// If the child panics, crashes or hangs.
fn in_child(body: impl FnOnce()) {
    // SAFETY: The child takes no lock that another thread can hold: the allocator and standard error may be used after
    // a fork, and the rest is what is tested.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: It has no conditions. The signal ends a child that hangs.
        unsafe { libc::alarm(LONGEST.as_secs() as u32 / 2) };
        let outcome = panic::catch_unwind(AssertUnwindSafe(body));
        // SAFETY: It has no conditions.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    let mut status = -1;
    // SAFETY: The status is written to a live number.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((ended, status), (child, 0), "the child and how it ended");
}

fn compile(choice: &Choice, guest: &str, functions: Vec<Function>) -> Compiled {
    let options = Options::default()
        .with_functions(functions)
        .with_fuel(1_000_000_000_000);
    let compiled = choice.compile(&Manifest::of(guest.as_bytes()), &options);
    compiled.expect("it compiles")
}

fn plugin(choice: &Choice) -> Plugin {
    Plugin::new(&compile(choice, GUEST, Vec::new())).expect("there is room")
}

/// Everything that a plug-in can do: calls, failures, time limits, being cancelled, and fuel.
fn exercise(plugin: &mut Plugin) {
    assert_eq!(plugin.call("echo", b"x").expect("it returns"), b"x");
    let trap = plugin.call("trap", b"").expect_err("it traps").kind();
    assert!(matches!(trap, ErrorKind::Trap(_)), "{trap:?}");
    let spin = plugin.function("spin").expect("it is there");
    let time = CallLimits::default().with_timeout(Duration::from_millis(50));
    let late = plugin.call_with(spin, b"", &time).expect_err("it spins");
    assert_eq!(late.kind(), ErrorKind::Timeout);
    let fuel = CallLimits::default().with_fuel(10_000);
    let dry = plugin.call_with(spin, b"", &fuel).expect_err("it spins");
    assert_eq!(dry.kind(), ErrorKind::OutOfFuel);
    let handle = plugin.cancel_handle();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Relaxed) {
                handle.cancel();
                thread::sleep(Duration::from_millis(5));
            }
        });
        let cancelled = plugin.call("spin", b"").expect_err("it spins").kind();
        over.store(true, Relaxed);
        assert_eq!(cancelled, ErrorKind::Cancelled);
    });
    assert_eq!(plugin.call("echo", b"y").expect("it returns"), b"y");
}

fn parents_plugin(choice: &Choice) {
    let mut plugin = plugin(choice);
    exercise(&mut plugin);
    in_child(|| exercise(&mut plugin));
    exercise(&mut plugin);
}

fn plugin_of_the_child(choice: &Choice) {
    exercise(&mut plugin(choice));
    in_child(|| exercise(&mut plugin(choice)));
    exercise(&mut plugin(choice));
}

fn instance_in_the_child(choice: &Choice) {
    let compiled = compile(choice, GUEST, Vec::new());
    let start = || Plugin::new(&compiled).expect("there is room");
    exercise(&mut start());
    in_child(|| exercise(&mut start()));
    exercise(&mut start());
}

fn pool(choice: &Choice) {
    let pool = Pool::new(&compile(choice, GUEST, Vec::new()));
    let mut taken = pool.get(Some(LONGEST)).expect("there is one");
    exercise(&mut taken);
    in_child(|| {
        for _ in 0..3 {
            exercise(&mut pool.get(Some(LONGEST)).expect("the child has its own"));
        }
    });
    exercise(&mut taken);
}

fn grandchild(choice: &Choice) {
    let mut first = plugin(choice);
    exercise(&mut first);
    in_child(|| {
        let mut second = plugin(choice);
        exercise(&mut second);
        in_child(|| {
            exercise(&mut first);
            exercise(&mut second);
            exercise(&mut plugin(choice));
        });
        exercise(&mut first);
    });
}

fn on_a_thread(choice: &Choice) {
    let mut plugin = plugin(choice);
    exercise(&mut plugin);
    let thread = thread::scope(|scope| {
        let thread = scope.spawn(|| in_child(|| exercise(&mut plugin)));
        thread.join()
    });
    thread.expect("the child ends well");
}

fn in_a_host_function(choice: &Choice) {
    let own = *choice;
    let host = Function::typed("host", move |_: &mut Caller<'_>, (n,): (i64,)| {
        in_child(|| exercise(&mut plugin(&own)));
        Ok(n)
    });
    let compiled = compile(choice, CALLING, vec![host]);
    let mut plugin = Plugin::new(&compiled).expect("there is room");
    plugin.call("run", b"").expect("it returns");
}

/// Instances are made and freed in between, because engines hold their locks for a greater part of that.
fn while_others_compile(choice: &Choice) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    let compiled = compile(choice, GUEST, Vec::new());
                    for _ in 0..100 {
                        drop(Plugin::new(&compiled).expect("there is room"));
                    }
                }
            });
        }
        let compiled = compile(choice, GUEST, Vec::new());
        for number in 0..100 {
            in_child(|| {
                let mut made = match number % 10 {
                    0 => plugin(choice),
                    _ => Plugin::new(&compiled).expect("there is room"),
                };
                assert_eq!(made.call("echo", b"x").expect("it returns"), b"x");
            });
        }
        over.store(true, Relaxed);
    });
}

fn while_another_thread_calls(choice: &Choice) {
    let compiled = compile(choice, GUEST, Vec::new());
    let spinning = Mutex::new(Plugin::new(&compiled).expect("there is room"));
    let handle = spinning.lock().expect("nobody panics").cancel_handle();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut plugin = spinning.lock().expect("nobody panics");
            plugin.call("spin", b"").expect_err("it is cancelled");
            over.store(true, Relaxed);
        });
        thread::sleep(Duration::from_millis(50));
        in_child(|| {
            let mut own = Plugin::new(&compiled).expect("there is room");
            exercise(&mut own);
        });
        while !over.load(Relaxed) {
            handle.cancel();
            thread::sleep(Duration::from_millis(5));
        }
    });
}

/// The moments in which engines hold locks are short. This one is not.
fn waits(choice: &Choice) {
    let compiled = compile(choice, GUEST, Vec::new());
    let (entered, over) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            section(|| {
                let mut plugin = Plugin::new(&compiled).expect("there is room");
                entered.store(true, Relaxed);
                thread::sleep(Duration::from_millis(300));
                plugin.call("echo", b"x").expect("it returns");
                drop(plugin);
                over.store(true, Relaxed);
            });
        });
        while !entered.load(Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
        in_child(|| {
            assert!(over.load(Relaxed), "the fork came in between");
            exercise(&mut plugin(choice));
        });
    });
}
