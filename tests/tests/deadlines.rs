//! Whatever a guest does, its call ends at its deadline and when it is cancelled, on every engine.

use std::{
    thread,
    time::{Duration, Instant},
};

use polyextism::{
    Caller, Choice, Compiled, Error, ErrorKind, Function, Interrupted, Manifest, Options, Plugin,
};
use polyextism_tests::{
    endless::{ENDLESS, guest},
    engines,
};

/// How late a call may end on a machine that is busy with other tests. On an idle one it is 10 ms.
const LATE: Duration = Duration::from_secs(5);

fn nap() -> Function {
    Function::typed("nap", |_: &mut Caller<'_>, (): ()| Ok(()))
}

fn made(choice: &Choice, wat: &str, timeout_ms: Option<u64>, interrupted: Interrupted) -> Plugin {
    let mut manifest = Manifest::of(wat.as_bytes());
    manifest.timeout_ms = timeout_ms;
    let options = Options {
        functions: vec![nap()],
        interrupted,
        ..Options::default()
    };
    let compiled: Compiled = choice.compile(&manifest, &options).expect("it compiles");
    Plugin::new(&compiled).expect("it starts")
}

fn fails(plugin: &mut Plugin, name: &str) -> Error {
    match plugin.call(name, b"") {
        Ok(_) => panic!("`{name}` ended by itself"),
        Err(error) => error,
    }
}

#[test]
fn every_endless_guest_ends_at_the_deadline() {
    for choice in engines() {
        for (what, body) in ENDLESS {
            let wat = guest(body);
            let mut plugin = made(&choice, &wat, Some(30), Interrupted::Replaced);
            for _ in 0..2 {
                let start = Instant::now();
                let error = fails(&mut plugin, "endless");
                let took = start.elapsed();
                assert_eq!(
                    error.kind(),
                    ErrorKind::Timeout,
                    "{choice:?} {what}: {error}"
                );
                assert_eq!(
                    error.to_string(),
                    "the call did not end within its time limit of 30ms"
                );
                assert!(
                    took >= Duration::from_millis(30),
                    "{choice:?} {what}: {took:?}"
                );
                assert!(took < LATE, "{choice:?} {what}: {took:?}");
                assert_eq!(plugin.call("ready", b"").expect("it is ready again"), b"");
            }
        }
    }
}

#[test]
fn every_endless_guest_can_be_cancelled() {
    for choice in engines() {
        for (what, body) in ENDLESS {
            let mut plugin = made(&choice, &guest(body), None, Interrupted::Replaced);
            let handle = plugin.cancel_handle();
            assert!(!handle.cancel(), "{choice:?} {what}: nothing is running");
            let error = thread::scope(|scope| {
                scope.spawn(|| {
                    while !handle.cancel() {
                        thread::yield_now();
                    }
                });
                fails(&mut plugin, "endless")
            });
            assert_eq!(
                error.kind(),
                ErrorKind::Cancelled,
                "{choice:?} {what}: {error}"
            );
            assert_eq!(error.to_string(), "the call was cancelled");
            assert_eq!(plugin.call("ready", b"").expect("it is ready again"), b"");
        }
    }
}
