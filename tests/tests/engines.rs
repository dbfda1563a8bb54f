//! Several engines in one process: interleaved, nested, on several threads; and how one is chosen.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use polyextism::{
    BACKENDS, Choice, Compiled, Error, ErrorKind, Function, Manifest, Options, Plugin, Trap,
    backend::{Backend, Interruption, LeftOut},
    default_engine, engine,
    internal::forks,
};
use polyextism_tests::{engines, plugin};

const GUEST: &str = r#"
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "input_load_u8" (func $input (param i64) (result i32)))
  (global $calls (mut i32) (i32.const 0))
  (func $recurse (param i64) (result i64)
    (i64.add (call $recurse (i64.add (local.get 0) (i64.const 1))) (i64.const 1)))
  ;; Outputs the first byte of the input and the number of calls so far.
  (func (export "count") (local $block i64)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (local.set $block (call $alloc (i64.const 2)))
    (call $store_u8 (local.get $block) (call $input (i64.const 0)))
    (call $store_u8 (i64.add (local.get $block) (i64.const 1)) (global.get $calls))
    (call $output_set (local.get $block) (i64.const 2)))
  (func (export "divide") (drop (i32.div_u (i32.const 1) (call $input (i64.const 0)))))
  (func (export "overflow") (drop (call $recurse (i64.const 0)))))
"#;

fn counting(plugin: &mut Plugin, tag: u8, calls: u8) {
    let output = plugin.call("count", &[tag]).expect("the call succeeds");
    assert_eq!(output, [tag, calls]);
}

fn trapping(plugin: &mut Plugin, name: &str, trap: Trap) {
    let error = plugin.call(name, b"").expect_err("it traps");
    assert_eq!(error.kind(), ErrorKind::Trap(trap), "{plugin:?} {name}");
}

/// Calls, traps and calls all engines in turn, some rounds long.
fn interleave(tag: u8) {
    let mut plugins: Vec<_> = engines()
        .iter()
        .flat_map(|choice| [choice; 2])
        .map(|choice| plugin(choice, GUEST, &[]).expect("the guest is valid"))
        .collect();
    for round in 0..20 {
        for plugin in &mut plugins {
            counting(plugin, tag, round * 2 + 1);
        }
        for plugin in &mut plugins {
            trapping(plugin, "divide", Trap::DivideByZero);
        }
        for plugin in &mut plugins {
            counting(plugin, tag + 1, round * 2 + 2);
            trapping(plugin, "overflow", Trap::StackOverflow);
        }
    }
}

#[test]
fn they_alternate() {
    interleave(7);
}

#[test]
fn they_alternate_on_several_threads() {
    let threads = (0..4).map(|tag| thread::spawn(move || interleave(tag * 10)));
    for thread in threads.collect::<Vec<_>>() {
        thread.join().expect("no thread fails");
    }
}

#[test]
fn a_compiled_plugin_serves_several_threads_and_a_plugin_moves_between_them() {
    for choice in engines() {
        let manifest = Manifest::of(GUEST.as_bytes());
        let compiled = choice.compile(&manifest, &Options::default());
        let compiled: Compiled = compiled.expect("the guest is valid");
        let threads = (0..4).map(|tag| {
            let compiled = compiled.clone();
            thread::spawn(move || {
                let mut plugin = Plugin::new(&compiled).expect("an instance");
                for calls in 1..100 {
                    counting(&mut plugin, tag, calls);
                }
                trapping(&mut plugin, "overflow", Trap::StackOverflow);
                plugin
            })
        });
        for (tag, thread) in threads.collect::<Vec<_>>().into_iter().enumerate() {
            let mut plugin = thread.join().expect("no thread fails");
            counting(&mut plugin, tag as u8, 100);
            trapping(&mut plugin, "divide", Trap::DivideByZero);
        }
    }
}

const NEST: &str = r#"
(module
  (import "extism:host/user" "inner" (func $inner (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (func (export "run") (local $block i64)
    (local.set $block (call $inner (call $input_offset)))
    (call $output_set (local.get $block) (call $length (local.get $block))))
  (func (export "trap") (drop (call $inner (call $input_offset))) unreachable))
"#;

/// A plug-in whose host function calls `inner`, and adds `mark` to what that says.
fn around(choice: &Choice, inner: Plugin, mark: u8) -> Plugin {
    let inner = Mutex::new(inner);
    let function = Function::bytes("inner", move |_, input| {
        let mut inner = inner.lock().expect("no panic while it is held");
        let wanted = str::from_utf8(input).unwrap_or_default();
        let names = [wanted, "run", "count"];
        let name = names.into_iter().find(|name| inner.function_exists(name));
        let name = name.expect("each of the two guests has one of them");
        let mut output = inner.call(name, input)?.to_vec();
        output.push(mark);
        Ok(output)
    });
    plugin(choice, NEST, &[function]).expect("the guest is valid")
}

#[test]
fn they_nest_three_deep() {
    for a in engines() {
        for b in engines() {
            for c in engines() {
                let innermost = plugin(&c, GUEST, &[]).expect("the guest is valid");
                let mut outer = around(&a, around(&b, innermost, b'b'), b'a');
                let who = format!("{a:?} {b:?} {c:?}");
                for round in 0..3 {
                    let output = outer.call("run", b"x").expect("all three succeed");
                    assert_eq!(output, [b'x', round * 3 + 1, b'b', b'a'], "{who}");
                    let error = outer
                        .call("run", b"trap")
                        .expect_err("the middle one traps");
                    assert_eq!(error.kind(), ErrorKind::Trap(Trap::Unreachable), "{who}");
                    let error = outer
                        .call("run", b"overflow")
                        .expect_err("the innermost traps");
                    assert_eq!(error.kind(), ErrorKind::Trap(Trap::StackOverflow), "{who}");
                    let error = outer.call("trap", b"y").expect_err("the outer one traps");
                    assert_eq!(error.kind(), ErrorKind::Trap(Trap::Unreachable), "{who}");
                }
            }
        }
    }
}

#[test]
fn every_engine_has_a_name_that_chooses_it() {
    for choice in engines() {
        let again = engine(&choice.name()).expect("the name is known");
        assert_eq!(again.name(), choice.name());
        let long = format!("{}:{}", choice.backend().name, choice.compiler().name);
        let again = engine(&long).expect("the long name is known");
        assert_eq!(again.name(), choice.name());
        let plugin = plugin(&choice, GUEST, &[]).expect("the guest is valid");
        assert_eq!(plugin.engine(), choice.name());
    }
    let names: Vec<_> = engines().iter().map(Choice::name).collect();
    let mut unique = names.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), names.len(), "{names:?}");
}

#[test]
fn an_unknown_engine_is_refused_with_those_that_are_built_in() {
    let known: Vec<_> = engines()
        .iter()
        .map(|c| format!("`{}`", c.name()))
        .collect();
    let known = known.join(", ");
    let backend = BACKENDS[0].name;
    for spec in [
        "v8",
        "",
        ":",
        "Wasmtime ",
        &format!("{backend}:"),
        &format!("{backend}:llvm"),
    ] {
        let error: Error = engine(spec).expect_err(spec);
        assert_eq!(error.kind(), ErrorKind::UnknownEngine, "{spec}");
        let expected = format!("unknown engine `{spec}`: built in are {known}");
        assert_eq!(error.to_string(), expected);
    }
    let error = Choice::parse(&[], Some("v8")).expect_err("there is none");
    assert_eq!(
        error.to_string(),
        "unknown engine `v8`: no engine is built in"
    );
}

/// A backend that was built without one of its compilers.
const PARTIAL: &[Backend] = &[Backend {
    name: "partial",
    left_out: &[LeftOut {
        compiler: "rare",
        feature: "partial-rare",
    }],
    ..BACKENDS[0]
}];

#[test]
fn a_compiler_that_was_left_out_says_what_builds_it_in() {
    let known = Choice::all(PARTIAL).map(|choice| format!("`{}`", choice.name()));
    let known = known.collect::<Vec<_>>().join(", ");
    let refused = |spec| {
        let error = Choice::parse(PARTIAL, Some(spec)).expect_err(spec);
        assert_eq!(error.kind(), ErrorKind::UnknownEngine, "{spec}");
        error.to_string()
    };
    assert_eq!(
        refused("partial:rare"),
        format!(
            "engine `partial:rare` is not built in: build with the cargo feature `partial-rare`; \
             built in are {known}"
        )
    );
    assert_eq!(
        refused("partial:other"),
        format!("unknown engine `partial:other`: built in are {known}")
    );
}

/// The environment of a process cannot be changed safely from inside, so this test runs itself
/// again with another one.
#[test]
fn the_environment_chooses_the_default() {
    let first = BACKENDS[0].name.to_owned();
    let mut runs = vec![(None, first.clone()), (Some(String::new()), first)];
    runs.extend(engines().iter().map(|c| (Some(c.name()), c.name())));
    runs.push((Some("v8".to_owned()), "unknown-engine".to_owned()));
    for (variable, expected) in runs {
        let this = std::env::current_exe().expect("the path of the test");
        let mut child = std::process::Command::new(this);
        child
            .args(["--exact", "child", "--ignored"])
            .env(EXPECTED, &expected);
        match &variable {
            Some(value) => child.env("EXTISM_ENGINE", value),
            None => child.env_remove("EXTISM_ENGINE"),
        };
        let output = child.output().expect("the child runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{variable:?}: {text}");
        assert!(text.contains("1 passed"), "{text}");
    }
}

const EXPECTED: &str = "POLYEXTISM_TESTS_EXPECTED";

#[test]
#[ignore = "a part of `the_environment_chooses_the_default`"]
fn child() {
    let Ok(expected) = std::env::var(EXPECTED) else {
        return;
    };
    let found = default_engine();
    let found = found.map_or_else(|error| error.kind().name().to_owned(), |c| c.name());
    assert_eq!(found, expected);
}

/// A plug-in is `Send`; a compiled one is shared.
#[test]
fn what_may_cross_threads() {
    const fn send<T: Send>() {}
    const fn sync<T: Sync>() {}
    send::<Plugin>();
    send::<Compiled>();
    sync::<Compiled>();
    sync::<Choice>();
    send::<Arc<Function>>();
    send::<Error>();
}

/// The lists that engines keep of themselves have locks, which no fork may leave locked.
#[test]
fn engines_open_before_a_fork_or_after_it() {
    for choice in engines() {
        let name = choice.name();
        forks::want();
        let opening = thread::spawn(move || {
            let settings = choice.settings(Interruption::Off);
            choice.open(&settings).map(drop)
        });
        thread::sleep(Duration::from_millis(20));
        let waited = !opening.is_finished();
        forks::release();
        let opened = opening.join().expect("nothing panics");
        opened.expect("the engine opens");
        assert!(waited, "{name}");
    }
}
