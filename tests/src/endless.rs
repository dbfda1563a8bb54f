//! Guests that never end by themselves, each in its own way.

use std::{
    fs,
    sync::LazyLock,
    time::{Duration, Instant},
};

use polyextism::{
    Caller, Choice, Compiled, Error, Function, Interrupted, Manifest, Options, Plugin,
};

/// How late a call may end on a machine that is busy with other tests. On an idle one it is 10 ms.
pub const LATE: Duration = Duration::from_secs(5);

/// For how long this thread has run. A machine that is busy with other things gives it little time, which is no
/// lateness of a guest. Where the system does not say it, it is the time that has passed.
pub fn running() -> Duration {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let begin = *BEGIN;
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds.map_or_else(|| begin.elapsed(), Duration::from_nanos)
}

/// What the guests import as `nap`.
fn nap() -> Function {
    Function::typed("nap", |_: &mut Caller<'_>, (): ()| Ok(()))
}

/// A live plug-in of one module that may import `nap`.
///
/// # Panics
/// If it cannot be made.
pub fn made(
    choice: &Choice,
    wat: &str,
    timeout_ms: Option<u64>,
    interrupted: Interrupted,
) -> Plugin {
    let mut manifest = Manifest::of(wat.as_bytes());
    manifest.timeout_ms = timeout_ms;
    let options = Options::default()
        .with_functions(vec![nap()])
        .with_interrupted(interrupted);
    let compiled: Compiled = choice.compile(&manifest, &options).expect("it compiles");
    Plugin::new(&compiled).expect("it starts")
}

/// Calls a function that fails.
///
/// # Panics
/// If it does not.
pub fn fails(plugin: &mut Plugin, name: &str) -> Error {
    match plugin.call(name, b"") {
        Ok(_) => panic!("`{name}` ended by itself"),
        Err(error) => error,
    }
}

/// What it does, and the body of its function `endless`.
pub const ENDLESS: &[(&str, &str)] = &[
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

/// A guest whose function `endless` has this body, and whose function `ready` returns how often it
/// was called before. It imports `nap`, a host function without parameters and results.
pub fn guest(body: &str) -> String {
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

/// As [`ENDLESS`], of functions that are long: a loop of 100 000 instructions, and one around a table of 10 000 arms.
pub fn long() -> [(&'static str, String); 2] {
    const ARMS: usize = 10_000;
    let step = "(local.set $n (i64.mul (i64.add (local.get $n) (i64.const 3)) (i64.const 5)))";
    let steps = step.repeat(100_000 / 6);
    let straight = format!("(local $n i64) (loop $l {steps} (br $l))");
    let mut table = format!(
        "(local $n i32) loop $l {} local.get $n br_table",
        "block ".repeat(ARMS)
    );
    for arm in 0..ARMS {
        table.push_str(&format!(" {arm}"));
    }
    for arm in 0..ARMS {
        let next = (arm * 7919 + 1) % ARMS;
        table.push_str(&format!(" end i32.const {next} local.set $n br $l"));
    }
    table.push_str(" end");
    [
        ("a loop of 100 000 instructions", straight),
        ("a br_table of 10 000 arms", table),
    ]
}
