//! Stacks: threads that have little of it, guests that use all of it, and guests within guests.

use std::{
    sync::{Arc, Mutex},
    thread,
};

use polyextism::{Caller, ErrorKind, Function, Manifest, Options, Plugin, Trap};
use polyextism_tests::{engines, plugin};

/// Recursion without end; a host function at the end of a deep recursion; and work.
const GUEST: &str = r#"(module
  (import "extism:host/user" "host" (func $host (param i64) (result i64)))
  (func $down (export "endless") (result i32) (i32.add (call $down) (i32.const 1)))
  (func $deep (param i32) (result i64)
    (if (result i64) (local.get 0)
      (then (call $deep (i32.sub (local.get 0) (i32.const 1))))
      (else (call $host (i64.const 20)))))
  (func (export "deep") (result i32)
    (i32.sub (i32.wrap_i64 (call $deep (i32.const 2000))) (i32.const 21)))
  (func (export "shallow") (result i32)
    (i32.sub (i32.wrap_i64 (call $host (i64.const 20))) (i32.const 21))))"#;

fn host() -> Function {
    Function::typed("host", |_: &mut Caller<'_>, (n,): (i64,)| Ok(n + 1))
}

fn exhaust(plugin: &mut Plugin) {
    for _ in 0..3 {
        let error = plugin
            .call("endless", b"")
            .expect_err("it never ends by itself");
        assert_eq!(
            error.kind(),
            ErrorKind::Trap(Trap::StackOverflow),
            "{error}"
        );
        plugin.call("deep", b"").expect("2000 frames always fit");
        plugin.call("shallow", b"").expect("it always fits");
    }
}

/// A thread of any size can call plug-ins, and no guest harms its stack.
#[test]
fn threads_with_small_stacks() {
    for choice in engines() {
        let made = || plugin(&choice, GUEST, &[host()]).expect("it starts");
        for kilobytes in [64, 128, 256, 512, 1024, 8192] {
            let mut plugin = made();
            let thread = thread::Builder::new().stack_size(kilobytes * 1024);
            let thread = thread.spawn(move || exhaust(&mut plugin));
            let outcome = thread.expect("the system has a thread").join();
            assert!(outcome.is_ok(), "{choice:?} in {kilobytes} KiB");
        }
    }
}

/// Guest, host function, guest of another engine, and so on: the innermost exhausts its stack, and
/// each of the others goes on.
#[test]
fn guests_within_guests() {
    let choices = engines();
    let depth = 8;
    for kilobytes in [256, 2048] {
        let mut inner = plugin(&choices[0], GUEST, &[host()]).expect("it starts");
        for level in 1..depth {
            let called = Mutex::new(inner);
            let host = Function::typed("host", move |_: &mut Caller<'_>, (n,): (i64,)| {
                let mut inner = called.lock().expect("nobody panics");
                match level {
                    1 => exhaust(&mut inner),
                    _ => inner.call("deep", b"").map(drop)?,
                }
                Ok(n + 1)
            });
            inner = plugin(&choices[level % choices.len()], GUEST, &[host]).expect("it starts");
        }
        let thread = thread::Builder::new().stack_size(kilobytes * 1024);
        let thread = thread.spawn(move || {
            inner.call("deep", b"").expect("every level goes on");
            exhaust_outer(&mut inner);
        });
        let outcome = thread.expect("the system has a thread").join();
        assert!(outcome.is_ok(), "in {kilobytes} KiB");
    }
}

/// However deep: each level has what is left to pass on, and none reaches the end of the thread's stack.
#[test]
fn two_hundred_deep() {
    const DEPTH: usize = 200;
    for (choice, kilobytes) in engines().into_iter().flat_map(|c| [(c, 64), (c, 512)]) {
        let plugins: Arc<Mutex<Vec<Plugin>>> = Arc::default();
        let below = Arc::clone(&plugins);
        let host = Function::typed("host", move |_: &mut Caller<'_>, (n,): (i64,)| {
            // What host functions use of the stack.
            let mut used = [n as u8; 4096];
            std::hint::black_box(&mut used);
            let next = below.lock().expect("nobody panics").pop();
            match next {
                None => return Ok(21),
                Some(mut next) => next.call("shallow", b"").map(drop)?,
            }
            std::hint::black_box(&used);
            Ok(n + 1)
        });
        let options = Options::default().with_functions(vec![host]);
        let compiled = choice.compile(&Manifest::of(GUEST.as_bytes()), &options);
        let compiled = compiled.expect("it compiles");
        let made = || Plugin::new(&compiled).expect("it starts");
        plugins
            .lock()
            .expect("nobody panics")
            .extend((0..DEPTH).map(|_| made()));
        let mut outermost = made();
        let thread = thread::Builder::new().stack_size(kilobytes * 1024);
        let thread = thread.spawn(move || {
            outermost.call("deep", b"").expect("every level goes on");
            exhaust_outer(&mut outermost);
        });
        let outcome = thread.expect("the system has a thread").join();
        assert!(outcome.is_ok(), "{choice:?} in {kilobytes} KiB");
        assert!(plugins.lock().expect("nobody panics").is_empty());
    }
}

fn exhaust_outer(plugin: &mut Plugin) {
    let error = plugin
        .call("endless", b"")
        .expect_err("it never ends by itself");
    assert_eq!(
        error.kind(),
        ErrorKind::Trap(Trap::StackOverflow),
        "{error}"
    );
}
