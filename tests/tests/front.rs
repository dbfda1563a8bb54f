//! What fronts in other languages ask core for: the output of a call that failed, and imports that cannot be resolved
//! as data.

use polyextism::{ErrorKind, LinkMistake, LinkReason, Manifest, Options, Plugin, engines};

const GUEST: &str = r#"(module
  (import "extism:host/env" "input_offset" (func $input (result i64)))
  (import "extism:host/env" "input_length" (func $size (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error (param i64)))
  (func $out (call $output (call $input) (call $size)))
  (func (export "fine") (call $out))
  (func (export "code") (result i32) (call $out) (i32.const 5))
  (func (export "said") (result i32) (call $out) (call $error (call $input)) (i32.const 0)))"#;

#[test]
fn an_output_stays_when_a_call_fails() {
    for choice in engines() {
        let compiled = choice.compile(
            &Manifest::of(GUEST.as_bytes().to_vec()),
            &Options::default(),
        );
        let mut plugin = Plugin::new(&compiled.expect("it compiles")).expect("there is room");
        assert!(plugin.output().is_empty(), "{choice:?}");
        for (function, kind) in [
            ("fine", None),
            ("code", Some(ErrorKind::ReturnCode(5))),
            ("said", Some(ErrorKind::Guest)),
        ] {
            let failure = plugin.call(function, function.as_bytes()).err();
            assert_eq!(failure.map(|error| error.kind()), kind, "{choice:?}");
            assert_eq!(plugin.output(), function.as_bytes(), "{choice:?}");
        }
    }
}

#[test]
fn imports_that_cannot_be_resolved_are_data() {
    let guest = r#"(module
      (import "extism:host/env" "alloc" (func (param f64)))
      (import "extism:host/user" "nobody" (func)))"#;
    let expected = [
        ("main", "extism:host/env", "alloc", LinkReason::Misfit),
        ("main", "extism:host/user", "nobody", LinkReason::Missing),
    ];
    fn fields(found: &LinkMistake) -> (&str, &str, &str, LinkReason) {
        let LinkMistake {
            importer,
            namespace,
            name,
            reason,
            ..
        } = found;
        (importer, namespace, name, *reason)
    }
    for choice in engines() {
        let compiled = choice.compile(
            &Manifest::of(guest.as_bytes().to_vec()),
            &Options::default(),
        );
        let error = compiled.expect_err("it cannot be linked");
        assert_eq!(error.kind(), ErrorKind::Link, "{choice:?}");
        let found: Vec<_> = error.link_mistakes().iter().map(fields).collect();
        assert_eq!(found, expected, "{choice:?}");
    }
}
