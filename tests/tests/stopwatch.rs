//! A stopwatch counts the calls of host functions and builtins, on every engine, and nothing else.

use std::{thread, time::Duration};

use polyextism::{Function, Laps, Manifest, Options, Plugin, Stopwatch};
use polyextism_tests::engines;

const NAP: Duration = Duration::from_millis(3);

const GUEST: &str = r#"
(module
  (import "extism:host/user" "nap" (func $nap (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $input (result i64)))
  (import "extism:host/env" "config_get" (func $config (param i64) (result i64)))
  (func (export "nap") (drop (call $nap (call $nap (i64.const 1)))))
  (func (export "config") (drop (call $config (call $alloc (i64.const 1)))))
  (func (export "none") (drop (call $alloc (call $input)))))
"#;

fn options(stopwatch: Option<Stopwatch>) -> Options {
    Options::default()
        .with_functions(vec![Function::typed("nap", |_, (n,): (i64,)| {
            thread::sleep(NAP);
            Ok(n)
        })])
        .with_stopwatch(stopwatch)
}

#[test]
fn host_functions_and_builtins_are_counted() {
    for engine in engines() {
        let stopwatch = Stopwatch::default();
        let options = options(Some(stopwatch.clone()));
        let compiled = engine.compile(&Manifest::of(GUEST.as_bytes()), &options);
        let compiled = compiled.expect("the guest is valid");
        // Which of the functions are bound is known all the same.
        assert_eq!(compiled.bound_functions(), [0], "{engine:?}");
        let mut plugin = Plugin::new(&compiled).expect("it can be instantiated");
        for (function, calls) in [("nap", 2), ("config", 1), ("none", 0)] {
            plugin.call(function, b"").expect("the call succeeds");
            let laps = stopwatch.take();
            assert_eq!(laps.calls, calls, "{engine:?} {function}");
            let naps = if function == "nap" { 2 } else { 0 };
            // Less what reading the clock takes, which is far from a microsecond.
            let least = (NAP * naps).saturating_sub(Duration::from_micros(2));
            assert!(laps.time >= least, "{engine:?} {function}: {laps:?}");
        }
        assert_eq!(stopwatch.take(), Laps::default(), "{engine:?}");
    }
}

#[test]
fn instances_share_it() {
    for engine in engines() {
        let stopwatch = Stopwatch::default();
        let options = options(Some(stopwatch.clone()));
        let compiled = engine.compile(&Manifest::of(GUEST.as_bytes()), &options);
        let compiled = compiled.expect("the guest is valid");
        for _ in 0..2 {
            let mut plugin = Plugin::new(&compiled).expect("it can be instantiated");
            plugin.call("config", b"").expect("the call succeeds");
        }
        assert_eq!(stopwatch.take().calls, 2, "{engine:?}");
    }
}
