//! Whatever a guest does, its call ends at its deadline and when it is cancelled, on every engine.

use std::{
    thread,
    time::{Duration, Instant},
};

use polyextism::{ErrorKind, Interrupted};
use polyextism_tests::{
    endless::{ENDLESS, LATE, fails, guest, long, made},
    engines,
};

#[test]
fn every_endless_guest_ends_at_the_deadline() {
    for choice in engines() {
        for (what, body) in ENDLESS {
            let wat = guest(body);
            let mut plugin = made(&choice, &wat, Some(30), Interrupted::Replaced);
            let ready = plugin.function("ready").expect("the guest has it");
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
                    "the call did not end within its time limit of 30 ms"
                );
                assert!(
                    took >= Duration::from_millis(30),
                    "{choice:?} {what}: {took:?}"
                );
                assert!(took < LATE, "{choice:?} {what}: {took:?}");
                // It may take longer than that on a busy machine.
                let again = plugin.call_within(ready, b"", None);
                assert_eq!(again.expect("it is ready again"), b"");
            }
        }
    }
}

#[test]
fn a_long_function_ends_at_the_deadline() {
    for choice in engines() {
        for (what, body) in long() {
            let mut plugin = made(&choice, &guest(&body), None, Interrupted::Replaced);
            let endless = plugin.function("endless").expect("the guest has it");
            for _ in 0..2 {
                let limit = Duration::from_millis(30);
                let start = Instant::now();
                let outcome = plugin.call_within(endless, b"", Some(limit));
                let error = outcome.expect_err("it does not end by itself");
                let took = start.elapsed();
                let kind = error.kind();
                assert_eq!(kind, ErrorKind::Timeout, "{choice:?} {what}: {error}");
                assert!(took < LATE, "{choice:?} {what}: {took:?}");
                assert_eq!(plugin.call("ready", b"").expect("it is ready again"), b"");
            }
        }
    }
}

/// A turn of more units than a guest may count between two checks.
#[test]
fn a_loop_with_long_turns_goes_on() {
    let nops = "(nop)".repeat(250_000);
    let wat = format!(
        r#"(module (func (export "run") (result i32) (local i32) (local.set 0 (i32.const 3))
          (loop {nops} (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
          (local.get 0)))"#
    );
    for choice in engines() {
        let mut plugin = made(&choice, &wat, Some(10_000), Interrupted::Replaced);
        assert_eq!(plugin.call("run", b"").expect("it ends"), b"", "{choice:?}");
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
