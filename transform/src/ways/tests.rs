//! Loops are where ways are long, and nowhere else. That guests compute the same is what all other tests show on
//! engines that need them.

use wasmparser::{Operator, Parser, Payload, Validator, WasmFeatures};

use super::instrument;

/// The numbers of loops and of heavy instructions that the first function of a module with this body gets.
fn added(body: &str) -> (usize, usize) {
    let text = format!(
        "(module (import \"a\" \"f\" (func $imported)) (memory 1) (table $t 1 funcref) (data $d \"abc\")
           (tag $e) (func (param i32) {body}) (func $leaf) (elem $e funcref (ref.func $leaf)))"
    );
    let wasm = wat::parse_str(&text).expect("the text is valid");
    let Some(out) = instrument(&wasm).expect("the module is valid") else {
        return (0, 0);
    };
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&out)
        .unwrap_or_else(|error| panic!("{error}"));
    let (before, after) = (count(&wasm), count(&out));
    (after.0 - before.0, after.1 - before.1)
}

fn count(wasm: &[u8]) -> (usize, usize) {
    let (mut loops, mut heavy) = (0, 0);
    let mut payloads = Parser::new(0).parse_all(wasm);
    let function = payloads.find_map(|payload| match payload.expect("it is valid") {
        Payload::CodeSectionEntry(body) => Some(body),
        _ => None,
    });
    let function = function.expect("there is one");
    for operator in function.get_operators_reader().expect("it is valid") {
        match operator.expect("it is valid") {
            Operator::Loop { .. } => loops += 1,
            Operator::RefNull { .. } => heavy += 1,
            _ => {}
        }
    }
    (loops, heavy)
}

/// So many instructions.
fn way(instructions: usize) -> String {
    "(local.set 0 (i32.add (local.get 0) (i32.const 1)))".repeat(instructions / 4)
}

#[test]
fn long_ways_have_loops() {
    let (half, long) = (way(300), way(3900));
    for (body, number) in [
        (half.clone(), 0),
        (long.clone(), 10),
        // Operands may be waiting everywhere.
        (
            format!("{} {}", "(i32.const 1)".repeat(1030), "(drop)".repeat(1030)),
            4,
        ),
        // A loop and a call are looks, whatever the loop does.
        (
            format!("{half} (loop $l (br_if $l (local.get 0))) {half}"),
            0,
        ),
        (format!("{half} (call $leaf) {half}"), 0),
        (format!("{half} (call $imported) {half}"), 0),
        (format!("{half} (call_indirect $t (i32.const 0)) {half}"), 0),
        (format!("(loop $l {half} (br_if $l (local.get 0)))"), 0),
        (
            format!("(loop $l {half} {half} (br_if $l (local.get 0)))"),
            1,
        ),
        // The longer way counts.
        (format!("(if (local.get 0) (then {half})) {half}"), 1),
        (format!("(if (local.get 0) (then {half}) (else)) {half}"), 1),
        (format!("(if (local.get 0) (then {half}) (else {half}))"), 0),
        (
            format!("(block {half} (br_if 0 (local.get 0)) (call $leaf)) {half}"),
            1,
        ),
        (
            format!("(block {half} (br_table 0 0 (local.get 0))) {half}"),
            1,
        ),
        (format!("(block {half} (return)) {half}"), 0),
        // A way around the place for a loop.
        (format!("(block (block {half} (br 1)) {half}) {half}"), 1),
        (
            format!("(block $h (try_table (catch_all $h) (call $leaf))) {half}"),
            1,
        ),
        // Nothing gets there.
        (format!("(unreachable) {long}"), 0),
    ] {
        let short = body.replace(&long, "LONG").replace(&half, "HALF");
        assert_eq!(added(&body), (number, 0), "{short:.100}");
    }
}

#[test]
fn instructions_that_may_take_long_weigh_as_much() {
    for (body, weight) in [
        ("(memory.fill (local.get 0) (i32.const 1) (local.get 0))", 1),
        ("(memory.copy (local.get 0) (i32.const 1) (local.get 0))", 1),
        (
            "(memory.init $d (local.get 0) (i32.const 0) (i32.const 1))",
            20,
        ),
        ("(drop (memory.grow (local.get 0)))", 5),
        (
            "(drop (table.grow $t (table.get $t (i32.const 0)) (local.get 0)))",
            20,
        ),
        (
            "(table.fill $t (local.get 0) (table.get $t (i32.const 0)) (local.get 0))",
            20,
        ),
        (
            "(table.copy $t $t (local.get 0) (local.get 0) (local.get 0))",
            20,
        ),
        (
            "(table.init $t $e (local.get 0) (i32.const 0) (i32.const 1))",
            20,
        ),
        ("(drop (table.get $t (local.get 0)))", 0),
    ] {
        let loops = weight.min(1);
        assert_eq!(added(body), (loops, weight), "{body}");
        assert_eq!(
            added(&format!("{body} {body}")),
            (2 * loops, 2 * weight),
            "{body}"
        );
        let in_a_loop = format!("(loop $l {body} (br_if $l (local.get 0)))");
        assert_eq!(added(&in_a_loop), (loops, weight), "{body}");
    }
}
