//! Plug-ins with WASI on threads that a runtime of tokio has: every kind of them, on every engine.
//!
//! Such calls keep the thread, which a host does better by `spawn_blocking`; but they work everywhere.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use polyextism::{Choice, ErrorKind, Function, Manifest, Options, Output, Plugin, Wasi};
use polyextism_tests::{endless::LATE, engines};
use tokio::{
    runtime::{Builder, Runtime},
    task::{self, LocalSet, coop},
};

/// Sleeps for as long as the input says, writes a line, calls its host function.
const GUEST: &str = r#"(module
  (import "extism:host/user" "host" (func $host))
  (import "extism:host/env" "input_load_u64" (func $input (param i64) (result i64)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 512) "written\n")
  (func $sleep (export "sleep")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (call $input (i64.const 0)))
    (if (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)) (then unreachable)))
  (func (export "write")
    (i32.store (i32.const 256) (i32.const 512))
    (i32.store (i32.const 260) (i32.const 8))
    (if (call $write (i32.const 1) (i32.const 256) (i32.const 1) (i32.const 264))
      (then unreachable)))
  (func (export "around") (call $sleep) (call $host) (call $sleep)))"#;

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(3600);

fn made(
    choice: &Choice,
    host: impl Fn() -> polyextism::Result<()> + Send + Sync + 'static,
) -> Plugin {
    let wasi = Wasi::default().with_stdout(Output::Capture { limit: 1000 });
    let options = Options::default()
        .with_functions(vec![Function::typed("host", move |_, (): ()| host())])
        .with_wasi(wasi);
    let compiled = choice.compile(&Manifest::of(GUEST.as_bytes()), &options);
    Plugin::new(&compiled.expect("it compiles")).expect("it starts")
}

fn nanos(time: Duration) -> [u8; 8] {
    u64::try_from(time.as_nanos())
        .expect("it is short")
        .to_le_bytes()
}

fn sleep(plugin: &mut Plugin, function: &str, time: Duration) -> polyextism::Result<()> {
    plugin.call(function, &nanos(time)).map(drop)
}

/// Everything that waits, in the middle of whatever has this thread.
fn waits(choice: &Choice) {
    let mut plugin = made(choice, || Ok(()));
    plugin.call("write", b"").expect("it writes");
    assert_eq!(plugin.stdout(), b"written\n");
    let start = Instant::now();
    sleep(&mut plugin, "sleep", SHORT).expect("it wakes up");
    assert!(start.elapsed() >= SHORT);
    plugin.set_timeout(Some(SHORT));
    let start = Instant::now();
    let error = sleep(&mut plugin, "sleep", LONG).expect_err("there is a limit");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(start.elapsed() < LATE);
    // One within another.
    let inner = Mutex::new(made(choice, || Ok(())));
    let mut outer = made(choice, move || {
        sleep(&mut inner.lock().expect("nobody panics"), "sleep", SHORT)
    });
    sleep(&mut outer, "around", SHORT).expect("both wake up");
}

type Job = Box<dyn FnOnce() + Send>;

/// A way to run a job: its name, and how.
struct Flavour(&'static str, fn(Job));

/// What has the thread while a job runs.
const FLAVOURS: &[Flavour] = &[
    Flavour("nothing", |job| job()),
    Flavour("a runtime that was entered", |job| {
        let runtime = many();
        let _entered = runtime.enter();
        job();
    }),
    Flavour("`#[tokio::main]`", |job| many().block_on(async { job() })),
    Flavour("a task", |job| {
        let runtime = many();
        let task = runtime.spawn(async { job() });
        runtime.block_on(task).expect("it does not panic");
    }),
    Flavour("`spawn_blocking`", |job| {
        let runtime = many();
        let task = runtime.spawn_blocking(job);
        runtime.block_on(task).expect("it does not panic");
    }),
    Flavour("`block_in_place`", |job| {
        many().block_on(async { task::block_in_place(job) });
    }),
    Flavour("`current_thread`", |job| one().block_on(async { job() })),
    Flavour("`spawn_blocking` of `current_thread`", |job| {
        let runtime = one();
        let task = runtime.spawn_blocking(job);
        runtime.block_on(task).expect("it does not panic");
    }),
    Flavour("`LocalSet`", |job| {
        let local = LocalSet::new();
        let task = local.spawn_local(async { job() });
        let ended = local.block_on(&one(), task);
        ended.expect("it does not panic");
    }),
    Flavour("a task that has used its budget up", |job| {
        let mut job = Some(job);
        let task = poll_fn(move |context| {
            while pin!(coop::consume_budget()).poll(context).is_ready() {}
            if let Some(job) = job.take() {
                job();
            }
            Poll::Ready(())
        });
        let runtime = many();
        let task = runtime.spawn(task);
        runtime.block_on(task).expect("it does not panic");
    }),
];

/// With timers.
fn many() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    let built = builder.worker_threads(2).enable_time().build();
    built.expect("the system gives threads")
}

/// Without timers.
fn one() -> Runtime {
    let built = Builder::new_current_thread().build();
    built.expect("the system gives what it needs")
}

#[test]
fn calls_wait_whatever_has_their_thread() {
    for Flavour(what, run) in FLAVOURS {
        for choice in engines() {
            let name = format!("{choice:?} in {what}");
            let done = Arc::new(AtomicBool::new(false));
            let job = Arc::clone(&done);
            // What panics says on which thread.
            let thread = thread::Builder::new().name(name.clone()).spawn(move || {
                run(Box::new(move || {
                    waits(&choice);
                    job.store(true, SeqCst);
                }));
            });
            let ended = thread.expect("the system gives threads").join();
            assert!(ended.is_ok() && done.load(SeqCst), "{name}");
        }
    }
}

/// What looks after the host's affairs while a guest sleeps calls a plug-in that sleeps as well.
#[test]
fn a_call_sleeps_while_another_one_of_the_thread_does() {
    for Flavour(_, run) in FLAVOURS {
        for choice in engines() {
            let called = Arc::new(AtomicBool::new(false));
            let seen = Arc::clone(&called);
            run(Box::new(move || {
                let other = Mutex::new(made(&choice, || Ok(())));
                let mut plugin = made(&choice, || Ok(()));
                plugin.host().alarm().set_check(move || {
                    if let Ok(mut other) = other.try_lock() {
                        sleep(&mut other, "sleep", SHORT)?;
                        called.store(true, SeqCst);
                    }
                    Ok(())
                });
                while !seen.load(SeqCst) {
                    sleep(&mut plugin, "sleep", SHORT * 5).expect("it wakes up");
                }
            }));
        }
    }
}
