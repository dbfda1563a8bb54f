//! Entries, traps, and programs of several modules.

use std::thread;

use polyextism_core::backend::{ErrorKind, Host, InstanceLimits, ModuleId, NumType::I32, Trap};

use super::{
    Case,
    support::{MAIN, MEMORY, assert_trap, assert_trapped, enter, export, host, prepare, start},
};

pub(crate) const CASES: &[Case] = &[
    ("entries give their status", |bench| {
        let many = "i32 i64 f32 f64 ".repeat(5);
        let zeros = "(i32.const 3) (i64.const 0) (f32.const 0) (f64.const 0) ".repeat(5);
        let wat = format!(
            r#"(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
            (func (export "seven") (result i32) (i32.const 7))
            (func (export "minus") (result i32) (i32.const -1))
            (func (export "void") (global.set $n (i32.add (global.get $n) (i32.const 1))))
            (func (export "n") (result i32) (global.get $n))
            (func (export "long") (result i64) (i64.const 9))
            (func (export "two") (result i32 i32) (i32.const 1) (i32.const 2))
            (func (export "zeros") (param i32 i64 f32 f64) (result i32)
                (i32.and
                    (i32.and (i32.eqz (local.get 0)) (i64.eqz (local.get 1)))
                    (i32.and
                        (i32.eqz (i32.reinterpret_f32 (local.get 2)))
                        (i64.eqz (i64.reinterpret_f64 (local.get 3))))))
            (func (export "many") (param {many}) (result {many}) {zeros})
            (func (export "opaque") (param funcref))
            (func (export "gives") (result funcref) (ref.null func)))"#
        );
        let mut instance = bench.instance(&wat, vec![]);
        for (name, status) in [
            ("seven", 7),
            ("minus", -1),
            ("void", 0),
            ("n", 1),
            ("void", 0),
            ("n", 2),
            ("long", 0),
            ("two", 0),
            ("zeros", 1),
            ("zeros", 1),
            ("many", 0),
        ] {
            assert_eq!(enter(&mut *instance, name).ok(), Some(status), "{name}");
        }
        for missing in ["memory", "nothing", "opaque", "gives", ""] {
            assert_eq!(instance.entry(MAIN, missing), None, "{missing}");
        }
        assert_eq!(instance.entry(ModuleId(1), "seven"), None);
        // Ids of one function may differ, and all stay valid.
        let ids = [(); 2].map(|()| instance.entry(MAIN, "seven").expect("it is exported"));
        for id in ids {
            assert_eq!(instance.enter(id).ok(), Some(7));
        }
    }),
    (
        "every trap has its name, and the instance survives it",
        |bench| {
            let mut wat = String::from(
                r#"(module (memory (export "memory") 1) (table $t 3 funcref) (elem (i32.const 1) $long)
            (type $status (func (result i32)))
            (data $passive "abc")
            (func (export "seven") (result i32) (i32.const 7))
            (func $long (result i64) (i64.const 0))
            (func $deep (result i32) (i32.add (call $deep) (i32.const 1)))"#,
            );
            for (name, body, _) in TRAPS {
                wat.push_str(&format!("(func (export {name:?}) (result i32) {body})"));
            }
            wat.push(')');
            let mut instance = bench.instance(&wat, vec![]);
            for (name, _, trap) in TRAPS.iter().chain(TRAPS) {
                let error = enter(&mut *instance, name).expect_err(name);
                assert_eq!(error.kind(), ErrorKind::Trap(*trap), "{name}: {error:?}");
                assert_trapped(&error, *trap);
                assert_eq!(enter(&mut *instance, "seven").ok(), Some(7), "after {name}");
            }
        },
    ),
    ("a segment that does not fit is a trap", |bench| {
        for (wat, trap) in [
            (r#"(data (i32.const 65535) "ab")"#, Trap::MemoryOutOfBounds),
            (r#"(data (i32.const -1) "a")"#, Trap::MemoryOutOfBounds),
            (
                "(table 1 funcref) (func $f) (elem (i32.const 1) $f)",
                Trap::TableOutOfBounds,
            ),
        ] {
            let wat = format!(r#"(module (memory (export "memory") 1) {wat})"#);
            let refused = start(&bench.engine(), &wat, vec![], None);
            assert_trapped(&refused.err().expect("the segment does not fit"), trap);
        }
    }),
    (
        "a module imports every kind of export of earlier ones",
        |bench| {
            let first = r#"(module
            (memory (export "memory") 1) (data (i32.const 8) "\2a")
            (table (export "t") 2 funcref) (elem (i32.const 1) $three)
            (global (export "g") (mut i32) (i32.const 5))
            (func $three (result i32) (i32.const 3))
            (func (export "f") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))"#;
            let second = r#"(module
            (import "a" "f" (func $f (param i32) (result i32)))
            (import "a" "m" (memory 1))
            (import "a" "t" (table 2 funcref))
            (import "a" "g" (global $g (mut i32)))
            (import "a" "f" (func $again (param i32) (result i32)))
            (import "b" "host" (func $host (result i32)))
            (import "b" "host" (func $host2 (result i32)))
            (export "m" (memory 0))
            (func (export "sum") (result i32)
                (global.set $g (i32.add (global.get $g) (i32.const 1)))
                (i32.add
                    (i32.add (call $f (i32.load8_u (i32.const 8))) (call $again (global.get $g)))
                    (i32.add
                        (call_indirect (result i32) (i32.const 1))
                        (i32.add (call $host) (call $host2))))))"#;
            let engine = bench.engine();
            let gives = |n: u64| {
                host(&[], &[I32], move |_, slots| {
                    slots[0] = n;
                    Ok(())
                })
            };
            let imports = vec![
                export(0, "f"),
                export(0, "memory"),
                export(0, "t"),
                export(0, "g"),
                export(0, "f"),
                gives(1000),
                gives(20000),
            ];
            let modules = [(first, vec![]), (second, imports)];
            let program = prepare(&engine, &modules, &[(0, "memory"), (1, "m")]);
            let program = program.expect("the program is linked");
            let mut counts = [0, 1].map(|_| {
                let host = Host::default();
                let instance = engine.instantiate(&program, host, &InstanceLimits::default());
                let mut instance = instance.expect("the program starts");
                let sum = instance.entry(ModuleId(1), "sum").expect("it is exported");
                assert_eq!(instance.enter(sum).ok(), Some(84 + 12 + 3 + 21000));
                instance.split(MEMORY).0[8] = 1;
                assert_eq!(
                    instance.split(polyextism_core::backend::MemoryId(1)).0[8],
                    1
                );
                instance.enter(sum).expect("it runs again")
            });
            counts.sort_unstable();
            assert_eq!(counts, [2 + 14 + 3 + 21000; 2], "instances share nothing");
        },
    ),
    (
        "an export that is not there is an error of the engine",
        |bench| {
            let engine = bench.engine();
            let module = r#"(module (memory (export "memory") 1))"#;
            let refused = prepare(&engine, &[(module, vec![])], &[(0, "nothing")]);
            let refused = refused.and_then(|program| {
                engine.instantiate(&program, Host::default(), &InstanceLimits::default())
            });
            let error = refused.err().expect("there is no such export");
            assert_eq!(error.kind(), ErrorKind::Engine);
        },
    ),
    ("an instance moves between threads", |bench| {
        let wat = r#"(module (memory (export "memory") 1)
            (global $n (mut i32) (i32.const 0))
            (func (export "next") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (global.get $n))
            (func (export "trap") (unreachable)))"#;
        let mut instance = bench.instance(wat, vec![]);
        for round in 1..=4 {
            instance = thread::spawn(move || {
                assert_eq!(enter(&mut *instance, "next").ok(), Some(round));
                assert_trap(enter(&mut *instance, "trap"), Trap::Unreachable);
                instance
            })
            .join()
            .expect("the thread succeeds");
        }
    }),
];

const TRAPS: &[(&str, &str, Trap)] = &[
    ("unreachable", "(unreachable)", Trap::Unreachable),
    (
        "div",
        "(i32.div_s (i32.const 1) (i32.const 0))",
        Trap::DivideByZero,
    ),
    (
        "div u",
        "(i32.div_u (i32.const 1) (i32.const 0))",
        Trap::DivideByZero,
    ),
    (
        "rem",
        "(i32.rem_u (i32.const 1) (i32.const 0))",
        Trap::DivideByZero,
    ),
    (
        "div 64",
        "(i32.wrap_i64 (i64.div_s (i64.const 1) (i64.const 0)))",
        Trap::DivideByZero,
    ),
    (
        "overflow",
        "(i32.div_s (i32.const 0x80000000) (i32.const -1))",
        Trap::IntegerOverflow,
    ),
    (
        "overflow 64",
        "(i32.wrap_i64 (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))",
        Trap::IntegerOverflow,
    ),
    (
        "nan",
        "(i32.trunc_f32_s (f32.const nan))",
        Trap::BadConversion,
    ),
    (
        "nan u",
        "(i32.trunc_f64_u (f64.const nan))",
        Trap::BadConversion,
    ),
    (
        "large",
        "(i32.trunc_f32_s (f32.const 1e30))",
        Trap::IntegerOverflow,
    ),
    (
        "large 64",
        "(i32.wrap_i64 (i64.trunc_f64_u (f64.const -1)))",
        Trap::IntegerOverflow,
    ),
    (
        "load",
        "(i32.load (i32.const 65533))",
        Trap::MemoryOutOfBounds,
    ),
    (
        "load far",
        "(i32.load offset=0xffffffff (i32.const -1))",
        Trap::MemoryOutOfBounds,
    ),
    (
        "store",
        "(i64.store (i32.const -8) (i64.const 0)) (i32.const 0)",
        Trap::MemoryOutOfBounds,
    ),
    (
        "fill",
        "(memory.fill (i32.const 65535) (i32.const 0) (i32.const 2)) (i32.const 0)",
        Trap::MemoryOutOfBounds,
    ),
    (
        "copy",
        "(memory.copy (i32.const 0) (i32.const 65535) (i32.const 2)) (i32.const 0)",
        Trap::MemoryOutOfBounds,
    ),
    (
        "init",
        "(memory.init $passive (i32.const 0) (i32.const 2) (i32.const 2)) (i32.const 0)",
        Trap::MemoryOutOfBounds,
    ),
    (
        "table get",
        "(ref.is_null (table.get $t (i32.const 3)))",
        Trap::TableOutOfBounds,
    ),
    (
        "table set",
        "(table.set $t (i32.const -1) (ref.null func)) (i32.const 0)",
        Trap::TableOutOfBounds,
    ),
    (
        "table fill",
        "(table.fill $t (i32.const 2) (ref.null func) (i32.const 2)) (i32.const 0)",
        Trap::TableOutOfBounds,
    ),
    (
        "indirect far",
        "(call_indirect (type $status) (i32.const 3))",
        Trap::TableOutOfBounds,
    ),
    (
        "indirect null",
        "(call_indirect (type $status) (i32.const 0))",
        Trap::NullElement,
    ),
    (
        "indirect other",
        "(call_indirect (type $status) (i32.const 1))",
        Trap::BadSignature,
    ),
    ("deep", "(call $deep)", Trap::StackOverflow),
];
