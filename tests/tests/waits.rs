//! Calls that wait for something outside of the guest: an HTTP server, a clock, another plug-in.
//! Deadlines and cancellations reach them there as they do in a loop, on every engine.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use polyextism::{
    Caller, Choice, Clock, Error, ErrorKind, Function, Manifest, Options, Plugin, Wasi,
    internal::DurationText, manifest::Wasm,
};
use polyextism_tests::{
    engines,
    outcome::Outcome,
    server::{Reply, Seen, Server, head},
    web,
};

/// How late a call may end on a machine that is busy with other tests.
const LATE: Duration = Duration::from_secs(5);

/// What passes until a deadline in a host function is noticed, with the same slack.
const NOTICED: Duration = Duration::from_millis(150);

/// A server that never comes to an end, in three ways.
fn endless(seen: &Seen) -> Reply {
    let piece = b"x";
    let pause = Duration::from_millis(5);
    match &*seen.target {
        "/silence" => Reply::Silence,
        "/head" => Reply::Drip(b"HTTP/1.1 200 OK\r\nx: ".into(), piece, pause),
        "/body" => Reply::Drip(head(200, &[("content-length", "1000000")]), piece, pause),
        _ => web::site(seen),
    }
}

const ENDLESS: [&str; 3] = ["/silence", "/head", "/body"];

fn send(plugin: &mut Plugin, url: &str) -> Error {
    let request = format!(r#"{{"url": "{url}"}}"#);
    let vars = plugin.host().vars_mut();
    vars.set("request!", request).expect("it fits");
    match plugin.call("send", b"") {
        Ok(_) => panic!("{url} ended by itself"),
        Err(error) => error,
    }
}

fn names(error: &Error) -> Vec<String> {
    error.backtrace().iter().map(ToString::to_string).collect()
}

/// How `work` ends, which another thread cancels.
fn cancelled<R>(plugin: &mut Plugin, work: impl FnOnce(&mut Plugin) -> R) -> R {
    let handle = plugin.cancel_handle();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Late enough to be in the midst of it.
            thread::sleep(Duration::from_millis(40));
            while !handle.cancel() && !over.load(Ordering::SeqCst) {
                thread::yield_now();
            }
        });
        let outcome = work(plugin);
        over.store(true, Ordering::SeqCst);
        outcome
    })
}

#[test]
fn a_request_ends_at_the_deadline() {
    let server = Server::start(endless);
    for choice in engines() {
        let limit = |manifest: &mut Manifest, _: &mut Options| manifest.timeout_ms = Some(150);
        let mut plugin = web::guest(&choice, &["127.0.0.1"], limit);
        for path in ENDLESS {
            let start = Instant::now();
            let error = send(&mut plugin, &server.url(path));
            let took = start.elapsed();
            assert_eq!(error.kind(), ErrorKind::Timeout, "{choice:?} {path}");
            let expected = "the call did not end within its time limit of 150 ms";
            assert_eq!(error.to_string(), expected, "{choice:?} {path}");
            assert!(took < LATE, "{choice:?} {path}: {took:?}");
            let frames = usize::from(traces(&choice));
            assert_eq!(names(&error).len(), frames, "{choice:?} {path}: {error:?}");
            // The plug-in goes on, and the failed request has left no status.
            plugin.set_timeout(None);
            let (outcome, status) = web::send(&mut plugin, &get(&server, "/bytes/3"), b"");
            assert_eq!((outcome, status), (Outcome::Ok(b"xxx".into()), 200));
            plugin.set_timeout(Some(Duration::from_millis(150)));
        }
    }
}

fn get(server: &Server, path: &str) -> String {
    format!(r#"{{"url": "{}"}}"#, server.url(path))
}

#[test]
fn a_request_ends_when_it_is_cancelled() {
    let server = Server::start(endless);
    for choice in engines() {
        let mut plugin = web::guest(&choice, &["127.0.0.1"], |_, _| {});
        for path in ENDLESS {
            let start = Instant::now();
            let error = cancelled(&mut plugin, |plugin| send(plugin, &server.url(path)));
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{choice:?} {path}");
            assert_eq!(error.to_string(), "the call was cancelled");
            assert!(start.elapsed() < LATE, "{choice:?} {path}");
        }
    }
}

/// A redirect is under the same deadline as what led to it.
#[test]
fn a_redirect_into_silence_ends() {
    let server = Server::start(endless);
    for choice in engines() {
        let limit = |manifest: &mut Manifest, _: &mut Options| manifest.timeout_ms = Some(100);
        let mut plugin = web::guest(&choice, &["127.0.0.1"], limit);
        let error = send(&mut plugin, &server.url("/to/302?/silence"));
        assert_eq!(error.kind(), ErrorKind::Timeout, "{choice:?}: {error}");
    }
}

/// A fixed clock stands still while the guest sleeps; the deadline is of the real one.
#[test]
fn a_sleep_by_a_fixed_clock_ends() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "poll_oneoff"
          (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func $sleep (param $clock i32) (param $flags i32)
          (i32.store (i32.const 16) (local.get $clock))
          (i64.store (i32.const 24) (i64.const 3600000000000))
          (i32.store16 (i32.const 40) (local.get $flags))
          (drop (call $poll (i32.const 0) (i32.const 200) (i32.const 1) (i32.const 300))))
        (func $day (export "day") (call $sleep (i32.const 0) (i32.const 1)))
        (func $relative (export "relative") (call $sleep (i32.const 1) (i32.const 0)))
        (func $absolute (export "absolute") (call $sleep (i32.const 1) (i32.const 1))))"#;
    for choice in engines() {
        let wasi = Wasi::default().with_clock(Clock::Fixed(0));
        let options = Options::default().with_wasi(wasi);
        let compiled = choice.compile(&Manifest::of(wat.as_bytes()), &options);
        let mut plugin = Plugin::new(&compiled.expect("it compiles")).expect("it starts");
        for name in ["day", "relative", "absolute"] {
            plugin.set_timeout(Some(Duration::from_millis(30)));
            let error = fails(&mut plugin, name);
            assert_eq!(error.kind(), ErrorKind::Timeout, "{choice:?} {name}");
            let mut expected = vec!["main!sleep".to_owned(), format!("main!{name}")];
            if !traces(&choice) {
                expected.clear();
            }
            assert_eq!(names(&error), expected, "{choice:?} {name}");
            plugin.set_timeout(None);
            let error = cancelled(&mut plugin, |plugin| fails(plugin, name));
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{choice:?} {name}");
            assert_eq!(names(&error), expected, "{choice:?} {name}");
        }
    }
}

fn fails(plugin: &mut Plugin, name: &str) -> Error {
    match plugin.call(name, b"") {
        Ok(_) => panic!("`{name}` ended by itself"),
        Err(error) => error,
    }
}

/// The guest's own functions are named, whatever was added to its code so that it can be stopped.
#[test]
fn backtraces_of_what_was_interrupted() {
    let wat = r#"(module
        (import "extism:host/user" "host" (func $host))
        (func $unused)
        (func $spin (param i32) (loop $again (br $again)))
        (func $spins (call $spin (i32.const 1)))
        (func $endless (export "endless") (call $spins))
        (func $inner (call $host))
        (func $late (export "late") (call $inner))
        (func $deep (param i32) (result i32)
          (if (i32.eqz (local.get 0)) (then (call $spin (i32.const 0))))
          (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
        (func $deeper (export "deep") (drop (call $deep (i32.const 2)))))"#;
    let host = Function::typed("host", |caller: &mut Caller<'_>, ()| {
        let alarm = caller.host().alarm();
        while alarm.remaining() != Some(Duration::ZERO) {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(NOTICED);
        Ok(())
    });
    let cases: [(&str, &[&str]); 3] = [
        ("endless", &["main!spin", "main!spins", "main!endless"]),
        ("late", &["main!inner", "main!late"]),
        (
            "deep",
            &[
                "main!spin",
                "main!deep",
                "main!deep",
                "main!deep",
                "main!deeper",
            ],
        ),
    ];
    for choice in engines() {
        let mut plugin = plugin(&choice, wat, std::slice::from_ref(&host));
        for (name, expected) in cases.iter().chain(&cases) {
            plugin.set_timeout(Some(Duration::from_millis(20)));
            let error = fails(&mut plugin, name);
            assert_eq!(error.kind(), ErrorKind::Timeout, "{choice:?} {name}");
            let expected = if traces(&choice) { expected } else { &[][..] };
            assert_eq!(names(&error), *expected, "{choice:?} {name}");
        }
    }
}

/// Whether the engine can say where a guest was.
fn traces(choice: &Choice) -> bool {
    choice.compiler().capabilities.backtrace
}

fn plugin(choice: &Choice, wat: &str, functions: &[Function]) -> Plugin {
    polyextism_tests::plugin(choice, wat, functions).expect("it starts")
}

/// A library whose calls start afresh is written anew twice on engines with a budget. It can be stopped
/// on every engine, in its function and in what puts its state back.
#[test]
fn libraries_that_start_afresh_are_interrupted() {
    let library = |start: &str| {
        format!(
            r#"(module (memory 1) (global $n (mut i32) (i32.const 0))
                (func $spin (loop $again (br $again)))
                (func $start (if (i32.const {start}) (then (call $spin))))
                (start $start)
                (func (export "_start"))
                (func $quick (export "quick") (result i32)
                  (global.set $n (i32.add (global.get $n) (i32.const 1)))
                  (global.get $n))
                (func $endless (export "endless") (call $spin)))"#
        )
    };
    let main = r#"(module
        (import "lib" "quick" (func $quick (result i32)))
        (import "lib" "endless" (func $endless))
        (func $calls (export "endless") (drop (call $quick)) (call $endless))
        (func $first (export "quick") (result i32)
          (i32.sub (i32.add (call $quick) (call $quick)) (i32.const 2))))"#;
    for choice in engines() {
        let made = |start: &str| {
            let manifest = Manifest::new([
                Wasm::from(library(start).into_bytes()).with_name("lib"),
                Wasm::from(main.as_bytes().to_vec()),
            ]);
            let compiled = choice.compile(&manifest, &Options::default());
            let mut plugin = Plugin::new(&compiled.expect("it links")).expect("it starts");
            plugin.set_timeout(Some(Duration::from_millis(20)));
            plugin
        };
        let mut plugin = made("0");
        for _ in 0..3 {
            let error = fails(&mut plugin, "endless");
            assert_eq!(error.kind(), ErrorKind::Timeout, "{choice:?}: {error}");
            let names = names(&error);
            if traces(&choice) {
                assert_eq!(names[..2], ["lib!spin", "lib!endless"], "{choice:?}");
                assert_eq!(
                    names.last().map(String::as_str),
                    Some("main!calls"),
                    "{choice:?} {names:?}"
                );
            } else {
                assert!(names.is_empty(), "{choice:?} {names:?}");
            }
            plugin.set_timeout(None);
            plugin.call("quick", b"").expect("each call starts with 0");
            plugin.set_timeout(Some(Duration::from_millis(20)));
        }
        for name in ["quick", "endless"] {
            let error = fails(&mut made("1"), name);
            assert_eq!(error.kind(), ErrorKind::Timeout, "{choice:?}: {error}");
            let names = names(&error);
            let expected: &[&str] = match traces(&choice) {
                true => &["lib!spin", "lib!start"],
                false => &[],
            };
            assert_eq!(names[..expected.len()], *expected, "{choice:?}");
        }
    }
}

/// A host function that cancels its own call and returns fails it, also when nothing comes after.
#[test]
fn a_call_cancelled_from_within() {
    let wat = r#"(module
        (import "extism:host/user" "stop" (func $stop))
        (func (export "f") (call $stop))
        (func (export "quick")))"#;
    let handle: Arc<Mutex<Option<polyextism::CancelHandle>>> = Arc::default();
    let stop = Function::typed("stop", {
        let handle = Arc::clone(&handle);
        move |_: &mut Caller<'_>, ()| {
            let handle = handle.lock().expect("nobody panicked");
            assert!(
                handle
                    .as_ref()
                    .is_some_and(polyextism::CancelHandle::cancel)
            );
            Ok(())
        }
    });
    for choice in engines() {
        let mut plugin = plugin(&choice, wat, std::slice::from_ref(&stop));
        *handle.lock().expect("nobody panicked") = Some(plugin.cancel_handle());
        for _ in 0..3 {
            assert_eq!(
                fails(&mut plugin, "f").kind(),
                ErrorKind::Cancelled,
                "{choice:?}"
            );
            plugin.call("quick", b"").expect("it is not cancelled");
        }
    }
}

const OUTER: &str = r#"(module
    (import "extism:host/user" "other" (func $other))
    (func $spin (loop $again (br $again)))
    (func (export "call") (call $other))
    (func (export "call and spin") (call $other) (call $spin)))"#;
const INNER: &str = r#"(module
    (func (export "spin") (loop $again (br $again)))
    (func (export "ready")))"#;

/// A plug-in on `outer` whose host function calls one on `inner` and keeps how that ended.
fn nested(
    outer: &Choice,
    inner: &Choice,
    limit: Option<Duration>,
) -> (Plugin, Arc<Mutex<Vec<ErrorKind>>>) {
    let inner = Mutex::new(plugin(inner, INNER, &[]));
    let seen: Arc<Mutex<Vec<ErrorKind>>> = Arc::default();
    let found = Arc::clone(&seen);
    let other = Function::typed("other", move |caller: &mut Caller<'_>, ()| {
        let mut inner = inner.lock().expect("nobody panicked");
        let spin = inner.function("spin").expect("it is exported");
        let left = caller.host().alarm().remaining();
        let error = inner.call_within(spin, b"", limit.or(left));
        found
            .lock()
            .expect("nobody panicked")
            .push(error.expect_err("it is endless").kind());
        if limit.is_none() {
            thread::sleep(NOTICED);
        }
        inner.call("ready", b"").map(drop)
    });
    (plugin(outer, OUTER, &[other]), seen)
}

/// Every pair of engines: the deadline of the inner call is its own.
#[test]
fn nested_plugins_have_deadlines_of_their_own() {
    for outer in engines() {
        for inner in engines() {
            let what = format!("{inner:?} inside of {outer:?}");
            // The inner one runs out of time, the outer one goes on.
            let (mut plugin, seen) = nested(&outer, &inner, Some(Duration::from_millis(10)));
            plugin.set_timeout(Some(Duration::from_secs(60)));
            plugin.call("call", b"").expect("there is time enough");
            plugin.set_timeout(None);
            plugin.call("call", b"").expect("there is no limit");
            // Both do, the outer one later.
            plugin.set_timeout(Some(Duration::from_millis(60)));
            let error = fails(&mut plugin, "call and spin");
            assert_eq!(error.kind(), ErrorKind::Timeout, "{what}");
            assert!(error.to_string().ends_with("60 ms"), "{what}: {error}");
            assert_eq!(
                *seen.lock().expect("nobody panicked"),
                [ErrorKind::Timeout; 3],
                "{what}"
            );
            // The outer deadline passes while the inner one runs on.
            let (mut plugin, seen) = nested(&outer, &inner, Some(NOTICED));
            // On a machine that is busy, a call may end before the inner one begins.
            let mut limit = Duration::from_millis(10);
            while seen.lock().expect("nobody panicked").is_empty() {
                plugin.set_timeout(Some(limit));
                let error = fails(&mut plugin, "call");
                assert_eq!(error.kind(), ErrorKind::Timeout, "{what}");
                let text = error.to_string();
                let told = DurationText(limit).to_string();
                assert!(text.ends_with(&told), "{what}: {error}");
                limit *= 2;
            }
            assert_eq!(
                *seen.lock().expect("nobody panicked"),
                [ErrorKind::Timeout],
                "{what}"
            );
            // The inner one is given what is left.
            let (mut plugin, _) = nested(&outer, &inner, None);
            plugin.set_timeout(Some(Duration::from_millis(20)));
            assert_eq!(
                fails(&mut plugin, "call").kind(),
                ErrorKind::Timeout,
                "{what}"
            );
        }
    }
}
