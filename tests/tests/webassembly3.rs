//! What WebAssembly 3.0 brought, where a case cannot say it: guests with exceptions, typed references and objects end
//! at deadlines and run out of fuel like others; what is forbidden is refused; objects are limited, counted and given
//! back.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use polyextism::{
    Caller, Choice, Error, ErrorKind, Function, Interrupted, Limits, Manifest, Options, Plugin,
    Proposal, Proposals, Trap, manifest::Wasm,
};
use polyextism_tests::{
    endless::{LATE, fails, running},
    engines,
    gaps::{STORED_EXCEPTIONS, lacks},
};

/// Guests that never end by themselves: what they need, what they do, and their code, which exports `endless`.
const ENDLESS: &[(Proposal, &str, &str)] = &[
    (
        Proposal::Exceptions,
        "an exception each turn",
        r#"(tag $t) (func (export "endless") (loop $l (try_table (catch $t $l) (throw $t))))"#,
    ),
    (
        Proposal::Exceptions,
        "an exception of another function each turn, which works before it throws",
        r#"(tag $t (param i32))
        (func $throws (param i32) (local $n i32)
          (local.set $n (i32.const 90000))
          (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (throw $t (local.get 0)))
        (func (export "endless")
          (loop $l
            (block $caught (result i32)
              (try_table (catch $t $caught) (call $throws (i32.const 1)))
              (i32.const 0))
            (br_if $l)))"#,
    ),
    (
        Proposal::Exceptions,
        "exceptions that are thrown again",
        r#"(tag $t)
        (func $again (block $e (result exnref) (try_table (catch_all_ref $e) (throw $t)) unreachable) throw_ref)
        (func (export "endless") (loop $l (try_table (catch_all $l) (call $again))))"#,
    ),
    (
        Proposal::FunctionReferences,
        "calls by reference",
        r#"(type $f (func (param (ref $f))))
        (func $g (type $f) (call_ref $f (local.get 0) (local.get 0)) (call_ref $f (local.get 0) (local.get 0)))
        (elem declare func $h)
        (func $h (type $f))
        (func (export "endless") (loop $l (call_ref $f (ref.func $h) (ref.func $h)) (br $l)))"#,
    ),
    (
        Proposal::FunctionReferences,
        "branches on null",
        r#"(type $f (func)) (func (export "endless") (local (ref null $f))
          (loop $l (br_on_null $l (local.get 0)) drop))"#,
    ),
    (
        Proposal::Gc,
        "objects that nobody keeps",
        r#"(type $s (struct (field i64))) (type $a (array i8))
        (func (export "endless")
          (loop $l
            (drop (struct.new $s (i64.const 1)))
            (drop (array.new_default $a (i32.const 10000)))
            (br $l)))"#,
    ),
    (
        Proposal::Gc,
        "a list that is walked in a circle",
        r#"(type $s (struct (field (mut (ref null $s)))))
        (func (export "endless") (local $s (ref null $s))
          (local.set $s (struct.new $s (ref.null $s)))
          (struct.set $s 0 (local.get $s) (local.get $s))
          (loop $l
            (local.set $s (struct.get $s 0 (local.get $s)))
            (br_if $l (i32.eqz (ref.is_null (local.get $s))))))"#,
    ),
    (
        Proposal::Gc,
        "casts in a loop",
        r#"(func (export "endless")
          (ref.i31 (i32.const 1))
          (loop $l (param anyref) (br_on_cast $l anyref (ref i31)) drop))"#,
    ),
];

/// The guest in the main module, and in a library.
fn both(code: &str) -> [Manifest; 2] {
    let lib = format!("(module {code})");
    let main = r#"(module (import "lib" "endless" (func $f)) (func (export "endless") (call $f)))"#;
    let two = Manifest::new([
        Wasm::data(lib.clone()).with_name("lib"),
        Wasm::data(main).with_name("main"),
    ]);
    [Manifest::of(lib.as_bytes()), two]
}

fn plugin(choice: &Choice, manifest: &Manifest, options: &Options) -> Plugin {
    let compiled = choice.compile(manifest, options);
    let compiled = compiled.unwrap_or_else(|error| {
        let mut text = format!("{choice:?}: {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            text += &format!(": {error}");
            source = error.source();
        }
        panic!("{text} {:?}", manifest.wasm.last())
    });
    Plugin::new(&compiled).expect("it starts")
}

fn has(choice: &Choice, proposal: Proposal) -> bool {
    choice.compiler().capabilities.proposals.contains(&proposal)
}

#[test]
fn every_endless_guest_ends_in_time() {
    for choice in engines() {
        for (proposal, what, code) in ENDLESS.iter().filter(|row| has(&choice, row.0)) {
            for mut manifest in both(code) {
                manifest.timeout_ms = Some(20);
                let options = Options::default().with_interrupted(Interrupted::Kept);
                let mut plugin = plugin(&choice, &manifest, &options);
                for _ in 0..2 {
                    let begin = running();
                    let error = fails(&mut plugin, "endless");
                    assert_eq!(
                        error.kind(),
                        ErrorKind::Timeout,
                        "{choice:?} {proposal:?} {what}: {error:?}"
                    );
                    assert!(
                        running() - begin < Duration::from_millis(20) + LATE,
                        "{choice:?} {what}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_endless_guest_runs_out_of_fuel() {
    for choice in engines() {
        for (proposal, what, code) in ENDLESS.iter().filter(|row| has(&choice, row.0)) {
            for manifest in both(code) {
                let options = Options::default().with_fuel(60_000);
                let mut plugin = plugin(&choice, &manifest, &options);
                let error = fails(&mut plugin, "endless");
                assert_eq!(
                    error.kind(),
                    ErrorKind::OutOfFuel,
                    "{choice:?} {proposal:?} {what}: {error:?}"
                );
            }
        }
    }
}

/// A host may forbid what its engine has, by name, and take what came before.
#[test]
fn what_is_forbidden_is_refused() {
    let forbid = |names: &[&str]| {
        Options::default().with_forbidden(
            names
                .iter()
                .map(|name| Proposal::named(name).expect("there is one"))
                .collect(),
        )
    };
    let all = Options::default().with_forbidden(Proposals::of(Proposal::ALL));
    let refused = |choice: &Choice, text: &str, options: &Options| -> Option<Error> {
        choice
            .compile(&Manifest::of(text.as_bytes()), options)
            .err()
    };
    let old = r#"(module (memory 1) (func (export "f") (drop (i32.load (i32.const 0)))))"#;
    let fill = "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))";
    let results = "(module (func (result i32 i32) (i32.const 1) (i32.const 2)))";
    for choice in engines() {
        for (text, options, names) in [
            (old, &all, None),
            (fill, &forbid(&["simd"]), None),
            (fill, &forbid(&["bulk-memory"]), Some("bulk memory")),
            (results, &all, Some("multi-value")),
            (
                "(module (func (param i32) (result i32) (i32.extend8_s (local.get 0))))",
                &all,
                Some("sign extension"),
            ),
            (
                "(module (memory 1) (memory 1))",
                &forbid(&["multi-memory", "tail-calls"]),
                Some("multi-memory"),
            ),
        ] {
            let error = refused(&choice, text, options);
            let found = error
                .as_ref()
                .map(|error| (error.kind(), error.to_string()));
            let expected = names.map(|names| {
                let message = format!("module `main` uses {names}, which this host forbids");
                (ErrorKind::InvalidModule, message)
            });
            assert_eq!(found, expected, "{choice:?} {text}");
        }
        for (proposal, _, code) in ENDLESS.iter().filter(|row| has(&choice, row.0)) {
            let error =
                refused(&choice, &format!("(module {code})"), &all).expect("it is forbidden");
            assert_eq!(
                error.kind(),
                ErrorKind::InvalidModule,
                "{choice:?} {proposal:?}"
            );
        }
    }
}

/// A guest that keeps `n` objects of some kilobytes, and one that keeps all that it can.
const OBJECTS: &str = r#"(module
  (type $bytes (array (mut i8)))
  (type $list (struct (field (ref $bytes)) (field (ref null $list))))
  (global $kept (mut (ref null $list)) (ref.null $list))
  (func $keep
    (global.set $kept (struct.new $list (array.new_default $bytes (i32.const 8192)) (global.get $kept))))
  (func (export "few") (local $n i32)
    (loop $l (call $keep) (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 50)))))
  (func (export "all") (loop $l (call $keep) (br $l)))
  (func (export "none") (global.set $kept (ref.null $list)))
  (func (export "large") (drop (array.new_default $bytes (i32.const -1)))))"#;

/// The engines that collect objects.
fn collecting() -> impl Iterator<Item = Choice> {
    let engines = engines().into_iter();
    engines.filter(|choice| has(choice, Proposal::Gc))
}

/// Objects are limited by themselves and together with the memories: who has too many fails, and nobody else.
#[test]
fn objects_are_limited() {
    let default = Limits::default;
    for (choice, memory_pages, heap_pages) in collecting().flat_map(|choice| {
        [
            (choice, 200, default().heap_pages),
            (choice, default().memory_pages, 200),
        ]
    }) {
        let options = Options::default().with_limits(
            default()
                .with_memory_pages(memory_pages)
                .with_heap_pages(heap_pages),
        );
        let compiled = choice
            .compile(&Manifest::of(OBJECTS.as_bytes()), &options)
            .expect("it compiles");
        let mut plugin = Plugin::new(&compiled).expect("it starts");
        let mut other = Plugin::new(&compiled).expect("it starts");
        let before = plugin.memory_bytes();
        plugin.call("few", b"").expect("there is room");
        assert!(plugin.memory_bytes() >= before + 50 * 8192, "{choice:?}");
        let error = fails(&mut plugin, "all");
        assert_eq!(
            error.kind(),
            ErrorKind::MemoryLimit,
            "{choice:?}: {error:?}"
        );
        // The kernel's memory has one more.
        assert!(plugin.memory_bytes() <= 201 << 16, "{choice:?}");
        let error = fails(&mut plugin, "large");
        assert_eq!(
            error.kind(),
            ErrorKind::Trap(Trap::AllocationTooLarge),
            "{choice:?}: {error:?}"
        );
        // What was kept is garbage now.
        plugin.call("none", b"").expect("it ends");
        for _ in 0..20 {
            plugin.call("few", b"").expect("there is room again");
            plugin.call("none", b"").expect("it ends");
        }
        other.call("few", b"").expect("its heap is its own");
    }
}

/// The limit of the heap is none of the memories, whatever their maximum, nor the other way round.
#[test]
fn heaps_and_memories_are_told_apart() {
    const GROWS: &str = r#"
      (type $bytes (array (mut i8)))
      (func (export "grow") (if (i32.eq (i32.const -1) (memory.grow (i32.const 3))) (then unreachable)))
      (func (export "object") (drop (array.new_default $bytes (i32.const 100000))))
      (func (export "large") (drop (array.new_default $bytes (i32.const 400000))))"#;
    let memories = ["0", "1", "4 65536", "4 65535", "9 100"];
    for (choice, memory) in collecting().flat_map(|choice| memories.map(|memory| (choice, memory)))
    {
        let text = format!("(module (memory {memory}) {GROWS})");
        let options = Options::default().with_limits(Limits::default().with_heap_pages(8));
        let mut plugin = plugin(&choice, &Manifest::of(text.into_bytes()), &options);
        for _ in 0..8 {
            for name in ["grow", "object", "grow"] {
                let outcome = plugin.call(name, b"").map(drop);
                outcome.unwrap_or_else(|error| panic!("{choice:?} {memory} {name}: {error}"));
            }
            let error = fails(&mut plugin, "large");
            assert_eq!(error.kind(), ErrorKind::MemoryLimit, "{choice:?} {memory}");
            let message =
                "the guest has more objects than the limits `heap_pages` and `memory_pages` allow";
            assert_eq!(error.to_string(), message);
        }
    }
}

/// Objects that a module makes at the start count as well.
#[test]
fn objects_at_the_start_are_limited() {
    let text = r#"(module (type $bytes (array i8))
      (global (ref $bytes) (array.new_default $bytes (i32.const 200000))) (func (export "f")))"#;
    for choice in collecting() {
        let start = |heap_pages| {
            let limits = Limits::default().with_heap_pages(heap_pages);
            let options = Options::default().with_limits(limits);
            let compiled = choice.compile(&Manifest::of(text.as_bytes()), &options);
            Plugin::new(&compiled.expect("it compiles")).map(drop)
        };
        let error = start(2).expect_err("they need more");
        assert_eq!(error.kind(), ErrorKind::MemoryLimit, "{choice:?}: {error}");
        start(16).expect("it is enough");
    }
}

/// A deadline ends a guest that does nothing but have many objects collected again and again.
#[test]
fn deadlines_reach_guests_that_have_objects_collected() {
    // A list of many objects stays in use, and is copied each time.
    let text = r#"(module
      (type $list (struct (field (ref null $list))))
      (type $bytes (array (mut i8)))
      (global $kept (mut (ref null $list)) (ref.null $list))
      (func (export "keep") (local $n i32)
        (loop $l
          (global.set $kept (struct.new $list (global.get $kept)))
          (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 200000)))))
      (func (export "endless")
        (loop $l (drop (array.new_default $bytes (i32.const 1000000))) (br $l))))"#;
    for choice in collecting() {
        let options = Options::default()
            .with_limits(Limits::default().with_heap_pages(2000))
            .with_interrupted(Interrupted::Kept);
        let mut plugin = plugin(&choice, &Manifest::of(text.as_bytes()), &options);
        plugin.call("keep", b"").expect("there is room");
        plugin.set_timeout(Some(Duration::from_millis(20)));
        for _ in 0..3 {
            let begin = running();
            assert_eq!(
                fails(&mut plugin, "endless").kind(),
                ErrorKind::Timeout,
                "{choice:?}"
            );
            assert!(running() - begin < LATE, "{choice:?}");
        }
    }
}

/// What is no exception of the guest is not caught: a host function that fails, and one that meets an exception of
/// another plug-in, end the call.
#[test]
fn failures_of_the_host_are_not_caught() {
    let text = r#"(module (import "extism:host/user" "fails" (func $fails))
      (func (export "f") (block $all (try_table (catch_all $all) (call $fails)))))"#;
    let throws = r#"(module (tag $t) (func (export "throws") (throw $t)))"#;
    let able = engines()
        .into_iter()
        .filter(|choice| has(choice, Proposal::Exceptions));
    for choice in able {
        let inner = plugin(
            &choice,
            &Manifest::of(throws.as_bytes()),
            &Options::default(),
        );
        let inner = Arc::new(Mutex::new(inner));
        let seen = Arc::clone(&inner);
        let fails = Function::typed(
            "fails",
            move |_: &mut Caller<'_>, (): ()| -> Result<(), Error> {
                let mut inner = seen.lock().expect("nobody panics");
                let error = inner.call("throws", b"").map(drop).expect_err("it throws");
                assert_eq!(error.kind(), ErrorKind::Trap(Trap::UncaughtException));
                Err(Error::new(ErrorKind::HostFunction, "it threw"))
            },
        );
        let options = Options::default().with_functions(vec![fails]);
        let mut outer = plugin(&choice, &Manifest::of(text.as_bytes()), &options);
        for _ in 0..3 {
            let error = outer
                .call("f", b"")
                .map(drop)
                .expect_err("the host function fails");
            assert_eq!(
                (error.kind(), &*error.to_string()),
                (ErrorKind::HostFunction, "it threw"),
                "{choice:?}"
            );
        }
    }
}

/// Instances give their heaps back: many in turn, more than there are places in a pool.
#[test]
fn instances_give_their_heaps_back() {
    for choice in collecting() {
        let manifest = Manifest::of(OBJECTS.as_bytes());
        let compiled = choice
            .compile(&manifest, &Options::default())
            .expect("it compiles");
        let in_turn = |count| {
            for _ in 0..count {
                let mut plugin = Plugin::new(&compiled).expect("it starts");
                plugin.call("few", b"").expect("there is room");
            }
        };
        in_turn(100);
        let before = resident();
        in_turn(10_000);
        // Each has had more than 400 KiB.
        assert!(resident() < before + (64 << 20), "{choice:?}");
    }
}

/// How many bytes of memory this process has, where the system says it.
fn resident() -> u64 {
    let Ok(text) = std::fs::read_to_string("/proc/self/statm") else {
        return 0;
    };
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or_default() * 4096
}

/// What some engine lacks of exceptions it refuses by its name, and does not panic.
#[test]
fn references_to_exceptions_outside_of_functions() {
    const STORED: &str = "tables, globals and element segments of `exnref`";
    const CARRIED: &str = "exceptions that carry an `exnref`";
    const ALWAYS_NULL: &str = "type `nullexnref`";
    for choice in engines()
        .into_iter()
        .filter(|choice| has(choice, Proposal::Exceptions))
    {
        for (code, lacking) in [
            ("(table 1 exnref)", STORED),
            ("(table 1 nullexnref)", STORED),
            ("(global exnref (ref.null exn))", STORED),
            (
                "(global $g (mut exnref) (ref.null exn)) (func (global.set $g (ref.null exn)))",
                STORED,
            ),
            ("(elem exnref (ref.null exn))", STORED),
            (
                "(tag $t (param exnref)) (func (throw $t (ref.null exn)))",
                CARRIED,
            ),
            (
                "(tag $t (param i32 exnref)) (func \
                 (block $h (result i32 exnref) (try_table (catch $t $h)) (unreachable)) (drop) (drop))",
                CARRIED,
            ),
            (r#"(func (export "g") (param nullexnref))"#, ALWAYS_NULL),
            ("(func (local nullexnref))", ALWAYS_NULL),
            (
                "(func (drop (block (result nullexnref) (ref.null noexn))))",
                ALWAYS_NULL,
            ),
            ("(func (drop (ref.null noexn)))", ALWAYS_NULL),
        ] {
            let text = format!("(module {code})");
            let compiled = choice.compile(&Manifest::of(text.as_bytes()), &Options::default());
            let found = compiled.and_then(|compiled| Plugin::new(&compiled));
            let found = found.err().map(|error| (error.kind(), error.to_string()));
            let message = format!("engine `{}` has no {lacking}", choice.name());
            let expected =
                lacks(&choice, STORED_EXCEPTIONS).then_some((ErrorKind::Unsupported, message));
            assert_eq!(found, expected, "{choice:?} {code}");
        }
    }
}

/// Who uses no objects has no heap for them.
#[test]
fn a_guest_without_objects_has_no_heap() {
    for choice in engines() {
        let text = r#"(module (func (export "f")))"#;
        let mut plugin = plugin(&choice, &Manifest::of(text.as_bytes()), &Options::default());
        plugin.call("f", b"").expect("it ends");
        // The kernel's memory only.
        assert_eq!(plugin.memory_bytes(), 1 << 16, "{choice:?}");
    }
}

/// The same guest uses the same fuel on every engine, also where it catches.
#[test]
fn exceptions_cost_the_same_everywhere() {
    let text = r#"(module (tag $t (param i32))
      (func $throws (param i32) (if (i32.and (local.get 0) (i32.const 1)) (then (throw $t (local.get 0)))))
      (func (export "f") (local $n i32)
        (local.set $n (i32.const 100))
        (loop $l
          (block $caught (result i32)
            (try_table (catch $t $caught) (call $throws (local.get $n)))
            (i32.const 0))
          drop
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#;
    // Each turn: the argument and the call, what the callee does, `i32.const` where nothing is thrown, and what
    // counts; one before.
    let each = (2 + 4, 2 + 4 + 2);
    let fuel = 2 + 50 * (each.0 + 1 + 6) + 50 * (each.1 + 6);
    for choice in engines()
        .into_iter()
        .filter(|choice| has(choice, Proposal::Exceptions))
    {
        let manifest = Manifest::of(text.as_bytes());
        for (fuel, enough) in [(fuel, true), (fuel - 1, false)] {
            let options = Options::default().with_fuel(fuel);
            let outcome = plugin(&choice, &manifest, &options)
                .call("f", b"")
                .map(drop);
            let kind = outcome.err().map(|error| error.kind());
            assert_eq!(
                kind,
                (!enough).then_some(ErrorKind::OutOfFuel),
                "{choice:?} {fuel}"
            );
        }
    }
}
