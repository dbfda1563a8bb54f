//! The harness finds what it is there to find: deliberately wrong expectations fail, on every
//! engine, and a case that lacks one fails too.

use polyextism::KernelForm;
use polyextism_tests::{
    case::Case,
    engines,
    kernel::{Form, Kernel, Names},
    run, script,
};

const GUEST: &str = r#"
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (func (export "f") (call $output_set (call $alloc (i64.const 2)) (i64.const 2)))
  (func (export "trap") unreachable)
  (func (export "code") (result i32) (i32.const 3)))
"#;

fn check(directives: &str) -> Vec<Result<(), String>> {
    let case = Case::parse(&format!("{directives}\n{GUEST}")).expect("the case is understood");
    engines()
        .iter()
        .map(|choice| run::check(&case, choice, KernelForm::Fused))
        .collect()
}

#[test]
fn right_expectations_pass() {
    for right in [
        ";;! call f\n;;! = ok \"\\x00\\x00\"",
        ";;! call trap\n;;! = error trap(unreachable) \"the guest trapped: unreachable executed\"",
        ";;! load\n;;! new\n;;! init\n;;! exists f\n;;! = ok \"true\"",
        ";;! var k\n;;! = nothing\n;;! set-var k = \"v\"\n;;! var k\n;;! = ok \"v\"",
    ] {
        for result in check(right) {
            assert_eq!(result, Ok(()), "{right}");
        }
    }
}

#[test]
fn wrong_expectations_fail() {
    for wrong in [
        // The output, one byte off.
        ";;! call f\n;;! = ok \"\\x00\\x01\"",
        ";;! call f\n;;! = ok \"\\x00\"",
        ";;! call f\n;;! = nothing",
        // An error instead of success, and the other way round.
        ";;! call f\n;;! = error trap(unreachable) \"the guest trapped: unreachable executed\"",
        ";;! call trap\n;;! = ok \"\"",
        // The kind, its detail, the message.
        ";;! call trap\n;;! = error guest \"the guest trapped: unreachable executed\"",
        ";;! call trap\n;;! = error trap(other) \"the guest trapped: unreachable executed\"",
        ";;! call trap\n;;! = error trap(unreachable) \"the guest trapped\"",
        ";;! call code\n;;! = error return-code(4) \"the guest function returned the error code 3\"",
        // No expectation where there must be one.
        ";;! call f",
        // A step that is to fail succeeds.
        ";;! load\n;;! = error link \"it does not link\"",
        // Not refused, although the case says that this power is missing on some engine: either
        // the call ends otherwise than expected, or loading is not refused.
        ";;! needs simd \"refused\"\n;;! call f\n;;! = ok \"\"",
        ";;! needs tail-calls \"refused\"\n;;! call f\n;;! = ok \"\"",
    ] {
        for result in check(wrong) {
            let text = result.expect_err(wrong);
            assert!(!text.is_empty());
        }
    }
}

#[test]
fn mistakes_in_a_case_are_refused() {
    for mistake in [
        "",
        ";;! = ok \"\"",
        ";;! cal f",
        ";;! call f input",
        ";;! max-pages many\n;;! load",
        ";;! call f\n;;! = ok \"\"\n;;! = ok \"\"",
    ] {
        assert!(Case::parse(mistake).is_err(), "{mistake}");
    }
    for mistake in [
        ";;! function no_such_kind\n;;! load",
        ";;! needs magic \"\"\n;;! load",
    ] {
        assert!(check(mistake).iter().all(Result::is_err), "{mistake}");
    }
}

#[test]
fn blessing_writes_what_happens() {
    let text = format!(";;! call f\n;;! = ok \"wrong\"\n;;! call trap\n{GUEST}");
    for choice in engines() {
        let case = Case::parse(&text).expect("the case is understood");
        let blessed = run::bless(&case, &choice).expect("it runs");
        let case = Case::parse(&blessed).expect("the case is understood");
        assert_eq!(run::check(&case, &choice, KernelForm::Fused), Ok(()));
        assert_eq!(run::bless(&case, &choice).expect("it runs"), blessed);
    }
}

#[test]
fn wrong_kernel_scripts_fail() {
    for wrong in [
        "[s]\nalloc 1 -> 81",
        "[s]\na = alloc 1\nstore_u8 a 5\nload_u8 a -> 4",
        "[s]\nalloc 1 -> 80\n=> ok \"x\"",
        "[s]\nerror_set 80\n=> ok \"\"",
        "[s]\ninput \"abc\"\ninput_length -> 4",
    ] {
        let script = &script::parse(wrong).expect("the script is understood")[0];
        for choice in engines() {
            let kernel =
                Kernel::new(&choice, Names::Current, Form::Expanded).expect("the guest compiles");
            let ran = kernel.run(&script.records, &script.input);
            let (outcome, results) = ran.expect("the script runs");
            assert!(script.check(&outcome, &results).is_err(), "{wrong}");
        }
    }
}
