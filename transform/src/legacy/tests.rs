//! The output is valid and has none of the old instructions. `tests/tests/legacy_exceptions.rs` shows that it
//! computes the same.

use wasmparser::{Operator, Parser, Payload, Validator, WasmFeatures};

use super::translate;

/// Modules with every form of `try`.
const MODULES: &[&str] = &[
    "(module (func try end))",
    "(module (tag $t (param i32 i64)) (func (result i32)
        try (result i32) (throw $t (i32.const 1) (i64.const 2)) catch $t drop catch_all (i32.const 3) end))",
    // Parameters and several results.
    "(module (tag $t (param f32)) (func (result i32 i64) (i32.const 1) (i64.const 2)
        try (param i32 i64) (result i32 i64) (throw $t (f32.const 1)) catch $t drop (i32.const 3) (i64.const 4) end))",
    // Branches out of bodies and handlers, and tables of them.
    "(module (tag $t) (func (param i32)
        (block $out (loop $l
          try $try
            (br_if $try (local.get 0)) (br_if $l (local.get 0)) (br_table $try $l $out (local.get 0))
          catch $t
            (br_if $try (local.get 0)) (if (local.get 0) (then (br $out)) (else (br $l)))
          catch_all
            (br_table $try $l $out (local.get 0))
          end))))",
    // Rethrows from nested handlers.
    "(module (tag $t) (tag $u (param i64)) (func (local i32)
        try $a (throw $t) catch $t
          try $b (throw $u (i64.const 1))
          catch $u drop (block (br_if 0 (local.get 0)) (rethrow $b)) (rethrow $a)
          catch_all (rethrow $a) end
        end))",
    // Delegation to the next `try`, past others, to a block, out of a handler, to the caller.
    "(module (tag $t) (func (result i32)
        try $a (result i32)
          try (throw $t) delegate $a
          try $b
            try (throw $t) delegate $a
            try (throw $t) delegate 1
            (block $c try $d try (throw $t) delegate $c catch_all end)
          catch_all
            try (throw $t) delegate $b
          end
          try $e try (throw $t) delegate 2 catch_all end
          (i32.const 1)
        catch_all (i32.const 2) end))",
    "(module (tag $t) (func (param i32) (result i32 i64)
        (i32.const 1) (i64.const 2)
        try (param i32 i64) (result i32 i64)
          try (param i32 i64) (result i32 i64) (throw $t) delegate 1
        catch_all (i32.const 1) (i64.const 2) end))",
    // A `try` that is only a target of delegation.
    "(module (tag $t) (func try $a try try (throw $t) delegate $a catch_all end end))",
    // With the new instructions.
    "(module (tag $t) (func
        (block $h (try_table (catch $t $h)
          try try (throw $t) delegate 1 catch_all end
          (block $i (try_table (catch_all $i) try (throw $t) delegate 1)))))) ",
];

#[test]
fn what_comes_out_is_valid_and_new() {
    let old = WasmFeatures::all();
    let new = old - WasmFeatures::LEGACY_EXCEPTIONS;
    for text in MODULES {
        let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let valid = Validator::new_with_features(old).validate_all(&wasm);
        valid.unwrap_or_else(|error| panic!("{text}: {error}"));
        let out = translate(&wasm).expect("the module is valid");
        let valid = Validator::new_with_features(new).validate_all(&out);
        valid.unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

/// The instructions of the last function.
fn operators(wasm: &[u8]) -> Vec<String> {
    let bodies =
        Parser::new(0)
            .parse_all(wasm)
            .filter_map(|payload| match payload.expect("it is valid") {
                Payload::CodeSectionEntry(body) => Some(body),
                _ => None,
            });
    let body = bodies.last().expect("there is a function");
    let operators = body
        .get_operators_reader()
        .expect("it is valid")
        .into_iter();
    let name = |operator: wasmparser::Result<Operator<'_>>| {
        format!("{:?}", operator.expect("it is valid"))
    };
    operators.map(name).collect()
}

/// Handlers take references only for a `rethrow`. Delegating to the next handlers needs no code.
#[test]
fn no_more_than_is_needed() {
    let translated = |text: &str| {
        let wasm = wat::parse_str(text).expect("the text is valid");
        operators(&translate(&wasm).expect("it is valid")).join(" ")
    };
    let plain = translated("(module (tag $t) (func try (throw $t) catch $t catch_all end))");
    assert!(
        plain.contains("One {") && plain.contains("All {") && !plain.contains("LocalSet"),
        "{plain}"
    );
    let again = translated("(module (tag $t) (func try (throw $t) catch $t (rethrow 0) end))");
    assert!(
        again.contains("OneRef {") && again.contains("ThrowRef"),
        "{again}"
    );
    let delegated =
        translated("(module (tag $t) (func try $a try (throw $t) delegate $a catch_all end))");
    assert_eq!(delegated.matches("try_table:").count(), 1, "{delegated}");
}

#[test]
fn functions_without_stay_as_they_are() {
    let text = "(module (tag $t) (func try catch_all end) (func (param i32) (block (br_if 0 (local.get 0)))))";
    let wasm = wat::parse_str(text).expect("the text is valid");
    let out = translate(&wasm).expect("it is valid");
    assert_eq!(operators(&out), operators(&wasm));
}
