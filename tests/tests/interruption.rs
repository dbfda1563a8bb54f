//! Deadlines and cancellation: whatever a guest does, its call ends, on every engine; and what
//! stops one call touches neither the next one nor another plug-in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use polyextism::{
    Caller, Error, ErrorKind, Function, Interrupted, Manifest, Options, Plugin, Wasi,
};
use polyextism_tests::{
    endless::{LATE, fails, guest, made},
    engines, plugin,
    random::Random,
};

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
            alarm.check_interrupt()?;
        }
    });
    for choice in engines() {
        let mut plugin = plugin(&choice, wat, std::slice::from_ref(&wait)).expect("it starts");
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

/// Before, at and after the start and the end of a call: who is told that there was a call to cancel has
/// cancelled it, who is not has cancelled nothing, and the next call never knows.
#[test]
fn a_cancellation_hits_the_call_that_runs_or_none() {
    const ROUNDS: usize = 10_000;
    let wat = r#"(module (func (export "work") (local $n i32) (local.set $n (i32.const 20000))
        (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
      (func (export "endless") (loop $l (br $l)))
      (func (export "ready")))"#;
    // On a busy machine both threads may never run at once; some calls wait for it.
    let waits = |round: usize| round.is_multiple_of(20);
    for choice in engines() {
        let mut plugin = made(&choice, wat, None, Interrupted::Kept);
        let work = plugin.function("work").expect("it is exported");
        let endless = plugin.function("endless").expect("it is exported");
        let ready = plugin.function("ready").expect("it is exported");
        let handle = plugin.cancel_handle();
        // The rounds that have begun, and those whose cancellations are over.
        let (begun, over) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (first, second) = (AtomicBool::new(false), AtomicBool::new(false));
        let mut counts = [0; 2];
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = Random::new(7);
                for round in 1..=ROUNDS {
                    while begun.load(Ordering::SeqCst) < round {
                        thread::yield_now();
                    }
                    // Sometimes after a call of an interpreter has ended.
                    let most = if round % 8 == 0 { 40_000 } else { 2000 };
                    for _ in 0..random.below(most) {
                        std::hint::spin_loop();
                    }
                    // Twice, which is once.
                    let mut hit = handle.cancel();
                    while waits(round) && !hit {
                        hit = handle.cancel();
                    }
                    first.store(hit, Ordering::SeqCst);
                    second.store(handle.cancel(), Ordering::SeqCst);
                    over.store(round, Ordering::SeqCst);
                }
            });
            for round in 1..=ROUNDS {
                begun.store(round, Ordering::SeqCst);
                let function = if waits(round) { endless } else { work };
                let outcome = plugin.call_function(function, b"").map(drop);
                let cancelled = match outcome {
                    Ok(()) => false,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Cancelled, "{choice:?} {error}");
                        true
                    }
                };
                while over.load(Ordering::SeqCst) < round {
                    thread::yield_now();
                }
                let hit = [&first, &second].map(|hit| hit.load(Ordering::SeqCst));
                assert_eq!(hit.contains(&true), cancelled, "{choice:?} {round} {hit:?}");
                counts[usize::from(cancelled)] += 1;
                let next = plugin.call_function(ready, b"").map(drop);
                next.expect("nobody cancels this one");
            }
        });
        assert!(
            counts[0] > 0 && counts[1] > 0,
            "{choice:?}: {counts:?} are no race"
        );
    }
}

/// Cancellations without a pause: no more calls fail than were cancelled.
#[test]
fn a_storm_of_cancellations() {
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
        let options = Options::default().with_wasi(Wasi::default());
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
