//! Guest backtraces: which functions were running when a call failed, the same list on every
//! engine.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use polyextism::{
    Choice, Compiled, Error, ErrorKind, Function, Manifest, Options, Plugin, Result, Wasi,
    backend::FRAMES, internal::NAME_LIMIT, manifest::Wasm,
};
use polyextism_tests::{engines, gaps, offers};

const LIBRARY: &str = r#"
(module
  (func $deepest unreachable)
  (func (export "sink") (call $deepest)))
"#;

const MAIN: &str = r#"
(module
  (import "lib" "sink" (func $sink))
  (import "x" "fail" (func $fail))
  (import "x" "panic" (func $panic))
  (import "x" "float" (func $float (param f64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (table funcref (elem $_ZN4main3fooE))
  (func $inner (param i32) unreachable)
  (func $middle (call $inner (i32.const 3)) (drop (i32.const 1)))
  (func $named (export "trap") (call $middle))
  (func (export "no names") (call 13))
  (func (param i32) nop)
  (func (unreachable))
  (func $_ZN4main3fooE (unreachable))
  (func (export "mangled") (call_indirect (i32.const 0)))
  (func $divide (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
  (func $divides (export "divide") (drop (call $divide (i32.const 0))))
  (func $load (export "load") (drop (i32.load (i32.const 0x7fffffff))))
  (func $library (export "library") (call $sink))
  (func $fails (export "host") (call $fail) (call $inner (i32.const 0)))
  (func $panics (export "panic") (call $panic))
  (func $floats (export "float") (call $float (f64.const 1)))
  (func $builtin (export "builtin") (drop (call $var_get (i64.const 12345))))
  (func $exits (export "exit") (call $exit (i32.const 3)))
  (func $says (export "text") (call $error_set (call $alloc (i64.const 4))) (call $middle))
  (func $code (export "code") (result i32) (i32.const 7))
  (func $recurse (param i32) (result i32)
    (i32.add (i32.const 1) (call $recurse (local.get 0))))
  (func $overflow (export "overflow") (drop (call $recurse (i32.const 1))))
  (func $deep (param $left i32) (result i32)
    (if (i32.eqz (local.get $left)) (then (call $fail)))
    (i32.add (i32.const 1) (call $deep (i32.sub (local.get $left) (i32.const 1)))))
  (func $deeply (export "deep") (drop (call $deep (i32.const 5000)))))
"#;

/// What is called, and what is running then, the innermost first.
const CASES: &[(&str, &[&str])] = &[
    ("trap", &["main!inner", "main!middle", "main!named"]),
    ("no names", &["main!function[13]", "main!function[11]"]),
    ("mangled", &["main!_ZN4main3fooE", "main!function[15]"]),
    ("divide", &["main!divide", "main!divides"]),
    ("load", &["main!load"]),
    (
        "library",
        &["lib!deepest", "lib!function[1]", "main!library"],
    ),
    ("host", &["main!fails"]),
    ("panic", &["main!panics"]),
    ("builtin", &["main!builtin"]),
    ("exit", &["main!exits"]),
    ("text", &["main!inner", "main!middle", "main!says"]),
    ("code", &[]),
    ("nobody", &[]),
    ("deep", &["main!deep"; FRAMES]),
];

fn module(text: &str, name: Option<&str>) -> Wasm {
    let wasm = Wasm::data(wat::parse_str(text).expect("the text is valid"));
    match name {
        Some(name) => wasm.with_name(name),
        None => wasm,
    }
}

fn compile(choice: &Choice, modules: Vec<Wasm>, functions: Vec<Function>) -> Result<Compiled> {
    let manifest = Manifest::new(modules);
    let wasi = true;
    choice.compile(
        &manifest,
        &Options::default()
            .with_functions(functions)
            .with_wasi(wasi.then(Wasi::default)),
    )
}

fn main(choice: &Choice) -> Plugin {
    let offered = ["fail", "panic"].map(|kind| offers::function(kind).expect("it is offered"));
    let mut functions = offered.to_vec();
    functions.push(Function::typed("float", |_, (_,): (f64,)| {
        Err::<(), _>(Error::new(ErrorKind::HostFunction, "no floats"))
    }));
    let modules = vec![module(LIBRARY, Some("lib")), module(MAIN, None)];
    let compiled = compile(choice, modules, functions).expect("it compiles");
    Plugin::new(&compiled).expect("an instance")
}

/// The engines that say which functions were running.
fn traced() -> impl Iterator<Item = Choice> {
    let traced = |choice: &Choice| choice.compiler().capabilities.backtrace;
    engines().into_iter().filter(traced)
}

fn frames(error: &Error) -> Vec<String> {
    error.backtrace().iter().map(ToString::to_string).collect()
}

fn fail(plugin: &mut Plugin, name: &str) -> Error {
    plugin.call(name, b"").expect_err("every function fails")
}

#[test]
fn every_engine_says_the_same() {
    for choice in traced() {
        let mut plugin = main(&choice);
        // Twice: nothing of the first failure stays.
        for (name, expected) in CASES.iter().chain(CASES) {
            let error = fail(&mut plugin, name);
            assert_eq!(frames(&error), *expected, "{choice:?} {name}: {error}");
        }
    }
}

#[test]
fn engines_that_cannot_tell_say_nothing() {
    let overflow = ["main!recurse"; FRAMES];
    for choice in engines() {
        let mut plugin = main(&choice);
        let error = fail(&mut plugin, "trap");
        let told = !frames(&error).is_empty();
        let declared = choice.compiler().capabilities.backtrace;
        assert_eq!(told, declared, "{choice:?}");
        for (name, gap, expected) in [
            ("overflow", gaps::OVERFLOW_TRACE, &overflow[..]),
            ("float", gaps::FLOAT_TRACE, &["main!floats"]),
        ] {
            let expected = match gaps::lacks(&choice, gap) {
                true => &[],
                false => expected,
            };
            let error = fail(&mut plugin, name);
            assert_eq!(frames(&error), expected, "{choice:?} {name}");
        }
    }
}

#[test]
fn initialisation_has_a_backtrace() {
    let text = r#"(module (func $inner unreachable) (func $begin (call $inner)) (start $begin)
        (func (export "f")))"#;
    for choice in traced() {
        let compiled = compile(&choice, vec![module(text, None)], vec![]).expect("it compiles");
        let mut plugin = Plugin::new(&compiled).expect("an instance");
        let expected = ["main!inner", "main!begin"];
        assert_eq!(frames(&fail(&mut plugin, "f")), expected, "{choice:?}");
        let error = plugin.initialize().expect_err("it traps again");
        assert_eq!(frames(&error), expected, "{choice:?}");
    }
}

/// Two instances of one program, one inside a host function of the other.
#[test]
fn each_call_has_its_own_frames() {
    let text = r#"(module
        (import "x" "other" (func $other))
        (import "x" "fail" (func $fail))
        (func $trap (export "trap") unreachable)
        (func $fails (export "fail") (call $fail))
        (func $calls (export "call") (call $other)))"#;
    for choice in traced() {
        let inner: Arc<Mutex<Option<Plugin>>> = Arc::default();
        let seen: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
        let (plugin, found) = (inner.clone(), seen.clone());
        let other = Function::typed("other", move |_, ()| -> Result<()> {
            let mut plugin = plugin.lock().expect("nobody panicked");
            let plugin = plugin.as_mut().expect("it is there");
            let error = fail(plugin, "fail");
            let mut found = found.lock().expect("nobody panicked");
            *found = vec![frames(&error), frames(&fail(plugin, "trap"))];
            Err(Error::new(ErrorKind::HostFunction, "the other failed").with_source(error))
        });
        let failing = offers::function("fail").expect("it is offered");
        let functions = vec![other, failing];
        let compiled = compile(&choice, vec![module(text, None)], functions).expect("it compiles");
        let other = Plugin::new(&compiled).expect("an instance");
        *inner.lock().expect("nobody panicked") = Some(other);
        let mut outer = Plugin::new(&compiled).expect("an instance");
        let error = fail(&mut outer, "call");
        assert_eq!(frames(&error), ["main!calls"], "{choice:?}");
        let seen = seen.lock().expect("nobody panicked");
        assert_eq!(*seen, [["main!fails"], ["main!trap"]], "{choice:?}");
        drop(seen);
        // It holds itself through the host function.
        inner.lock().expect("nobody panicked").take();
    }
}

#[test]
fn name_sections_of_any_shape_are_harmless() {
    let long = "ä".repeat(NAME_LIMIT);
    let half = format!("main!{}", "ä".repeat(NAME_LIMIT / 2));
    let named = format!(r#"(func (@name "{long}") (export "f") unreachable)"#);
    let bare = r#"(func (export "f") unreachable)"#;
    // The subsection 1 has the names of functions: a count, then index, length, name.
    let custom = |bytes: &str| format!(r#"{bare} (@custom "name" "{bytes}")"#);
    for (body, expected) in [
        (bare.to_owned(), "main!function[0]"),
        (custom(r"\01\04\01\00\01x"), "main!x"),
        (custom(r"\01\04\01\07\01x"), "main!function[0]"),
        (custom(r"\01\07\02\00\01a\00\01b"), "main!a"),
        (custom(r"\01\04\01\00\01\ff"), "main!function[0]"),
        (custom(r"\01\ff\ff\ff\ff\0f"), "main!function[0]"),
        (custom(r"\01\03\ff\00\01"), "main!function[0]"),
        (custom(r"\ff"), "main!function[0]"),
        (custom(""), "main!function[0]"),
        (named, &half),
    ] {
        let module = module(&format!("(module {body})"), None);
        for choice in traced() {
            let compiled = compile(&choice, vec![module.clone()], vec![]).expect("it compiles");
            let mut plugin = Plugin::new(&compiled).expect("an instance");
            assert_eq!(
                frames(&fail(&mut plugin, "f")),
                [expected],
                "{choice:?} {body}"
            );
        }
    }
}

/// Not a measurement: the bound is thousands of times what it takes.
#[test]
fn deep_stacks_do_not_take_long() {
    for choice in traced() {
        let mut plugin = main(&choice);
        let start = Instant::now();
        for _ in 0..20 {
            assert!(fail(&mut plugin, "overflow").backtrace().len() <= FRAMES);
            assert_eq!(fail(&mut plugin, "deep").backtrace().len(), FRAMES);
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{choice:?}");
    }
}
