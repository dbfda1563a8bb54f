//! The output is valid and contains the kernel, and the rest is unchanged. Other tests show that it computes the
//! same; they run with both forms of the kernel.

use std::sync::{Arc, LazyLock};

use wasmparser::{
    ExternalKind, FunctionBody, KnownCustom, Name, Operator, Parser, Payload, TypeRef, Validator,
    WasmFeatures,
};

use super::{fuse, parts::Parts};
use crate::{
    budget,
    meter::{self, Counter},
    rewrite::samples::KERNEL,
};

const MEMORY: &str = "the memory";

/// Modules with everything that refers to functions and memories.
const MODULES: &[&str] = &[
    "(module)",
    "(module (func (export \"f\")))",
    "(module (memory (export \"memory\") 1) (data (i32.const 0) \"abc\"))",
    // Nothing but imports and exports.
    "(module (import \"k\" \"alloc\" (func $a (param i64) (result i64))) (export \"a\" (func $a)))",
    // Imports of every kind between those of the kernel, one of them twice, and own functions.
    "(module (import \"x\" \"f\" (func $f (param i32)))
        (import \"k\" \"free\" (func $free (param i64))) (import \"x\" \"m\" (memory $m 1))
        (import \"k\" \"length\" (func $length (param i64) (result i64)))
        (import \"x\" \"g\" (global $g i32)) (import \"x\" \"t\" (table $t 1 funcref))
        (import \"k\" \"free\" (func $again (param i64))) (import \"x\" \"h\" (func $h))
        (memory $own 1 2) (global $ref funcref (ref.func $length)) (global $h2 funcref (ref.func $h))
        (elem (table $t) (i32.const 0) func $f $free $again $run $h)
        (elem declare func $length)
        (func $run (export \"run\") (local i64)
          (call $f (global.get $g)) (call $free (i64.const 1)) (call $again (i64.const 1)) (call $h)
          (local.set 0 (call $length (local.get 0))) (drop (ref.func $length)) (call $run)
          (i32.store $own (i32.const 0) (i32.load $m (i32.const 0)))
          (memory.copy $own $m (i32.const 0) (i32.const 0) (i32.const 1))
          (call_indirect $t (param i64) (i64.const 1) (i32.const 1)))
        (data $d (memory $own) (i32.const 0) \"abc\") (data \"def\")
        (func (memory.init $own $d (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $d)))",
    // Reads and writes of every size, in blocks, in dead code, with further values on the stack.
    "(module (import \"k\" \"load_u8\" (func $l8 (param i64) (result i32)))
        (import \"k\" \"load_u64\" (func $l64 (param i64) (result i64)))
        (import \"k\" \"store_u8\" (func $s8 (param i64 i32)))
        (import \"k\" \"store_u64\" (func $s64 (param i64 i64)))
        (import \"k\" \"input_length\" (func $n (result i64)))
        (func (param i64 f32) (result i32 i64) (local f64 i32)
          (call $l8 (local.get 0)) (call $l64 (local.get 0))
          (block (loop (call $s8 (i64.add (call $n) (local.get 0)) (call $l8 (call $n)))
            (br_if 1 (i64.eqz (call $n))) (br 0)))
          (call $s64 (call $l64 (call $l64 (call $n))) (call $n)))
        (func (result i32) unreachable (call $s64) (call $s8) (call $l8))
        (func (return (call $s64 (i64.const 0) (i64.const 0))) (drop (call $l64))))",
    // Tables with initial values, passive elements, a memory of 64 bits.
    "(module (import \"k\" \"error_get\" (func $e (result i64))) (memory i64 1)
        (table $t 3 funcref (ref.func $e)) (elem $p func $e $f) (elem $q funcref (ref.func $e))
        (func $f (export \"f\") (drop (i64.load (i64.const 8))) (drop (call $e))
          (table.init $t $p (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $q)))",
];

fn parts() -> &'static Parts {
    static PARTS: LazyLock<Parts> =
        LazyLock::new(|| Parts::read(KERNEL).expect("core has the kernel validated"));
    &PARTS
}

/// The functions of the kernel, by name.
fn functions() -> Vec<(&'static str, u32)> {
    let exports = Parser::new(0).parse_all(KERNEL).find_map(|payload| {
        match payload.expect("the kernel is valid") {
            Payload::ExportSection(section) => Some(section),
            _ => None,
        }
    });
    let exports = exports.expect("the kernel has exports").into_iter();
    let exports = exports.map(|export| export.expect("the kernel is valid"));
    let functions = exports.filter(|export| export.kind == ExternalKind::Func);
    let mut functions: Vec<_> = functions
        .map(|export| (export.name, export.index))
        .collect();
    functions.sort_unstable();
    functions
}

/// The form of a module that counts fuel, with one more import.
fn check_metered(wasm: &[u8], counter: Counter) {
    let imports = Facts::of(wasm).imports;
    let quiet: Vec<_> = imports.iter().map(|(module, ..)| module == "k").collect();
    check(&meter::meter(wasm, counter, &quiet).expect("the module is valid"));
}

/// Fuses a module whose imports from `k` are kernel functions, and checks the properties of every output.
fn check(wasm: &[u8]) -> Vec<u8> {
    let before = Facts::of(wasm);
    let kernel = before.imports.iter().map(|(module, name, _)| {
        let name: Option<Arc<str>> = (module == "k").then(|| name.as_str().into());
        name
    });
    let out =
        fuse(wasm, parts(), &kernel.collect::<Vec<_>>(), MEMORY).expect("the module is valid");
    validate(&out);
    let after = Facts::of(&out);
    let kept = before.imports.iter().filter(|(module, ..)| module != "k");
    assert!(after.imports.iter().eq(kept));
    assert_eq!(after.memories, before.memories + 1);
    let (last, exports) = after.exports.split_last().expect("the memory is exported");
    assert_eq!(
        *last,
        (MEMORY.to_owned(), ExternalKind::Memory, before.memories)
    );
    let names = |exports: &[Export]| exports.iter().map(|(name, ..)| name.clone()).collect();
    let (new, old): (Vec<_>, Vec<_>) = (names(exports), names(&before.exports));
    assert_eq!(new, old);
    for ((name, kind, index), (_, _, new)) in before.exports.iter().zip(exports) {
        if *kind != ExternalKind::Func || *index >= before.functions {
            assert_eq!(new, index, "the export `{name}` has moved");
        }
    }
    out
}

fn validate(wasm: &[u8]) {
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(wasm)
        .unwrap_or_else(|error| panic!("{error}"));
}

type Export = (String, ExternalKind, u32);

/// The contents of a module.
#[derive(Default)]
struct Facts {
    imports: Vec<(String, String, TypeRef)>,
    exports: Vec<Export>,
    /// How many functions are imported.
    functions: u32,
    memories: u32,
}

impl Facts {
    fn of(wasm: &[u8]) -> Self {
        let mut facts = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.expect("it is valid") {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.expect("it is valid");
                        facts.functions += u32::from(matches!(import.ty, TypeRef::Func(_)));
                        facts.memories += u32::from(matches!(import.ty, TypeRef::Memory(_)));
                        facts
                            .imports
                            .push((import.module.into(), import.name.into(), import.ty));
                    }
                }
                Payload::MemorySection(section) => facts.memories += section.count(),
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.expect("it is valid");
                        facts
                            .exports
                            .push((export.name.into(), export.kind, export.index));
                    }
                }
                _ => {}
            }
        }
        facts
    }
}

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn bodies(wasm: &[u8]) -> Vec<FunctionBody<'_>> {
    let payloads = Parser::new(0).parse_all(wasm);
    let bodies = payloads.filter_map(|payload| match payload.expect("it is valid") {
        Payload::CodeSectionEntry(body) => Some(body),
        _ => None,
    });
    bodies.collect()
}

fn operators<'a>(body: &FunctionBody<'a>) -> Vec<Operator<'a>> {
    let operators = body.get_operators_reader().expect("it is valid");
    let operators = operators.into_iter();
    operators.collect::<Result<_, _>>().expect("it is valid")
}

/// A module that uses a function of the kernel in every way.
fn user_of(name: &str, params: &[String], results: &[String]) -> String {
    let ty = format!(
        "(param {}) (result {})",
        params.join(" "),
        results.join(" ")
    );
    let arguments: String = params.iter().map(|ty| format!(" ({ty}.const 1)")).collect();
    format!(
        "(module (import \"k\" \"{name}\" (func $f {ty})) (export \"again\" (func $f))
           (table funcref (elem $f $g)) (global funcref (ref.func $f))
           (func $g (export \"g\") {ty} (return_call $f{}))
           (func (result {}) (call $f{arguments}))
           (func (result {}) (call_indirect {ty}{arguments} (i32.const 0))))",
        (0..params.len())
            .map(|param| format!(" (local.get {param})"))
            .collect::<String>(),
        results.join(" "),
        results.join(" "),
    )
}

#[test]
fn what_comes_out_is_valid() {
    for text in MODULES {
        let out = check(&wasm(text));
        // The form for engines that need a budget in the code.
        if let Some(instrumented) = budget::instrument(&out, &(0..0)).expect("it is valid") {
            validate(&instrumented);
        }
        for counter in [Counter::Own, Counter::Imported] {
            check_metered(&wasm(text), counter);
        }
    }
    for (name, function) in functions() {
        let ty = &parts().part(function).ty;
        let names = |types: &[wasmparser::ValType]| {
            types.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        check(&wasm(&user_of(
            name,
            &names(ty.params()),
            &names(ty.results()),
        )));
    }
}

/// Frequent functions contain no call.
#[test]
fn short_functions_are_expanded() {
    let parts = parts();
    let expanded = functions().into_iter();
    let expanded = expanded.filter(|(_, function)| parts.part(*function).expansion.is_some());
    let expanded = expanded.map(|(name, _)| name);
    assert_eq!(
        expanded.collect::<Vec<_>>(),
        [
            "error_get",
            "input_length",
            "input_load_u64",
            "input_load_u8",
            "input_offset",
            "load_u64",
            "load_u8",
            "memory_bytes",
            "output_length",
            "output_offset",
            "store_u64",
            "store_u8",
        ]
    );
    let out = check(&wasm(
        "(module (import \"k\" \"input_length\" (func $n (result i64)))
           (func (result i64) (call $n)) (func (result i64) (return_call $n)))",
    ));
    let bodies = bodies(&out);
    // The function of the kernel comes first.
    assert_eq!(bodies.len(), 3);
    let is_call = |operator: &Operator<'_>| matches!(operator, Operator::Call { .. });
    assert!(!operators(&bodies[1]).iter().any(is_call));
    assert!(matches!(
        operators(&bodies[2])[..],
        [Operator::ReturnCall { function_index: 0 }, Operator::End]
    ));
}

/// Blocks of the kernel have at most one result, so they name no type.
#[test]
fn the_kernel_names_no_types() {
    let parts = parts();
    for function in 0..parts.len() as u32 {
        for operator in operators(&parts.part(function).body) {
            if let Operator::Block { blockty }
            | Operator::Loop { blockty }
            | Operator::If { blockty } = operator
            {
                assert!(!matches!(blockty, wasmparser::BlockType::FuncType(_)));
            }
        }
    }
}

#[test]
fn only_what_is_imported_comes_along() {
    let names = ["input_offset", "output_set", "alloc"];
    let counts = names.map(|name| {
        let ty = &parts().part(parts().find(name)).ty;
        let names = |types: &[wasmparser::ValType]| {
            types.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let module = wasm(&user_of(name, &names(ty.params()), &names(ty.results())));
        bodies(&check(&module)).len() - bodies(&module).len()
    });
    // Itself, with `inside` and `size`, and with what the allocator needs.
    assert_eq!(counts, [1, 3, 10]);
}

#[test]
fn code_that_uses_nothing_of_it_stays() {
    let module = wasm("(module (memory 1) (func (export \"f\") (loop (nop) (br 0))))");
    let out = check(&module);
    let bytes = |wasm| {
        bodies(wasm)
            .iter()
            .map(FunctionBody::as_bytes)
            .collect::<Vec<_>>()
    };
    assert_eq!(bytes(&out), bytes(&module));
}

#[test]
fn functions_do_not_grow_without_end() {
    let calls = "(drop (call $n))".repeat(200_000);
    let module = wasm(&format!(
        "(module (import \"k\" \"input_length\" (func $n (result i64))) (func {calls}))"
    ));
    let out = check(&module);
    assert!(out.len() < module.len() + (66 << 10), "{} bytes", out.len());
}

/// As many locals as engines allow: there is no room for more.
#[test]
fn no_room_for_locals() {
    for (locals, calls) in [(49_996, 0), (49_997, 1), (49_999, 1)] {
        let locals = "i32 ".repeat(locals);
        let out = check(&wasm(&format!(
            "(module (import \"k\" \"load_u8\" (func $l (param i64) (result i32)))
               (func (param i64) (local {locals}) (drop (call $l (local.get 0)))))"
        )));
        let found = operators(&bodies(&out)[1]);
        let found = found
            .iter()
            .filter(|op| matches!(op, Operator::Call { .. }));
        assert_eq!(found.count(), calls);
    }
}

fn function_names(wasm: &[u8]) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CustomSection(section) = payload.expect("it is valid")
            && let KnownCustom::Name(names) = section.as_known()
        {
            for name in names {
                if let Name::Function(functions) = name.expect("it is valid") {
                    for naming in functions {
                        let naming = naming.expect("it is valid");
                        found.push((naming.index, naming.name.to_owned()));
                    }
                }
            }
        }
    }
    found
}

#[test]
fn names_of_the_guest_stay() {
    let out = check(&wasm(
        "(module $m (import \"k\" \"free\" (func $gone (param i64))) (import \"x\" \"f\" (func $moved))
           (func $stays (call $moved)))",
    ));
    let names = [(0, "moved".to_owned()), (2, "stays".to_owned())];
    assert_eq!(function_names(&out), names);
}

/// Custom sections are not validated. A broken one is left out and is not an error.
#[test]
fn broken_names_are_left_out() {
    let mut module = wasm("(module (func))");
    module.extend([0, 8, 4, b'n', b'a', b'm', b'e', 1, 200, 200]);
    let out = check(&module);
    assert!(!out.windows(4).any(|bytes| bytes == b"name"));
}
