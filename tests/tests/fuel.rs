//! Fuel: the same guest uses the same on every engine, its limit is exact, and counting changes nothing
//! else. What single instructions cost is in `cases/fuel`; that what is executed is counted, in `counts.rs`.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use polyextism::{
    CallLimits, Choice, Clock, Compiled, Error, ErrorKind, Function, Interrupted, KernelForm,
    Manifest, Options, Plugin, Wasi,
    internal::set_fuel_portion,
    manifest::{Source, Wasm},
};
use polyextism_tests::{
    case::{self, Case},
    endless::{ENDLESS, LATE, fails, guest},
    engines, files,
    outcome::Outcome,
    run,
};

/// Real plug-ins, and calls of one instance.
const GUESTS: &[(&str, &[(&str, &str)])] = &[
    (
        "c/c_zig_freestanding.wasm",
        &[
            ("count_vowels", "Hello, World!"),
            ("count_vowels", "Hello, World!"),
            ("echo", "some text that is longer than eight bytes"),
            ("call_host", "number 3"),
            ("fail", ""),
            ("trap", ""),
        ],
    ),
    ("zig/zig.wasm", &[("count_vowels", "aaa"), ("echo", "x")]),
    (
        "assemblyscript/as_pdk.wasm",
        &[("count_vowels", "Hello, World!"), ("call_host", "3")],
    ),
    (
        "c/cpp_zig_wasi_words.wasm",
        &[("words", "b a b  c\nb a"), ("words", "")],
    ),
    (
        "c/c_zig_wasi_reactor.wasm",
        &[("echo", "through malloc"), ("wasi_info", "")],
    ),
    (
        "sqlite/sqlite_plugin.wasm",
        &[
            ("sql", "create table t(a integer, b text)"),
            ("sql", "insert into t values (1, 'one'), (2, 'two')"),
            ("sql", "select * from t order by a desc"),
            ("sql", "select missing"),
        ],
    ),
    (
        "quickjs/js_plugin.wasm",
        &[
            ("eval", "1 + 1"),
            ("eval", "var x = [3, 1, 2]; x.sort().join()"),
            ("eval", "throw new Error('thrown')"),
        ],
    ),
];

fn compiled(choice: &Choice, manifest: &Manifest, fuel: Option<u64>) -> Compiled {
    compiled_as(choice, manifest, fuel, KernelForm::default())
}

fn compiled_as(
    choice: &Choice,
    manifest: &Manifest,
    fuel: Option<u64>,
    kernel: KernelForm,
) -> Compiled {
    let options = Options::default()
        .with_functions(vec![
            Function::text("hello_world", |_, text| Ok(text.replace('3', "42"))),
            Function::typed("nap", |_, (): ()| Ok(())),
        ])
        .with_wasi(Wasi::default().with_clock(Clock::Fixed(0)).with_seed(1))
        .with_fuel(fuel)
        .with_kernel(kernel);
    choice.compile(manifest, &options).expect("it compiles")
}

fn plugin(choice: &Choice, text: &str, fuel: Option<u64>) -> Plugin {
    Plugin::new(&compiled(choice, &Manifest::of(text.as_bytes()), fuel)).expect("it starts")
}

fn real(path: &str) -> Manifest {
    let path = files::home().join("guests").join(path);
    Manifest::of(Wasm::from(Source::Path(path)))
}

#[test]
fn real_guests_use_the_same_on_every_engine() {
    for (path, calls) in GUESTS {
        let manifest = real(path);
        let mut expected: Option<Vec<u64>> = None;
        for choice in engines() {
            let counted = compiled(&choice, &manifest, Some(u64::MAX));
            let mut counted = Plugin::new(&counted).expect("it starts");
            let apart = compiled_as(&choice, &manifest, Some(u64::MAX), KernelForm::Apart);
            let mut apart = Plugin::new(&apart).expect("it starts");
            // It asks for more wherever it looks.
            set_fuel_portion(&mut apart, 1);
            let free = compiled(&choice, &manifest, None);
            let mut free = Plugin::new(&free).expect("it starts");
            let mut used = Vec::new();
            for (function, input) in *calls {
                let outcome = Outcome::of(counted.call(function, input.as_bytes()));
                let plain = Outcome::of(free.call(function, input.as_bytes()));
                assert_eq!(outcome, plain, "{choice:?} {path} {function}");
                used.push(counted.fuel_consumed().expect("it is counted"));
                assert_eq!(counted.fuel_consumed(), used.last().copied());
                assert_eq!(free.fuel_consumed(), None);
                // Wherever the kernel is and however fuel is given: calling it costs the same.
                let outcome = Outcome::of(apart.call(function, input.as_bytes()));
                assert_eq!(outcome, plain, "{choice:?} {path} {function}");
                assert_eq!(apart.fuel_consumed(), used.last().copied());
            }
            assert!(used.iter().all(|units| *units > 0), "{path}: {used:?}");
            let expected = expected.get_or_insert_with(|| used.clone());
            assert_eq!(used, *expected, "{choice:?} {path}");
        }
    }
}

/// With exactly what it needs a call succeeds, with one unit less it does not.
#[test]
fn the_limit_is_exact() {
    for (path, calls) in GUESTS {
        let (function, input) = calls[0];
        let manifest = real(path);
        for choice in engines() {
            let compiled = compiled(&choice, &manifest, Some(u64::MAX));
            let call = |fuel| {
                let mut plugin = Plugin::new(&compiled).expect("it starts");
                plugin.set_fuel(Some(fuel)).expect("it counts");
                let outcome = plugin.call(function, input.as_bytes()).map(<[u8]>::to_vec);
                (outcome, plugin.fuel_consumed().expect("it counts"))
            };
            let (outcome, needed) = call(u64::MAX);
            let output = outcome.expect("there is enough");
            for fuel in [needed, needed + 1] {
                let (outcome, used) = call(fuel);
                assert_eq!(
                    outcome.expect("there is enough"),
                    output,
                    "{choice:?} {path}"
                );
                assert_eq!(used, needed);
            }
            for fuel in [needed - 1, needed / 2, 1, 0] {
                let (outcome, used) = call(fuel);
                let error = outcome.expect_err("there is not enough");
                out_of_fuel(&error, fuel);
                assert_eq!(used, fuel, "{choice:?} {path}");
            }
        }
    }
}

fn out_of_fuel(error: &Error, fuel: u64) {
    assert_eq!(error.kind(), ErrorKind::OutOfFuel, "{error}");
    let units = if fuel == 1 { "unit" } else { "units" };
    let message = format!("the call used up its fuel of {fuel} {units}");
    assert_eq!(error.to_string(), message);
}

#[test]
fn every_endless_guest_runs_out_of_fuel() {
    for choice in engines() {
        for (what, body) in ENDLESS {
            let mut plugin = plugin(&choice, &guest(body), Some(100_000));
            for _ in 0..2 {
                let error = fails(&mut plugin, "endless");
                assert_eq!(error.kind(), ErrorKind::OutOfFuel, "{choice:?} {what}");
                out_of_fuel(&error, 100_000);
                assert_eq!(plugin.fuel_consumed(), Some(100_000), "{choice:?} {what}");
                assert_eq!(plugin.call("ready", b"").expect("it is ready again"), b"");
            }
        }
    }
}

/// Guests that count fuel still end at deadlines and when they are cancelled.
#[test]
fn time_is_limited_as_well() {
    for choice in engines() {
        for (what, body) in ENDLESS {
            let mut plugin = plugin(&choice, &guest(body), Some(u64::MAX));
            plugin.set_timeout(Some(Duration::from_millis(20)));
            let start = Instant::now();
            let error = fails(&mut plugin, "endless");
            assert_eq!(
                error.kind(),
                ErrorKind::Timeout,
                "{choice:?} {what}: {error}"
            );
            assert!(start.elapsed() < LATE, "{choice:?} {what}");
            assert!(plugin.fuel_consumed() > Some(0), "{choice:?} {what}");
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
            assert_eq!(
                error.kind(),
                ErrorKind::Cancelled,
                "{choice:?} {what} {error:?}"
            );
        }
    }
}

const COUNTER: &str = r#"(module (memory (export "memory") 1)
  (global $state (mut i32) (i32.const 0))
  (func $work (param i32)
    (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "_initialize") (call $work (i32.const 10000)))
  (func (export "short") (result i32) (call $work (i32.const 10)) (i32.const 0))
  (func (export "state") (result i32)
    (global.set $state (i32.add (global.get $state) (i32.const 1)))
    (call $work (i32.const 5000))
    (i32.sub (global.get $state) (i32.const 1))))"#;

#[test]
fn initialisation_is_a_part_of_its_call() {
    for choice in engines() {
        let used = |plugin: &mut Plugin| {
            plugin.call("short", b"").expect("there is enough");
            plugin.fuel_consumed().expect("it counts")
        };
        let mut apart = plugin(&choice, COUNTER, Some(u64::MAX));
        apart.initialize().expect("there is enough");
        let initialisation = apart.fuel_consumed().expect("it counts");
        let call = used(&mut apart);
        assert_eq!(call, used(&mut apart), "{choice:?}: the same again");
        let mut together = plugin(&choice, COUNTER, Some(u64::MAX));
        let first = used(&mut together);
        assert_eq!(first, initialisation + call, "{choice:?}");
        // What does not suffice for it leaves nothing behind.
        let mut poor = plugin(&choice, COUNTER, Some(first - 1));
        out_of_fuel(&fails(&mut poor, "short"), first - 1);
        poor.set_fuel(Some(initialisation)).expect("it counts");
        poor.initialize().expect("there is enough");
        poor.set_fuel(Some(call)).expect("it counts");
        assert_eq!(used(&mut poor), call, "{choice:?}");
    }
}

#[test]
fn a_call_can_have_fuel_of_its_own() {
    for choice in engines() {
        let mut plugin = plugin(&choice, COUNTER, Some(u64::MAX));
        plugin.initialize().expect("there is enough");
        let function = plugin.function("short").expect("it is exported");
        let limits = |fuel| CallLimits::default().with_fuel(fuel);
        let error = plugin.call_with(function, b"", &limits(Some(50)));
        out_of_fuel(&error.expect_err("it is not enough"), 50);
        for fuel in [None, Some(1_000_000)] {
            let ended = plugin.call_with(function, b"", &limits(fuel));
            ended.expect("there is enough");
        }
        assert_eq!(plugin.fuel(), Some(u64::MAX));
        plugin.set_fuel(None).expect("it counts");
        plugin.call("short", b"").expect("there is no limit");
        assert!(plugin.fuel_consumed() > Some(0));
    }
}

#[test]
fn fuel_needs_guests_that_count() {
    for choice in engines() {
        let mut plugin = plugin(&choice, COUNTER, None);
        let function = plugin.function("short").expect("it is exported");
        let limits = CallLimits::default().with_fuel(1);
        let refused = [
            plugin.call_with(function, b"", &limits).map(drop),
            plugin.set_fuel(Some(1)),
        ];
        for refused in refused {
            let error = refused.expect_err("nobody counts");
            assert_eq!(error.kind(), ErrorKind::Argument, "{choice:?}");
            assert_eq!(
                error.to_string(),
                "this plug-in counts no fuel: fuel has to be given when it is compiled"
            );
        }
        plugin.call("short", b"").expect("there is no limit");
        assert_eq!(plugin.fuel_consumed(), None);
    }
}

/// A guest that ran out of fuel is replaced, or goes on, as one that ran out of time.
#[test]
fn what_becomes_of_the_guest() {
    for choice in engines() {
        for (interrupted, state) in [(Interrupted::Replaced, 0), (Interrupted::Kept, 1)] {
            let options = Options::default()
                .with_fuel(u64::MAX)
                .with_interrupted(interrupted);
            let manifest = Manifest::of(COUNTER.as_bytes());
            let compiled = choice.compile(&manifest, &options).expect("it compiles");
            let mut plugin = Plugin::new(&compiled).expect("it starts");
            plugin.initialize().expect("there is enough");
            plugin.set_fuel(Some(1000)).expect("it counts");
            out_of_fuel(&fails(&mut plugin, "state"), 1000);
            plugin.set_fuel(None).expect("it counts");
            let code = plugin
                .call("state", b"")
                .err()
                .and_then(|error| error.code());
            assert_eq!(code.unwrap_or(0), state, "{choice:?} {interrupted:?}");
        }
    }
}

/// Modules share their fuel: what one has not used the others can.
#[test]
fn modules_share_it() {
    let library = r#"(module (func (export "work") (param i32)
        (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
    let main = r#"(module (import "lib" "work" (func $work (param i32)))
        (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
        (global $mine (mut i32) (i32.const 7))
        (func (export "run") (result i32) (local $n i32)
          (local.set $n (i32.const 100))
          (loop $l (call $work (i32.const 100)) (drop (call $alloc (i64.const 100)))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (i32.sub (global.get $mine) (i32.const 7))))"#;
    let manifest = Manifest::new([
        Wasm::from(library.as_bytes().to_vec()).with_name("lib"),
        Wasm::from(main.as_bytes().to_vec()).with_name("main"),
    ]);
    let mut expected = None;
    for choice in engines() {
        let compiled = compiled(&choice, &manifest, Some(u64::MAX));
        // Blocks that were used before are cleared, which costs: so each call has a fresh instance.
        let fresh = || Plugin::new(&compiled).expect("it starts");
        let mut plugin = fresh();
        plugin.call("run", b"").expect("there is enough");
        let used = plugin.fuel_consumed().expect("it counts");
        assert_eq!(*expected.get_or_insert(used), used, "{choice:?}");
        assert!(used > 100 * 100 * 5);
        let mut plugin = fresh();
        plugin.set_fuel(Some(used)).expect("it counts");
        plugin.call("run", b"").expect("it is exactly enough");
        let mut plugin = fresh();
        plugin.set_fuel(Some(used - 1)).expect("it counts");
        out_of_fuel(&fails(&mut plugin, "run"), used - 1);
    }
}

/// A command has an instance of its own for each call, and a library that is one starts afresh: what a call
/// uses is the same again and again.
#[test]
fn commands_use_the_same_each_time() {
    let library = r#"(module (memory 1) (global $n (mut i32) (i32.const 0)) (func (export "_start"))
        (func (export "work") (param i32) (result i32)
          (global.set $n (i32.add (global.get $n) (local.get 0)))
          (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
          (global.get $n)))"#;
    let command = r#"(module (import "lib" "work" (func $work (param i32) (result i32)))
        (global $n (mut i32) (i32.const 10))
        (func (export "_start")
          (global.set $n (call $work (global.get $n)))
          (drop (call $work (global.get $n)))))"#;
    let manifest = Manifest::new([
        Wasm::from(library.as_bytes().to_vec()).with_name("lib"),
        Wasm::from(command.as_bytes().to_vec()).with_name("main"),
    ]);
    let mut expected = None;
    for choice in engines() {
        let compiled = compiled(&choice, &manifest, Some(u64::MAX));
        let mut plugin = Plugin::new(&compiled).expect("it starts");
        let mut call = |fuel| {
            plugin.set_fuel(Some(fuel)).expect("it counts");
            let outcome = plugin.call("_start", b"").map(drop);
            (outcome, plugin.fuel_consumed().expect("it counts"))
        };
        let (outcome, used) = call(u64::MAX);
        outcome.expect("there is enough");
        assert_eq!(*expected.get_or_insert(used), used, "{choice:?}");
        for _ in 0..3 {
            let (outcome, again) = call(used);
            outcome.expect("it is exactly enough");
            assert_eq!(again, used, "{choice:?}");
            let (outcome, all) = call(used - 1);
            out_of_fuel(&outcome.expect_err("it is one less"), used - 1);
            assert_eq!(all, used - 1, "{choice:?}");
        }
    }
}

/// What comes after an exit is not counted, whatever piece of the code it is in.
#[test]
fn the_host_ends_a_call() {
    let text = r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (func (export "exits") nop (call $exit (i32.const 0)) nop nop))"#;
    for choice in engines() {
        let mut plugin = plugin(&choice, text, Some(3));
        plugin.call("exits", b"").expect("0 is no failure");
        assert_eq!(plugin.fuel_consumed(), Some(3), "{choice:?}");
        plugin.set_fuel(Some(2)).expect("it counts");
        out_of_fuel(&fails(&mut plugin, "exits"), 2);
    }
}

/// Counting changes nothing else: all cases, as they are.
#[test]
fn every_case_ends_the_same() {
    let mut cases = Vec::new();
    for (group, paths) in case::groups() {
        for path in paths {
            let name = format!("{group}/{}", files::stem(&path));
            let mut case = Case::parse(&files::text(&path)).expect("the cases are well-formed");
            case.setting.fuel.get_or_insert(u64::MAX);
            cases.push((name, case));
        }
    }
    assert!(cases.len() > 100, "{}", cases.len());
    let cases = Arc::new(cases);
    // One compiler of each engine: what is counted does not depend on it.
    let engines = engines().into_iter();
    let engines =
        engines.filter(|choice| choice.compiler().name == choice.backend().compilers[0].name);
    let workers = engines.map(|choice| {
        let cases = Arc::clone(&cases);
        thread::spawn(move || {
            let failed = cases.iter().filter_map(|(name, case)| {
                let outcome = run::check(case, &choice.deterministic(), KernelForm::Fused);
                outcome.err().map(|why| format!("{choice:?} {name}: {why}"))
            });
            failed.collect::<Vec<_>>()
        })
    });
    let workers: Vec<_> = workers.collect();
    let failed: Vec<_> = (workers.into_iter())
        .flat_map(|worker| worker.join().expect("nothing panics"))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
