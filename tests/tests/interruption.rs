//! Deadlines and cancellation: whatever a guest does, its call ends, on every engine; and what
//! stops one call touches neither the next one nor another plug-in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use polyextism::{
    Caller, Choice, Compiled, Error, ErrorKind, Function, Interrupted, Manifest, Options, Plugin,
};
use polyextism_tests::{engines, plugin};

/// How late a call may end on a machine that is busy with other tests. On an idle one it is 10 ms.
const LATE: Duration = Duration::from_secs(5);

/// A guest that never ends by itself, each in its own way, as the function `endless`.
const ENDLESS: &[(&str, &str)] = &[
    ("loop", "(loop $l (br $l))"),
    (
        "loop with a branch out",
        "(block $out (loop $l (br_if $out (global.get $zero)) (br $l)))",
    ),
    (
        "br_table",
        "(loop $l (br_table $l $l $l (global.get $zero)))",
    ),
    (
        "nested loops",
        "(loop $a (loop $b (br_if $b (global.get $zero)) (br $a)))",
    ),
    (
        "short inner loops",
        "(local $n i32) (loop $a (local.set $n (i32.const 10))
        (loop $b (br_if $b (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) (br $a))",
    ),
    ("calls in a loop", "(loop $l (call $nothing) (br $l))"),
    (
        "a function with a loop, called in a loop",
        "(loop $l (call $short_loop) (br $l))",
    ),
    (
        "calls through a table",
        "(loop $l (call_indirect (type $void) (global.get $zero)) (br $l))",
    ),
    (
        "mutual recursion that is cut off",
        "(loop $l (call $down (i32.const 1000)) (br $l))",
    ),
    (
        "a host function in a loop",
        "(loop $l (call $host) (br $l))",
    ),
    (
        "a builtin in a loop",
        "(loop $l (drop (call $var_get (i64.const 0))) (br $l))",
    ),
    (
        "a kernel function in a loop",
        "(loop $l (drop (call $length (i64.const 99))) (br $l))",
    ),
    (
        "allocations that are freed",
        "(loop $l (call $free (call $alloc (i64.const 100000))) (br $l))",
    ),
    (
        "bulk fills",
        "(loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 6400000)) (br $l))",
    ),
    (
        "bulk copies",
        "(loop $l (memory.copy (i32.const 64) (i32.const 0) (i32.const 6400000)) (br $l))",
    ),
    (
        "growing by nothing",
        "(loop $l (drop (memory.grow (i32.const 0))) (br $l))",
    ),
    (
        "growing for ever",
        "(loop $l (drop (memory.grow (i32.const 100000))) (br $l))",
    ),
    (
        "many results",
        "(loop $l (drop (drop (drop (call $three)))) (br $l))",
    ),
    (
        "return and again",
        "(loop $l (call $return_early (global.get $zero)) (br $l))",
    ),
];

fn guest(body: &str) -> String {
    format!(
        r#"(module
  (type $void (func))
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/user" "nap" (func $host))
  (memory 100)
  (table 1 funcref)
  (elem (i32.const 0) $nothing)
  (global $zero (mut i32) (i32.const 0))
  (global $calls (mut i32) (i32.const 0))
  (func $nothing)
  (func $short_loop (local $n i32) (local.set $n (i32.const 20))
    (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func $down (param i32)
    (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
  (func $three (result i32 i64 f32) (local $n i32)
    (loop $l (if (i32.lt_u (local.get $n) (i32.const 3))
      (then (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $l))))
    (return (i32.const 1) (i64.const 2) (f32.const 3)))
  (func $return_early (param i32)
    (loop $l (if (i32.eqz (local.get 0)) (then (return))) (br $l)))
  (func (export "endless") {body})
  (func (export "ready") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.sub (global.get $calls) (i32.const 1))))"#
    )
}

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

/// After an interruption the state of the guest is that of a new instance, or stays on request.
#[test]
fn an_interrupted_instance_is_replaced_or_kept() {
    let wat = guest("(loop $l (br $l))");
    for choice in engines() {
        for (interrupted, code) in [(Interrupted::Replaced, None), (Interrupted::Kept, Some(1))] {
            let mut plugin = made(&choice, &wat, Some(20), interrupted);
            plugin.call("ready", b"").expect("the first call returns 0");
            assert_eq!(fails(&mut plugin, "endless").kind(), ErrorKind::Timeout);
            let second = plugin
                .call("ready", b"")
                .err()
                .and_then(|error| error.code());
            assert_eq!(second, code, "{choice:?} {interrupted:?}");
        }
    }
}

#[test]
fn a_time_limit_of_one_call() {
    let wat = guest("(loop $l (br $l))");
    for choice in engines() {
        let mut plugin = made(&choice, &wat, Some(3_600_000), Interrupted::Replaced);
        let function = plugin.function("endless").expect("it is exported");
        let ready = plugin.function("ready").expect("it is exported");
        for limit in [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_millis(15),
        ] {
            let outcome = plugin.call_within(function, b"", Some(limit));
            let error = outcome.expect_err("it never ends by itself");
            assert_eq!(error.kind(), ErrorKind::Timeout, "{choice:?} {limit:?}");
        }
        plugin
            .call_within(ready, b"", Some(Duration::MAX))
            .expect("a limit that never comes");
        plugin.set_timeout(Some(Duration::from_millis(10)));
        assert_eq!(fails(&mut plugin, "endless").kind(), ErrorKind::Timeout);
    }
}

/// Start functions and initialisers are under the limit of the call that needs them.
#[test]
fn initialisation_is_under_the_deadline() {
    let guests = [
        r#"(module (func $start (loop $l (br $l))) (start $start) (func (export "f")))"#,
        r#"(module (func (export "_initialize") (loop $l (br $l))) (func (export "f")))"#,
    ];
    for choice in engines() {
        for wat in guests {
            let mut plugin = made(&choice, wat, Some(20), Interrupted::Replaced);
            assert_eq!(
                fails(&mut plugin, "f").kind(),
                ErrorKind::Timeout,
                "{choice:?}"
            );
            let error = plugin.initialize().expect_err("it never ends");
            assert_eq!(error.kind(), ErrorKind::Timeout, "{choice:?}");
        }
    }
}

/// A host function is not stopped, but a call that it makes too long fails when it returns.
#[test]
fn a_host_function_that_outlives_the_deadline_fails_the_call() {
    let wat = r#"(module
        (import "extism:host/user" "slow" (func $slow))
        (import "extism:host/user" "never" (func $never))
        (func (export "f") (call $slow) (call $never)))"#;
    let slow = Function::typed("slow", |caller: &mut Caller<'_>, (): ()| {
        let alarm = caller.host().alarm();
        assert!(
            alarm
                .remaining()
                .is_some_and(|left| left <= Duration::from_millis(20))
        );
        thread::sleep(Duration::from_millis(60));
        assert_eq!(alarm.remaining(), Some(Duration::ZERO));
        Ok(())
    });
    let reached = Arc::new(AtomicBool::new(false));
    let never = Function::typed("never", {
        let reached = Arc::clone(&reached);
        move |_: &mut Caller<'_>, (): ()| {
            reached.store(true, Ordering::SeqCst);
            Ok(())
        }
    });
    for choice in engines() {
        let mut plugin = plugin(&choice, wat, &[slow.clone(), never.clone()]).expect("it starts");
        plugin.set_timeout(Some(Duration::from_millis(20)));
        assert_eq!(
            fails(&mut plugin, "f").kind(),
            ErrorKind::Timeout,
            "{choice:?}"
        );
        assert!(
            !reached.load(Ordering::SeqCst),
            "{choice:?}: the guest went on"
        );
    }
}

/// A host function that waits ends when it is told.
#[test]
fn a_waiting_host_function_attends() {
    let wat = r#"(module (import "extism:host/user" "wait" (func $wait))
        (func (export "f") (call $wait)))"#;
    let wait = Function::typed::<(), ()>("wait", |caller, ()| {
        let alarm = caller.host().alarm();
        loop {
            thread::sleep(alarm.patience());
            alarm.attend()?;
        }
    });
    for choice in engines() {
        let mut plugin = plugin(&choice, wat, &[wait.clone()]).expect("it starts");
        let handle = plugin.cancel_handle();
        let error = thread::scope(|scope| {
            scope.spawn(|| {
                while !handle.cancel() {
                    thread::yield_now();
                }
            });
            fails(&mut plugin, "f")
        });
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{choice:?}");
        plugin.set_timeout(Some(Duration::from_millis(10)));
        assert_eq!(
            fails(&mut plugin, "f").kind(),
            ErrorKind::Timeout,
            "{choice:?}"
        );
    }
}

/// What the host checks during a call ends it with its own error.
#[test]
fn a_check_of_the_host_ends_the_call() {
    let wat = guest("(loop $l (br $l))");
    for choice in engines() {
        let mut plugin = made(&choice, &wat, None, Interrupted::Replaced);
        plugin.host().alarm().set_check(|| {
            Err(Error::new(
                ErrorKind::HostFunction,
                "the user has had enough",
            ))
        });
        let error = fails(&mut plugin, "endless");
        assert_eq!(error.to_string(), "the user has had enough", "{choice:?}");
        assert_eq!(plugin.call("ready", b"").expect("it is ready again"), b"");
    }
}

/// A cancellation belongs to the call that was running, however close the next one is.
#[test]
fn a_cancellation_never_hits_the_next_call() {
    let wat = guest("(loop $l (br $l))");
    for choice in engines() {
        let mut plugin = made(&choice, &wat, None, Interrupted::Kept);
        let function = plugin.function("endless").expect("it is exported");
        let quick = plugin.function("ready").expect("it is exported");
        let handle = plugin.cancel_handle();
        let (over, granted) = (AtomicBool::new(false), std::sync::atomic::AtomicU32::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    if handle.cancel() {
                        granted.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
            let mut cancelled = 0;
            for _ in 0..10_000 {
                let outcome = plugin.call_function(quick, b"").err();
                cancelled += u32::from(outcome.is_some_and(|e| e.kind() == ErrorKind::Cancelled));
            }
            over.store(true, Ordering::SeqCst);
            assert!(cancelled <= granted.load(Ordering::SeqCst), "{choice:?}");
        });
        assert_eq!(
            plugin
                .call_within(function, b"", Some(Duration::from_millis(5)))
                .expect_err("it never ends by itself")
                .kind(),
            ErrorKind::Timeout,
            "{choice:?}: it was not a left-over cancellation"
        );
    }
}

/// The deadline of one plug-in leaves its neighbours alone, also those of the same compiled one.
#[test]
fn neighbours_are_not_disturbed() {
    let wat = r#"(module (func (export "endless") (loop $l (br $l)))
        (func (export "work") (local $n i32) (local.set $n (i32.const 3000000))
          (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#;
    for choice in engines() {
        let manifest = Manifest::of(wat.as_bytes());
        let compiled = choice
            .compile(&manifest, &Options::default())
            .expect("it compiles");
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut neighbour = Plugin::new(&compiled).expect("it starts");
                let mut rounds = 0;
                while !over.load(Ordering::SeqCst) || rounds == 0 {
                    neighbour.call("work", b"").expect("nobody stops it");
                    rounds += 1;
                }
            });
            let mut stopped = Plugin::new(&compiled).expect("it starts");
            stopped.set_timeout(Some(Duration::from_millis(3)));
            for _ in 0..20 {
                assert_eq!(fails(&mut stopped, "endless").kind(), ErrorKind::Timeout);
            }
            over.store(true, Ordering::SeqCst);
        });
    }
}

/// A guest that sleeps in WASI for an hour, or polls a clock with many others, ends on time.
#[test]
fn a_sleep_in_wasi_ends() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "poll_oneoff"
          (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "endless")
          ;; One subscription: a relative timeout of 3600 s of the monotonic clock.
          (i32.store8 (i32.const 8) (i32.const 0))
          (i32.store (i32.const 16) (i32.const 1))
          (i64.store (i32.const 24) (i64.const 3600000000000))
          (drop (call $poll (i32.const 0) (i32.const 200) (i32.const 1) (i32.const 300))))
        (func (export "ready")))"#;
    for choice in engines() {
        let options = Options {
            wasi: true,
            ..Options::default()
        };
        let compiled = choice.compile(&Manifest::of(wat.as_bytes()), &options);
        let mut plugin = Plugin::new(&compiled.expect("it compiles")).expect("it starts");
        plugin.set_timeout(Some(Duration::from_millis(30)));
        let start = Instant::now();
        assert_eq!(
            fails(&mut plugin, "endless").kind(),
            ErrorKind::Timeout,
            "{choice:?}"
        );
        let took = start.elapsed();
        assert!(
            took >= Duration::from_millis(30) && took < LATE,
            "{choice:?}: {took:?}"
        );
        plugin.set_timeout(None);
        let handle = plugin.cancel_handle();
        let error = thread::scope(|scope| {
            scope.spawn(|| {
                while !handle.cancel() {
                    thread::yield_now();
                }
            });
            fails(&mut plugin, "endless")
        });
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{choice:?}");
        plugin.call("ready", b"").expect("it is ready again");
    }
}
