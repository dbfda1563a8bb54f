//! What a call that failed leaves behind: nothing, however often and however it failed, on every engine.
//!
//! The crate `allocation-counter` counts what this thread has and has not given back, to the byte; what engines
//! map themselves is counted by the system.

#![cfg(target_os = "linux")]

use std::{
    fs,
    sync::{Mutex, MutexGuard, PoisonError},
};

use polyextism::{Caller, Choice, Error, ErrorKind, Function, Plugin, Trap};
use polyextism_tests::{engines, plugin};

/// The functions of the guest, and how they fail.
const FAILURES: &[(&str, ErrorKind)] = &[
    ("unreachable", ErrorKind::Trap(Trap::Unreachable)),
    ("load", ErrorKind::Trap(Trap::MemoryOutOfBounds)),
    ("fill", ErrorKind::Trap(Trap::MemoryOutOfBounds)),
    ("table", ErrorKind::Trap(Trap::TableOutOfBounds)),
    ("divide", ErrorKind::Trap(Trap::DivideByZero)),
    ("overflow", ErrorKind::Trap(Trap::IntegerOverflow)),
    ("convert", ErrorKind::Trap(Trap::BadConversion)),
    ("signature", ErrorKind::Trap(Trap::BadSignature)),
    ("null", ErrorKind::Trap(Trap::NullElement)),
    ("deep", ErrorKind::Trap(Trap::StackOverflow)),
    ("host", ErrorKind::HostFunction),
    ("within", ErrorKind::Trap(Trap::Unreachable)),
    ("text", ErrorKind::Guest),
    ("code", ErrorKind::ReturnCode(7)),
];

const GUEST: &str = r#"(module
  (import "extism:host/user" "fails" (func $fails))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "error_set" (func $error (param i64)))
  (type $other (func (param f32)))
  (memory 1)
  (table 3 funcref)
  (elem (i32.const 0) $one)
  (global $zero (mut i32) (i32.const 0))
  (func $one)
  (func (export "unreachable") unreachable)
  (func (export "load") (drop (i32.load (i32.const -4))))
  (func (export "fill") (memory.fill (i32.const 65530) (i32.const 1) (i32.const 7)))
  (func (export "table") (call_indirect (i32.add (global.get $zero) (i32.const 3))))
  (func (export "divide") (drop (i32.div_s (i32.const 1) (global.get $zero))))
  (func (export "overflow")
    (drop (i32.div_s (i32.const 0x80000000) (i32.sub (global.get $zero) (i32.const 1)))))
  (func (export "convert") (drop (i32.trunc_f32_s (f32.const nan))))
  (func (export "signature") (call_indirect (type $other) (f32.const 1) (global.get $zero)))
  (func (export "null") (call_indirect (i32.add (global.get $zero) (i32.const 1))))
  (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
  (func (export "host") (call $fails))
  (func $within (param i32)
    (drop (call $alloc (i64.const 3000)))
    (if (local.get 0) (then (call $within (i32.sub (local.get 0) (i32.const 1)))) (else unreachable)))
  (func (export "within") (call $within (i32.const 20)))
  (func (export "text") (result i32) (call $error (call $alloc (i64.const 9000))) (i32.const 1))
  (func (export "code") (result i32) (i32.const 7))
  (func (export "fine")))"#;

fn made(choice: &Choice) -> Plugin {
    let fails = Function::typed::<(), ()>("fails", |_: &mut Caller<'_>, ()| {
        Err(Error::new(ErrorKind::HostFunction, "no").with_source("a cause of its own"))
    });
    plugin(choice, GUEST, &[fails]).expect("it starts")
}

fn fail(plugin: &mut Plugin, calls: usize, what: &str) {
    for (name, kind) in FAILURES.iter().cycle().take(calls) {
        let error = plugin.call(name, b"an input").expect_err("it fails");
        assert_eq!(error.kind(), *kind, "{what} {name}: {error}");
        assert_eq!(plugin.call("fine", b"").expect("it goes on"), b"", "{what}");
    }
}

/// What the process holds is looked at by one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many mappings and descriptors this process has.
fn held() -> [usize; 2] {
    let maps = fs::read_to_string("/proc/self/maps").expect("there is such a file");
    let descriptors = fs::read_dir("/proc/self/fd").expect("there is such a folder");
    [maps.lines().count(), descriptors.count()]
}

#[test]
fn ten_thousand_failures_leave_nothing() {
    let _alone = alone();
    for choice in engines() {
        let what = format!("{choice:?}");
        let mut plugin = made(&choice);
        // Some things are made once.
        fail(&mut plugin, 2 * FAILURES.len(), &what);
        let before = held();
        let left = allocation_counter::measure(|| fail(&mut plugin, 10_000, &what));
        assert!(left.count_total > 0, "{what}: the counter counts");
        // The texts of the last error may be longer than those of the one before.
        assert!(left.count_current.abs() < 10, "{what}: {left:?}");
        assert!(left.bytes_current.abs() < 10_000, "{what}: {left:?}");
        let after = held();
        assert!(after[0] <= before[0] + 10, "{what}: {before:?} {after:?}");
        assert_eq!(after[1], before[1], "{what}");
    }
}

/// An instance that never started leaves as little.
#[test]
fn instances_that_fail_to_start_leave_nothing() {
    let _alone = alone();
    let wat = r#"(module (memory 2) (table 100 funcref) (func $start unreachable) (start $start)
      (func (export "f")))"#;
    for choice in engines() {
        let mut plugin = plugin(&choice, wat, &[]).expect("it starts with the first call");
        let mut fail = |calls: usize| {
            for _ in 0..calls {
                let kind = plugin.call("f", b"").expect_err("it cannot start").kind();
                assert_eq!(kind, ErrorKind::Trap(Trap::Unreachable), "{choice:?}");
            }
        };
        fail(10);
        let before = held();
        let left = allocation_counter::measure(|| fail(2000));
        assert!(left.count_current.abs() < 10, "{choice:?}: {left:?}");
        let after = held();
        assert!(
            after[0] <= before[0] + 10,
            "{choice:?}: {before:?} {after:?}"
        );
        assert_eq!(after[1], before[1], "{choice:?}");
    }
}
