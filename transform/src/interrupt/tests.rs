//! What comes out is valid, and looks are where the rules want them. That it computes the same is
//! what all other tests show on engines that need it.

use wasmparser::{
    KnownCustom, Operator, Parser, Payload, TypeRef, ValType, Validator, WasmFeatures,
};

use super::{Flag, IMPORT, instrument};
use crate::rewrite::samples::{FLAG, KERNEL};

/// Modules with everything whose index or depth moves.
const MODULES: &[&str] = &[
    // No import section, no globals, several results, early returns out of nested blocks.
    "(module (func $f (export \"f\") (param i32) (result i32 i64) (local f64)
        (block (loop $l (if (local.get 0) (then (return (i32.const 1) (i64.const 2))))
          (block (br_if 1 (local.get 0)) (br_if 2 (local.get 0))) (br $l)))
        (i32.const 3) (i64.const 4)))",
    // Imports of every kind, a reference to a function in a global, an element and a table.
    "(module (import \"a\" \"f\" (func $f (param i32))) (import \"a\" \"g\" (global $g i32))
        (import \"a\" \"m\" (memory 1)) (import \"a\" \"t\" (table 1 funcref))
        (global $own (mut i64) (i64.const 7)) (global $ref funcref (ref.func $h))
        (elem (i32.const 0) $f $h) (elem declare func $h)
        (func $h (export \"h\") (loop $l (call $f (global.get $g)) (call $h)
          (call_indirect (param i32) (i32.const 1) (i32.const 0))
          (global.set $own (i64.const 1)) (drop (ref.func $h)) (br $l)))
        (data (i32.const 0) \"abc\"))",
    // Loops with results and parameters, doubled or not, one in another.
    "(module (func (param i32 i64 f32 f64) (result i32)
        (loop $l (result i32)
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
          (local.set 1 (i64.add (local.get 1) (i64.const 1)))
          (local.get 0))
        (i64.const 1)
        (loop $p (param i64) (result i64) (br_if $p (local.get 0)))
        (drop)
        (loop $m (result i32) (loop $n (br_if $n (local.get 0)) (br_if $m (local.get 0)))
          (local.set 2 (f32.add (local.get 2) (f32.const 1))) (local.get 0))
        (i32.add)))",
    // A table of branches in and out of a loop that is doubled.
    "(module (func (param i32)
        (block $out (loop $l (block $in (br_table $in $l $out $l (local.get 0))) (nop)))))",
    // Vectors and references that are alive in a loop.
    "(module (func (param v128 funcref i32) (result v128)
        (loop $l (br_if $l (local.get 2)))
        (drop (ref.is_null (local.get 1))) (local.get 0)))",
    // Code that cannot be reached is still typed.
    "(module (func (result i64) (return (i64.const 1)) (loop (result i64) (i64.const 2)))
        (func (result i32) (loop $l (br $l)) (memory.grow (i32.const 0)) unreachable)
        (memory 1))",
    // Tail calls, and functions that reach themselves.
    "(module (func $f (param i64) (result i64) (loop $l (br_if $l (i32.const 0)))
        (return_call $f (local.get 0))) (func $g (call $g)))",
    // Handlers.
    "(module (tag $e (param i32)) (func (local i32 i32)
        (loop $l
          (block $h (result i32)
            (try_table (catch $e $h) (loop $m (br_if $m (local.get 0)) (throw $e (local.get 1))))
            (i32.const 1))
          (br_if $l))))",
    // A memory of 64 bits, and data that is not active.
    "(module (memory i64 1) (data \"abc\") (func (loop $l
        (memory.init 0 (i64.const 0) (i32.const 0) (i32.const 1)) (br $l))))",
];

fn out(wasm: &[u8], flag: Flag) -> Vec<u8> {
    let out = instrument(wasm, flag, &(0..0)).expect("the module is valid");
    let out = out.expect("it has functions");
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&out)
        .unwrap_or_else(|error| panic!("{error}"));
    out
}

/// However many globals there are before the spare ones, and whichever function needs them first.
#[test]
fn spare_globals_have_indices_of_any_length() {
    for own in [0, 47, 48, 120, 127, 128, 16_300, 16_400] {
        let globals = "(global (mut i32) (i32.const 0))".repeat(own);
        let text = format!(
            "(module {globals}
              (func (param f64 i64) (loop $l (br_if $l (i64.eqz (local.get 1))) (local.set 0 (f64.neg (local.get 0)))))
              (func (param i32 i32 i64) (local f64) (loop $l
                (local.set 3 (f64.add (local.get 3) (f64.const 1))) (local.set 2 (i64.add (local.get 2) (i64.const 1)))
                (br_if $l (i32.add (local.get 0) (local.get 1))))))"
        );
        let wasm = wat::parse_str(text).expect("the text is valid");
        let out = instrument(&wasm, Flag::Added, &(0..0));
        let out = out.expect("it is valid").expect("it has functions");
        Validator::new()
            .validate_all(&out)
            .unwrap_or_else(|error| panic!("{own}: {error}"));
        let mut types = Vec::new();
        for payload in Parser::new(0).parse_all(&out) {
            if let Payload::GlobalSection(section) = payload.expect("it is valid") {
                let globals = section.into_iter().skip(own);
                types.extend(globals.map(|global| global.expect("it is valid").ty.content_type));
            }
        }
        assert_eq!(
            types,
            [ValType::I32, ValType::I32, ValType::I64, ValType::F64],
            "{own}"
        );
    }
}

#[test]
fn what_comes_out_is_valid() {
    for text in MODULES {
        let wasm = wat::parse_str(text).expect("the text is valid");
        let with = out(&wasm, Flag::Added);
        let imports = Parser::new(0).parse_all(&with).find_map(|payload| {
            match payload.expect("it is valid") {
                Payload::ImportSection(section) => section
                    .into_imports()
                    .last()
                    .map(|import| import.expect("it is valid").name.to_owned()),
                _ => None,
            }
        });
        assert_eq!(imports.as_deref(), Some(IMPORT.1), "{text}");
    }
    out(KERNEL, Flag::LastMemory(FLAG));
}

#[test]
fn a_module_without_functions_stays() {
    let wasm = wat::parse_str("(module (memory 1))").expect("the text is valid");
    assert!(
        instrument(&wasm, Flag::Added, &(0..0))
            .expect("it is valid")
            .is_none()
    );
}

/// The instructions of each function, in order.
fn functions(wasm: &[u8]) -> Vec<Vec<Operator<'_>>> {
    let payloads = Parser::new(0).parse_all(wasm);
    let bodies = payloads.filter_map(|payload| match payload.expect("it is valid") {
        Payload::CodeSectionEntry(body) => Some(body),
        _ => None,
    });
    let operators = bodies.map(|body| body.get_operators_reader().expect("it is valid"));
    let operators = operators.map(|reader| reader.into_iter().collect::<Result<_, _>>());
    operators.collect::<Result<_, _>>().expect("it is valid")
}

fn is_look(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::I32AtomicLoad { .. })
}

/// How often each function looks, in order.
fn looks(text: &str) -> Vec<usize> {
    let wasm = wat::parse_str(text).expect("the text is valid");
    let with = out(&wasm, Flag::Added);
    let functions = functions(&with).into_iter();
    let looks = functions.map(|operators| operators.iter().filter(|o| is_look(o)).count());
    looks.collect()
}

#[test]
fn looks_are_where_they_are_needed() {
    for (body, number) in [
        // Nothing that could go on.
        ("(drop (local.get 0))", 0),
        ("(call $leaf) (call $leaf)", 0),
        // A loop, of any kind.
        ("(loop $l (br $l))", 1),
        ("(loop $l (br_if $l (local.get 0)))", 1),
        ("(loop $l (call $leaf) (br $l))", 1),
        // A loop inside of one: the inner one is reached in each turn, or not.
        ("(loop $l (loop $m (br_if $m (local.get 0))) (br $l))", 2),
        (
            "(loop $l (loop $m (call $leaf) (br_if $m (local.get 0))) (br $l))",
            1,
        ),
        (
            "(loop $l (br_if 0 (local.get 0)) (loop $m (br_if $m (local.get 0))) (br $l))",
            2,
        ),
        (
            "(loop $l (if (local.get 0) (then (loop $m (br $m)))) (br $l))",
            2,
        ),
        // A constant number of turns.
        (
            "(local.set 1 (i32.const 100)) (loop $l (br_if $l
              (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))",
            0,
        ),
        (
            "(local.set 1 (i32.const 100000)) (loop $l (br_if $l
              (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))",
            1,
        ),
        // A cycle of calls looks once in each round, however many calls lead into it.
        ("(call $self (local.get 0))", 1),
        (&"(call $self (local.get 0))".repeat(1000), 1),
    ] {
        let text = format!(
            "(module (func $self (param i32) (local i32) {body}) (func $leaf (nop) (nop)))"
        );
        assert_eq!(looks(&text), [number, 0], "{body}");
    }
}

/// In loops the call stands behind the body, so that no register allocator meets it before.
#[test]
fn calls_of_loops_stand_behind() {
    let many: String = (0..40).map(|n| format!("(local.get {n}) (drop)")).collect();
    let locals = "i32 ".repeat(40);
    for (body, behind) in [
        (
            "(loop $l (call $leaf) (br_if $l (local.get 0)))".to_owned(),
            true,
        ),
        (
            format!("(loop $l {many} (br_if $l (local.get 0))) {many}"),
            true,
        ),
        ("(loop $l (br_if $l (local.get 0)))".to_owned(), true),
        // A loop with parameters, which no compiler writes.
        (
            "(i32.const 1) (loop $l (param i32) (result i32) (br_if $l (local.get 0))) (drop)"
                .to_owned(),
            false,
        ),
    ] {
        let text = format!("(module (func (local {locals}) {body}) (func $leaf (nop) (nop)))");
        let with = out(
            &wat::parse_str(&text).expect("the text is valid"),
            Flag::Added,
        );
        let operators = functions(&with).concat();
        let look = operators.iter().position(is_look);
        let next = &operators[look.expect("it looks") + 1];
        assert_eq!(!matches!(next, Operator::If { .. }), behind, "{body}");
    }
}

/// A loop that may turn without a call does two turns for each look, like one that has none.
#[test]
fn loops_that_seldom_call_are_doubled() {
    let again = "(br_if $l (local.get 1))";
    for (body, calls) in [
        (format!("(loop $l (call $leaf) {again})"), 1),
        (
            format!("(loop $l (block (br_if 0 (local.get 0)) (call $leaf)) {again})"),
            2,
        ),
        (
            format!("(loop $l (if (local.get 0) (then (call $leaf))) {again})"),
            2,
        ),
        (format!("(loop $l {again} (call $leaf) (br $l))"), 2),
        // Whichever way it takes.
        (
            format!(
                "(loop $l (if (local.get 0) (then (call $leaf)) (else (call_ref $v (ref.func $leaf)))) {again})"
            ),
            1,
        ),
        (
            format!(
                "(loop $l (block (br_if 0 (local.get 0)) (call $leaf) (return)) (call $leaf) {again})"
            ),
            2,
        ),
        // What leaves it does not turn.
        (
            format!("(block (loop $l (br_if 1 (local.get 0)) (call $leaf) {again}))"),
            1,
        ),
        // It is long.
        (
            format!(
                "(loop $l (block (br_if 0 (local.get 0)) (call $leaf)) {} {again})",
                "(nop)".repeat(150)
            ),
            1,
        ),
    ] {
        let text = format!(
            "(module (type $v (func)) (func (param i32 i32) {body}) (func $leaf) (elem declare func $leaf))"
        );
        let wasm = wat::parse_str(&text).expect("the text is valid");
        let with = out(&wasm, Flag::Added);
        // The check is function 0.
        let functions = functions(&with);
        let called = functions[0]
            .iter()
            .filter(|operator| matches!(operator, Operator::Call { function_index: 2 }));
        assert_eq!(called.count(), calls, "{body:.200}");
    }
}

/// Straight code as well, if it is long. Who may do much before its first look begins with one, and its callers have
/// none for it.
#[test]
fn long_straight_ways_have_looks() {
    let long = "(drop (i32.const 0))".repeat(20_000);
    assert_eq!(looks(&format!("(module (func {long}))")), [3]);
    let short = "(drop (i32.const 0))".repeat(5_000);
    let calls = "(call $f)".repeat(4);
    let text = format!("(module (func $f {short}) (func {calls}))");
    assert_eq!(looks(&text), [1, 0]);
    let few = "(drop (i32.const 0))".repeat(1_000);
    let calls = "(call $f)".repeat(10);
    let text = format!("(module (func $f {few}) (func {calls}))");
    assert_eq!(looks(&text), [0, 2]);
    // Whoever calls a function by a table does not know what it does.
    let text = format!("(module (table 1 funcref) (elem (i32.const 0) $f) (func $f {few}))");
    assert_eq!(looks(&text), [0]);
    let text = format!("(module (table 1 funcref) (elem (i32.const 0) $f) (func $f {short}))");
    assert_eq!(looks(&text), [1]);
    // Arms are alternatives.
    let arms = format!("(if (local.get 0) (then {few}) (else {few}))");
    assert_eq!(looks(&format!("(module (func (param i32) {arms}))")), [0]);
}

/// A recursion looks on its way down. On its way back each call may do little without a look, and before it calls
/// something else as much as others.
#[test]
fn recursions_look_on_their_way_back() {
    let few = "(nop)".repeat(500);
    let rest = "(nop)".repeat(1100);
    let own = "(call $f (local.get 0))";
    for (body, number) in [
        (own.to_owned(), 1),
        (format!("{own} {few} {own} {few}"), 1),
        (format!("{own} {rest}"), 2),
        (format!("{rest} {own}"), 1),
        // Each way that leaves it.
        (
            format!("{own} {rest} (if (local.get 0) (then (return))) {own}"),
            2,
        ),
        (format!("{own} {rest} (br_if 0 (local.get 0)) {own}"), 2),
        (format!("{own} {rest} (return_call $leaf)"), 2),
        (format!("{own} {rest} unreachable"), 1),
        // What a loop may do after it, if the loop itself need not look.
        (
            format!(
                "(local.set 1 (i32.const 10)) (loop $l (if (local.get 0) (then {own})) {few}
                  (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))"
            ),
            2,
        ),
        // What looks for another reason.
        (format!("{own} (loop (br_if 0 (local.get 0))) {few}"), 2),
        // By a table, and by way of another function.
        (
            format!("(call_indirect (param i32) (local.get 0) (local.get 0)) {rest}"),
            2,
        ),
        (format!("(call $g) {few}"), 2),
        (format!("(call $g) {rest}"), 2),
    ] {
        let text = format!(
            "(module (table 1 funcref) (elem (i32.const 0) $f) (func $leaf)
              (func $f (param i32) (local i32) {body}) (func $g (call $f (i32.const 0)) {few} {few} (nop)))"
        );
        assert_eq!(looks(&text)[1], number, "{body:.80}");
    }
}

/// What only the code behind the outermost loop reads stays where it is during the call.
#[test]
fn what_loops_do_not_name_is_not_passed() {
    for (body, passed) in [
        ("(loop $l (br_if $l (local.get 0)))", 1),
        ("(loop $l (br_if $l (local.get 0))) (drop (local.get 1))", 1),
        ("(loop $l (drop (local.get 1)) (br_if $l (local.get 0)))", 2),
        // The inner one does not name it.
        (
            "(loop $l (loop $m (br_if $m (local.get 0))) (br_if $l (local.get 1))) (drop (local.get 2))",
            4,
        ),
        // Two loops, one after the other.
        (
            "(loop $l (br_if $l (local.get 0))) (loop $m (br_if $m (local.get 1)))",
            2,
        ),
    ] {
        let text = format!("(module (func (param i32 i32 i32) {body}))");
        let wasm = wat::parse_str(&text).expect("the text is valid");
        let with = out(&wasm, Flag::Added);
        let operators = functions(&with).concat();
        let stored = operators
            .iter()
            .filter(|o| matches!(o, Operator::GlobalSet { .. }));
        assert_eq!(stored.count(), passed, "{body}");
    }
}

/// One instruction may move all of a segment, a table or a piece of memory, so that few turns are long.
#[test]
fn instructions_that_move_much_have_looks() {
    let three = "(local.get 0) (local.get 0) (local.get 0)";
    for (body, number) in [
        (format!("(memory.init $d {three})"), 1),
        (format!("(table.init $t $e {three})"), 1),
        (format!("(table.copy $t $t {three})"), 1),
        (
            "(table.fill $t (local.get 0) (ref.null func) (local.get 0))".to_owned(),
            1,
        ),
        (
            "(drop (table.grow $t (ref.null func) (local.get 0)))".to_owned(),
            1,
        ),
        (format!("(memory.fill {three})"), 1),
        (format!("(memory.copy {three})"), 1),
        ("(i32.store8 (local.get 0) (local.get 0))".to_owned(), 0),
    ] {
        let text = format!(
            r#"(module (memory 1) (data $d "abc") (table $t 1 funcref) (elem $e funcref (ref.null func))
            (func (param i32) (local i32) (local.set 1 (i32.const 100))
              (loop $l {body} (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))))"#
        );
        assert_eq!(looks(&text), [number], "{body}");
    }
    // Each has a look of its own, without a loop.
    let text = format!(
        r#"(module (memory 1) (data $d "abc") (func (param i32) {}))"#,
        format!("(memory.init $d {three})").repeat(10)
    );
    assert_eq!(looks(&text), [10]);
}

/// Deep nesting costs no stack, and no time that grows faster than the code.
#[test]
fn depth_is_no_matter() {
    let deep = 20_000;
    let text = format!(
        "(module (func (param i32) {} {}))",
        "block loop ".repeat(deep),
        "local.get 0 br_if 0 end end ".repeat(deep)
    );
    let wasm = wat::parse_str(text).expect("the text is valid");
    let out = instrument(&wasm, Flag::Added, &(0..0)).expect("the module is valid");
    assert!(out.expect("it has functions").len() > wasm.len());
}

/// Each branch after a look, and no other, goes past the check nearly always.
#[test]
fn the_way_to_the_check_is_rare() {
    for text in MODULES {
        let wasm = wat::parse_str(text).expect("the text is valid");
        let with = out(&wasm, Flag::Added);
        let (mut hints, mut looks) = (Vec::new(), Vec::new());
        let mut function = 0;
        for payload in Parser::new(0).parse_all(&with) {
            match payload.expect("it is valid") {
                Payload::ImportSection(section) => {
                    let imports = section.into_imports();
                    let types = imports.map(|import| import.expect("it is valid").ty);
                    function = types.filter(|ty| matches!(ty, TypeRef::Func(_))).count() as u32;
                }
                Payload::CustomSection(section) => {
                    let KnownCustom::BranchHints(section) = section.as_known() else {
                        continue;
                    };
                    for of in section {
                        let of = of.expect("it is valid");
                        for hint in of.hints {
                            let hint = hint.expect("it is valid");
                            hints.push((of.func, u64::from(hint.func_offset), hint.taken));
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let operators = body.get_operators_reader().expect("it is valid");
                    let operators = operators.into_iter_with_offsets();
                    let operators: Vec<_> = operators.map(|op| op.expect("it is valid")).collect();
                    for three in operators.windows(3) {
                        if let (Operator::I32AtomicLoad { .. }, _) = three[0] {
                            let unset = matches!(three[1].0, Operator::I32Eqz);
                            let branch = three[1 + usize::from(unset)].1;
                            looks.push((function, branch - body.range().start, unset));
                        }
                    }
                    function += 1;
                }
                _ => {}
            }
        }
        assert_eq!(hints, looks, "{text}");
    }
}
