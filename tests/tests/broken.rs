//! The suites can fail: an engine that is broken on purpose fails in every group of every suite, and
//! the same engine with nothing broken passes.

use std::collections::BTreeSet;

use polyextism_tests::{
    broken::{self, FAULTS, Fault, choice},
    engines,
    spec::{self, Verdict, files},
    suite,
};

#[path = "../waist/cases.rs"]
mod waist;

/// A fault for each group of the conformance suite, which must fail there.
const CONFORMANCE: &[(&str, Fault)] = &[
    ("commands", Fault::Twice),
    ("entry", Fault::WrongResults),
    ("env", Fault::ZeroResults),
    ("features", Fault::WrongResults),
    ("fuel", Fault::WrongResults),
    ("host", Fault::SwallowedFailures),
    ("init", Fault::Twice),
    ("interruption", Fault::Deaf),
    ("invalid", Fault::Closed),
    ("kernel", Fault::WrongResults),
    ("limits", Fault::Unlimited),
    ("link", Fault::FirstImport),
    ("modules", Fault::FirstImport),
    ("namespaces", Fault::FirstImport),
    ("state", Fault::Forgetful),
    ("traps", Fault::LostTraps),
    ("unsupported", Fault::Modest),
    ("wasi", Fault::ZeroResults),
];

/// Whether a case of these groups fails with the fault.
fn fails(fault: Fault, is_wanted: impl Fn(&str) -> bool) -> bool {
    let trials = suite::trials(&[choice(fault)]).into_iter();
    let mut trials = trials.filter(|trial| is_wanted(&trial.group));
    trials.any(|trial| (trial.run)().is_err())
}

#[test]
fn an_engine_that_is_only_wrapped_passes() {
    for trial in suite::trials(&[choice(Fault::None)]) {
        assert_eq!((trial.run)(), Ok(()), "{}/{}", trial.group, trial.case);
    }
}

#[test]
fn every_group_of_the_conformance_suite_can_fail() {
    let groups: BTreeSet<_> = suite::trials(&[choice(Fault::None)])
        .into_iter()
        .map(|trial| trial.group)
        .collect();
    let listed: BTreeSet<_> = CONFORMANCE
        .iter()
        .map(|(group, _)| (*group).to_owned())
        .collect();
    assert_eq!(groups, listed);
    for (group, fault) in CONFORMANCE {
        assert!(fails(*fault, |of| of == *group), "{fault:?} passes {group}");
    }
}

#[test]
fn every_fault_is_noticed() {
    for (_, fault) in FAULTS {
        if *fault != Fault::None {
            assert!(fails(*fault, |_| true), "{fault:?} is not noticed");
        }
    }
}

/// A fault for each group of the waist's cases.
const WAIST: &[(&str, Fault)] = &[
    ("code", Fault::LostTraps),
    ("features", Fault::Refuses),
    ("honesty", Fault::Modest),
    ("inspect", Fault::WrongResults),
    ("limits", Fault::Unlimited),
    ("values", Fault::SwallowedFailures),
];

#[test]
fn every_group_of_the_cases_of_the_waist_can_fail() {
    let backend = &broken::backends()[0];
    for (group, fault) in WAIST {
        let failing = waist::failing(backend, choice(*fault).compiler().name);
        let failing: BTreeSet<_> = failing.into_iter().map(|(group, _)| group).collect();
        assert!(
            failing.contains(group),
            "{fault:?} passes {group}: {failing:?}"
        );
    }
    waist::run(backend, choice(Fault::None).compiler().name);
}

/// How many directives of each kind end otherwise than on the engine itself.
fn failures(fault: Fault, text: &str) -> usize {
    let mut failures = 0;
    let ran = spec::run(choice(fault), text, |_, verdict| {
        failures += usize::from(matches!(verdict, Verdict::Failed(_)));
    });
    // An engine that cannot be opened fails everything.
    match ran {
        Ok(()) => failures,
        Err(_) => spec::directives(text).expect("it is a script").len(),
    }
}

#[test]
fn every_set_of_the_specification_can_fail() {
    let mut sets = BTreeSet::new();
    for file in files::all() {
        // One script of each set is enough: the first that asserts something of a result that is there.
        if sets.contains(&file.set) {
            continue;
        }
        let text = file.text();
        if !text.contains("(assert_return") {
            continue;
        }
        let honest = failures(Fault::None, &text);
        if failures(Fault::WrongResults, &text) > honest {
            assert!(failures(Fault::Closed, &text) > honest, "{}", file.name());
            sets.insert(file.set);
        }
    }
    let all: BTreeSet<_> = files::all().into_iter().map(|file| file.set).collect();
    let missing: Vec<_> = all.difference(&sets).map(String::as_str).collect();
    assert_eq!(missing, [""; 0], "sets of which nothing runs");
}

/// A directive of each kind, right, and the same with something wrong.
const DIRECTIVES: &[(&str, &str)] = &[
    (
        r#"(assert_return (invoke "one") (i32.const 1))"#,
        r#"(assert_return (invoke "one") (i32.const 2))"#,
    ),
    (
        r#"(assert_return (get "g") (i64.const 7))"#,
        r#"(assert_return (get "g") (i32.const 7))"#,
    ),
    (
        r#"(assert_return (invoke "nothing"))"#,
        r#"(assert_return (invoke "one"))"#,
    ),
    (
        r#"(assert_return (invoke "nan") (f32.const nan:arithmetic))"#,
        r#"(assert_return (invoke "one") (f32.const nan:arithmetic))"#,
    ),
    (
        r#"(assert_trap (invoke "trap") "unreachable")"#,
        r#"(assert_trap (invoke "trap") "integer overflow")"#,
    ),
    (
        r#"(assert_trap (invoke "trap") "unreachable")"#,
        r#"(assert_trap (invoke "one") "unreachable")"#,
    ),
    (
        r#"(assert_trap (module (memory 0) (data (i32.const 0) "a")) "out of bounds memory access")"#,
        r#"(assert_trap (module (memory 1) (data (i32.const 0) "a")) "out of bounds memory access")"#,
    ),
    (
        r#"(assert_trap (module (func $f unreachable) (start $f)) "unreachable")"#,
        r#"(assert_trap (module (func $f) (start $f)) "unreachable")"#,
    ),
    (
        r#"(assert_exhaustion (invoke "deep") "call stack exhausted")"#,
        r#"(assert_exhaustion (invoke "one") "call stack exhausted")"#,
    ),
    (
        r#"(assert_invalid (module (func (result i32))) "type mismatch")"#,
        r#"(assert_invalid (module (func)) "type mismatch")"#,
    ),
    (
        r#"(assert_malformed (module quote "(func") "unexpected token")"#,
        r#"(assert_malformed (module quote "(func)") "unexpected token")"#,
    ),
    (
        r#"(assert_malformed (module binary "\00asm") "unexpected end")"#,
        r#"(assert_malformed (module binary "\00asm\01\00\00\00") "unexpected end")"#,
    ),
    (
        r#"(assert_unlinkable (module (import "m" "one" (func (param i32)))) "incompatible")"#,
        r#"(assert_unlinkable (module (import "m" "one" (func (result i32)))) "incompatible")"#,
    ),
    (r#"(invoke "one")"#, r#"(invoke "trap")"#),
    (r#"(register "n")"#, r#"(register "n" $other)"#),
    (
        r#"(module (import "m" "one" (func (result i32))))"#,
        r#"(module (import "m" "two" (func (result i32))))"#,
    ),
];

#[test]
fn every_kind_of_directive_can_fail() {
    let module = r#"(module $m (global (export "g") i64 (i64.const 7))
        (func (export "one") (result i32) (i32.const 1)) (func (export "nothing"))
        (func (export "nan") (result f32) (f32.const -nan:0x600000))
        (func (export "trap") unreachable) (func $deep (export "deep") (call $deep)))
        (register "m")"#;
    for engine in engines() {
        for (right, wrong) in DIRECTIVES {
            for (directive, fails) in [(right, false), (wrong, true)] {
                let mut last = None;
                let text = format!("{module}\n{directive}");
                let ran = spec::run(engine, &text, |_, verdict| last = Some(verdict));
                assert_eq!(ran, Ok(()), "{directive}");
                let failed = matches!(last, Some(Verdict::Failed(_)));
                assert_eq!(failed, fails, "{engine:?} {directive}: {last:?}");
            }
        }
    }
}
