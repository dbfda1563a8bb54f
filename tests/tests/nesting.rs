//! Plug-ins that are called by host functions of others: whatever ends a call ends those within it,
//! on every engine within every other one.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use polyextism::{
    Caller, Choice, ErrorKind, Function, Manifest, Options, Plugin, Pool, Reuse, Wasi,
};
use polyextism_tests::{
    endless::{LATE, fails},
    engines, plugin,
};

const LIMIT: Duration = Duration::from_millis(30);

/// Calls its host function; spins; sleeps; counts its calls.
const GUEST: &str = r#"(module
  (import "extism:host/user" "host" (func $host))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (func (export "through") (call $host))
  (func (export "endless") (loop $l (br $l)))
  (func (export "sleep")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 3600000000000))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))
  (func (export "ready")))"#;

fn made(choice: &Choice, host: Function) -> Plugin {
    let options = Options::default()
        .with_functions(vec![host])
        .with_wasi(Wasi::default());
    let compiled = choice.compile(&Manifest::of(GUEST.as_bytes()), &options);
    Plugin::new(&compiled.expect("it compiles")).expect("it starts")
}

fn nothing() -> Function {
    Function::typed("host", |_: &mut Caller<'_>, (): ()| Ok(()))
}

/// A plug-in whose host function calls `name` of another one.
fn around(choice: &Choice, inner: &Arc<Mutex<Plugin>>, name: &'static str) -> Plugin {
    let inner = Arc::clone(inner);
    let host = Function::typed("host", move |_: &mut Caller<'_>, (): ()| {
        inner
            .lock()
            .expect("nobody panics")
            .call(name, b"")
            .map(drop)
    });
    made(choice, host)
}

fn pairs() -> Vec<(Choice, Choice)> {
    let all = engines();
    let pair = |outer: &Choice| {
        all.iter()
            .map(move |inner| (*outer, *inner))
            .collect::<Vec<_>>()
    };
    all.iter().flat_map(pair).collect()
}

#[test]
fn the_time_limit_of_the_outer_call_holds_for_the_inner_one() {
    for (outer, inner) in pairs() {
        for name in ["endless", "sleep"] {
            let innermost = Arc::new(Mutex::new(made(&inner, nothing())));
            let mut outermost = around(&outer, &innermost, name);
            // No limit, and one that is longer.
            for own in [None, Some(Duration::from_secs(3600))] {
                innermost.lock().expect("nobody panics").set_timeout(own);
                outermost.set_timeout(Some(LIMIT));
                let start = Instant::now();
                let error = fails(&mut outermost, "through");
                let took = start.elapsed();
                assert_eq!(
                    error.kind(),
                    ErrorKind::Timeout,
                    "{outer:?} {inner:?}: {error}"
                );
                assert!(
                    took >= LIMIT && took < LATE,
                    "{outer:?} {inner:?}: {took:?}"
                );
                // Outside of the other's call it has its own time again.
                let mut innermost = innermost.lock().expect("nobody panics");
                innermost.call("ready", b"").expect("it is ready again");
            }
            outermost.call("ready", b"").expect("it is ready again");
        }
    }
}

#[test]
fn the_time_limit_of_the_inner_call_is_its_own_business() {
    for (outer, inner) in pairs() {
        let innermost = Mutex::new(made(&inner, nothing()));
        let host = Function::typed("host", move |_: &mut Caller<'_>, (): ()| {
            let mut innermost = innermost.lock().expect("nobody panics");
            innermost.set_timeout(Some(LIMIT));
            let kind = fails(&mut innermost, "endless").kind();
            assert_eq!(kind, ErrorKind::Timeout);
            Ok(())
        });
        let mut outermost = made(&outer, host);
        for limit in [None, Some(Duration::from_secs(3600))] {
            outermost.set_timeout(limit);
            outermost.call("through", b"").expect("it has time");
        }
    }
}

#[test]
fn to_cancel_the_outer_call_cancels_the_inner_one() {
    for (outer, inner) in pairs() {
        for name in ["endless", "sleep"] {
            let innermost = Arc::new(Mutex::new(made(&inner, nothing())));
            let mut outermost = around(&outer, &innermost, name);
            let handle = outermost.cancel_handle();
            let error = thread::scope(|scope| {
                scope.spawn(|| {
                    thread::sleep(Duration::from_millis(10));
                    while !handle.cancel() {
                        thread::yield_now();
                    }
                });
                fails(&mut outermost, "through")
            });
            assert_eq!(
                error.kind(),
                ErrorKind::Cancelled,
                "{outer:?} {inner:?}: {error}"
            );
            for plugin in [
                &mut outermost,
                &mut innermost.lock().expect("nobody panics"),
            ] {
                plugin.call("ready", b"").expect("it is ready again");
            }
        }
    }
}

/// The outermost of five ends all of them.
#[test]
fn many_deep() {
    let choices = engines();
    let mut next = Arc::new(Mutex::new(made(&choices[0], nothing())));
    for level in 1..5 {
        let name = if level == 1 { "endless" } else { "through" };
        let outer = around(&choices[level % choices.len()], &next, name);
        next = Arc::new(Mutex::new(outer));
    }
    let mut outermost = next.lock().expect("nobody panics");
    outermost.set_timeout(Some(LIMIT));
    for _ in 0..3 {
        assert_eq!(fails(&mut outermost, "through").kind(), ErrorKind::Timeout);
        outermost.call("ready", b"").expect("it is ready again");
    }
}

/// A call within another one that has to end already does not begin.
#[test]
fn too_late_to_begin() {
    for (outer, inner) in pairs() {
        let innermost = Mutex::new(made(&inner, nothing()));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let host = Function::typed("host", {
            let seen = Arc::clone(&seen);
            move |caller: &mut Caller<'_>, (): ()| {
                while caller.host().alarm().remaining() != Some(Duration::ZERO) {
                    thread::sleep(Duration::from_millis(1));
                }
                let mut innermost = innermost.lock().expect("nobody panics");
                let outcome = innermost.call("ready", b"").map(drop);
                let kind = outcome.map_err(|error| error.kind());
                seen.lock().expect("nobody panics").push(kind);
                Ok(())
            }
        });
        let mut outermost = made(&outer, host);
        // On a machine that is busy, a call may end before its host function begins.
        let mut limit = LIMIT / 2;
        while seen.lock().expect("nobody panics").is_empty() {
            outermost.set_timeout(Some(limit));
            assert_eq!(fails(&mut outermost, "through").kind(), ErrorKind::Timeout);
            limit *= 2;
        }
        let seen = seen.lock().expect("nobody panics");
        assert_eq!(*seen, [Err(ErrorKind::Timeout)], "{outer:?} {inner:?}");
    }
}

/// A plug-in that borrows from its own pool in a host function, and so on, until the pool is empty: who
/// has a time limit gets an error, and everybody comes back.
#[test]
fn recursion_through_a_pool() {
    for choice in engines() {
        let pool: Arc<Mutex<Option<Pool>>> = Arc::default();
        let depth = Arc::new(Mutex::new(0));
        let host = Function::typed("host", {
            let (pool, depth) = (Arc::clone(&pool), Arc::clone(&depth));
            move |_: &mut Caller<'_>, (): ()| {
                *depth.lock().expect("nobody panics") += 1;
                let pool = pool
                    .lock()
                    .expect("nobody panics")
                    .clone()
                    .expect("it is made");
                pool.get(None)?.call("through", b"").map(drop)
            }
        });
        let options = Options::default()
            .with_functions(vec![host])
            .with_wasi(Wasi::default());
        let compiled = choice.compile(&Manifest::of(GUEST.as_bytes()), &options);
        let max = NonZeroUsize::new(7).expect("not 0");
        let made = Pool::with(&compiled.expect("it compiles"), max, Reuse::Guest);
        *pool.lock().expect("nobody panics") = Some(made.clone());
        let mut first = made.get(None).expect("there is one");
        first.set_timeout(Some(LIMIT));
        let start = Instant::now();
        let error = first
            .call("through", b"")
            .map(drop)
            .expect_err("nobody is left");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{choice:?}");
        assert!(start.elapsed() < LATE);
        drop(first);
        assert_eq!(*depth.lock().expect("nobody panics"), 7, "{choice:?}");
        let again = made.get(None).expect("all came back");
        assert!(made.instances() <= 7);
        drop(again);
        *pool.lock().expect("nobody panics") = None;
    }
}

/// What a guest does within another one harms nobody around it.
#[test]
fn traps_within() {
    let traps = r#"(module
      (func $deep (export "stack") (result i32) (i32.add (call $deep) (i32.const 1)))
      (memory 1)
      (func (export "bounds") (drop (i32.load (i32.const -1))))
      (func (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0))))
      (func (export "unreachable") unreachable))"#;
    for (outer, inner) in pairs() {
        for name in ["stack", "bounds", "divide", "unreachable"] {
            let trapping = plugin(&inner, traps, &[]).expect("it starts");
            let innermost = Arc::new(Mutex::new(trapping));
            let mut outermost = around(&outer, &innermost, name);
            for _ in 0..3 {
                let kind = fails(&mut outermost, "through").kind();
                assert!(
                    matches!(kind, ErrorKind::Trap(_)),
                    "{outer:?} {inner:?} {name}"
                );
                outermost.call("ready", b"").expect("it is ready again");
            }
        }
    }
}
