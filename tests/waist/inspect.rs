//! What a test can see of a live program, and programs that are extended.

use std::sync::Arc;

use polyextism_core::{
    backend::{DynEngine, ErrorKind, Import, Linked, ModuleId, NumType, Result, Trap, Value},
    internal::{
        DynInstance,
        inspect::Value::{Extern, F32, F64, Func, I32, I64, Null, V128},
    },
};

use super::{
    Bench, Case,
    support::{MAIN, assert_trapped, export, host, start},
};

pub(crate) const CASES: &[Case] = &[
    (
        "whether an engine can be looked into is declared",
        |bench| {
            let can = bench.compiler.capabilities.inspect;
            let engine = bench.engine();
            assert_eq!(engine.capabilities().inspect, can);
            let mut instance = bench.instance(r#"(module (memory (export "memory") 0))"#, vec![]);
            assert_eq!(instance.inspect().is_some(), can);
            let extended = extend(&engine, &mut *instance, "(module)", vec![]);
            match can {
                true => assert_eq!(extended.ok(), Some(ModuleId(1))),
                false => {
                    let error = extended.expect_err("it is not declared");
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
                }
            }
        },
    ),
    ("every number crosses exactly", |bench| {
        let wat = r#"(module (memory (export "memory") 0)
            (func (export "turn") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
                (local.get 3) (local.get 2) (local.get 1) (local.get 0))
            (func (export "sub") (param i32 i32) (result i32)
                (i32.sub (local.get 0) (local.get 1)))
            (func (export "none")))"#;
        let Some(mut instance) = inspected(bench, wat) else {
            return;
        };
        // The floats are NaNs with a payload, one of them signalling.
        let args = [
            I32(1 << 31),
            I64(u64::MAX - 5),
            F32(0x7fa0_0001),
            F64(0xfff8_0000_0000_0007),
        ];
        let turned: Vec<_> = args.iter().rev().copied().collect();
        for _ in 0..2 {
            assert_eq!(
                call(&mut *instance, "turn", &args).ok(),
                Some(turned.clone())
            );
        }
        let sub = call(&mut *instance, "sub", &[I32(5), I32(7)]);
        assert_eq!(sub.ok(), Some(vec![I32(2_u32.wrapping_neg())]));
        assert_eq!(call(&mut *instance, "none", &[]).ok(), Some(vec![]));
    }),
    (
        "vectors and references cross where there are any",
        |bench| {
            let vectors = r#"(module (memory (export "memory") 0)
            (func (export "lane") (param v128) (result v128 i32)
                (local.get 0) (i32x4.extract_lane 0 (local.get 0))))"#;
            let references = r#"(module (memory (export "memory") 0) (elem declare func $null)
            (func $null (export "null") (result externref) (ref.null extern))
            (func (export "same") (param externref) (result externref) (local.get 0))
            (func (export "is") (param externref) (result i32) (ref.is_null (local.get 0)))
            (func (export "nof") (param funcref) (result i32) (ref.is_null (local.get 0)))
            (func (export "func") (result funcref) (ref.func $null)))"#;
            let vector = V128(0x0f0e_0d0c_0b0a_0908_0706_0504_8302_0100);
            crosses(
                bench,
                vectors,
                &[("lane", &[vector], &[vector, I32(0x8302_0100)])],
            );
            crosses(
                bench,
                references,
                &[
                    ("null", &[], &[Null]),
                    ("same", &[Extern(7)], &[Extern(7)]),
                    ("same", &[Extern(u32::MAX)], &[Extern(u32::MAX)]),
                    ("same", &[Null], &[Null]),
                    ("is", &[Extern(0)], &[I32(0)]),
                    ("is", &[Null], &[I32(1)]),
                    ("nof", &[Null], &[I32(1)]),
                    ("func", &[], &[Func]),
                ],
            );
        },
    ),
    ("what is not there or does not fit is refused", |bench| {
        let wat = r#"(module (memory (export "memory") 0) (global $n (export "n") (mut i32) (i32.const 0))
            (func (export "f") (param i32 f32) (result i32)
                (global.set $n (i32.const 1)) (i32.const 1)))"#;
        let Some(mut instance) = inspected(bench, wat) else {
            return;
        };
        let inspect = instance.inspect().expect("it is declared");
        let given: [(&str, &[Value], _); 6] = [
            ("g", &[], "module 0 of the program exports no function `g`"),
            ("n", &[], "module 0 of the program exports no function `n`"),
            (
                "f",
                &[I32(0)],
                "function `f` was given 1 arguments, it has 2 parameters",
            ),
            (
                "f",
                &[F32(1), F32(1)],
                "argument 0 of function `f` is f32:0x1, its type is another",
            ),
            (
                "f",
                &[I32(1), Null],
                "argument 1 of function `f` is null, its type is another",
            ),
            (
                "f",
                &[I32(1), Func],
                "argument 1 of function `f` is func, its type is another",
            ),
        ];
        for (export, args, message) in given {
            let error = inspect
                .call(MAIN, export, args)
                .expect_err("it does not fit");
            assert_eq!(
                (error.kind(), &*error.to_string()),
                (ErrorKind::Argument, message)
            );
        }
        let absent = [
            inspect.call(ModuleId(1), "f", &[]).map(drop),
            inspect.global(MAIN, "f").map(drop),
            inspect.memory(MAIN, "n").map(drop),
        ];
        let messages = [
            "module 1 of the program exports no function `f`",
            "module 0 of the program exports no global `f`",
            "module 0 of the program exports no memory `n`",
        ];
        for (found, message) in absent.into_iter().zip(messages) {
            let error = found.expect_err("it is not there");
            assert_eq!(
                (error.kind(), &*error.to_string()),
                (ErrorKind::Argument, message)
            );
        }
        // Nothing ran.
        assert_eq!(inspect.global(MAIN, "n").ok(), Some(I32(0)));
    }),
    ("globals and memories can be read", |bench| {
        let wat = r#"(module (memory (export "memory") 1) (memory (export "other") 2 3)
            (global (export "a") i32 (i32.const -1)) (global $b (export "b") (mut i64) (i64.const 2))
            (global (export "c") f32 (f32.const nan:0x200001)) (global (export "d") f64 (f64.const -0))
            (func (export "set") (global.set $b (i64.const 9))
                (i32.store8 1 (i32.const 131071) (i32.const 77))
                (drop (memory.grow 1 (i32.const 1)))))"#;
        let Some(mut instance) = inspected(bench, wat) else {
            return;
        };
        let pages = |instance: &mut dyn DynInstance, name| {
            let inspect = instance.inspect().expect("it is declared");
            inspect
                .memory(MAIN, name)
                .map(|bytes| bytes.len() / 65536)
                .ok()
        };
        assert_eq!(pages(&mut *instance, "memory"), Some(1));
        assert_eq!(pages(&mut *instance, "other"), Some(2));
        call(&mut *instance, "set", &[]).expect("it does not trap");
        assert_eq!(pages(&mut *instance, "other"), Some(3));
        let inspect = instance.inspect().expect("it is declared");
        let bytes = inspect.memory(MAIN, "other").expect("it is exported");
        assert_eq!((bytes[131_071], bytes[131_070]), (77, 0));
        for (name, value) in [
            ("a", I32(u32::MAX)),
            ("b", I64(9)),
            ("c", F32(0x7fa0_0001)),
            ("d", F64(1 << 63)),
        ] {
            assert_eq!(inspect.global(MAIN, name).ok(), Some(value), "{name}");
        }
    }),
    (
        "traps and failures end a call as they do elsewhere",
        |bench| {
            let fails = |_: polyextism_core::Caller<'_>, _: &mut [u64]| {
                Err(polyextism_core::Error::new(
                    ErrorKind::HostFunction,
                    "as the test wants it",
                ))
            };
            let wat = r#"(module (import "h" "fails" (func $fails (param i32)))
            (memory (export "memory") 0) (func $deep (param i32) (result i32)
                (i32.add (call $deep (local.get 0)) (i32.const 1)))
            (export "deep" (func $deep))
            (func (export "trap") (param i64) (unreachable))
            (func (export "fail") (param i32) (call $fails (local.get 0))))"#;
            if !bench.compiler.capabilities.inspect {
                return;
            }
            let mut instance = bench.instance(wat, vec![host(&[NumType::I32], &[], fails)]);
            for _ in 0..2 {
                let error = call(&mut *instance, "trap", &[I64(1)]).expect_err("it traps");
                assert_trapped(&error, Trap::Unreachable);
                let error = call(&mut *instance, "deep", &[I32(1)]).expect_err("it traps");
                assert_trapped(&error, Trap::StackOverflow);
                let error = call(&mut *instance, "fail", &[I32(1)]).expect_err("it fails");
                assert_eq!(error.kind(), ErrorKind::HostFunction, "{error:?}");
            }
        },
    ),
    ("a live program can be extended", |bench| {
        let first = r#"(module (memory (export "memory") 1) (global $n (export "n") (mut i32) (i32.const 1))
            (table (export "t") 2 funcref)
            (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (global.get $n))
            (func (export "there") (param i32) (result i32)
                (call_indirect (result i32) (local.get 0))))"#;
        let second = r#"(module (import "a" "next" (func $next (result i32)))
            (import "h" "double" (func $double (param i32) (result i32)))
            (import "a" "memory" (memory 1)) (import "a" "t" (table 2 funcref))
            (import "a" "n" (global $n (mut i32)))
            (func $five (result i32) (i32.const 5)) (elem (i32.const 1) $five)
            (data (i32.const 3) "x")
            (func (export "f") (result i32) (call $double (call $next)))
            (func (export "n") (result i32) (global.get $n)))"#;
        if !bench.compiler.capabilities.inspect {
            return;
        }
        let double = |_: polyextism_core::Caller<'_>, slots: &mut [u64]| {
            slots[0] *= 2;
            Ok(())
        };
        let imports = || {
            vec![
                export(0, "next"),
                host(&[NumType::I32], &[NumType::I32], double),
                export(0, "memory"),
                export(0, "t"),
                export(0, "n"),
            ]
        };
        let engine = bench.engine();
        let mut instance = start(&engine, first, vec![], None).expect("the program starts");
        assert_eq!(call(&mut *instance, "next", &[]).ok(), Some(vec![I32(2)]));
        let error = call(&mut *instance, "there", &[I32(1)]).expect_err("the table is empty");
        assert_trapped(&error, Trap::NullElement);

        let added = extend(&engine, &mut *instance, second, imports());
        assert_eq!(added.ok(), Some(ModuleId(1)));
        let inspect = instance.inspect().expect("it is declared");
        assert_eq!(inspect.call(ModuleId(1), "f", &[]).ok(), Some(vec![I32(6)]));
        assert_eq!(inspect.call(ModuleId(1), "n", &[]).ok(), Some(vec![I32(3)]));
        assert_eq!(
            inspect.call(MAIN, "there", &[I32(1)]).ok(),
            Some(vec![I32(5)])
        );
        assert_eq!(
            inspect.memory(MAIN, "memory").expect("it is exported")[3],
            b'x'
        );

        // The same module again is another instance.
        let added = extend(&engine, &mut *instance, second, imports());
        assert_eq!(added.ok(), Some(ModuleId(2)));
        let entry = instance.entry(ModuleId(2), "f").expect("it is exported");
        assert_eq!(instance.enter(entry).ok(), Some(8));
    }),
    (
        "what cannot be added leaves the program as it was",
        |bench| {
            let first = r#"(module (memory (export "memory") 1) (func (export "f")))"#;
            if !bench.compiler.capabilities.inspect {
                return;
            }
            let engine = bench.engine();
            let mut instance = start(&engine, first, vec![], None).expect("the program starts");
            let late = r#"(module (import "a" "memory" (memory 1))
            (data (i32.const 0) "a") (data (i32.const 65536) "b"))"#;
            let other = r#"(module (import "a" "f" (func (param i32))))"#;
            for _ in 0..2 {
                let imports = vec![export(0, "memory")];
                let error = extend(&engine, &mut *instance, late, imports).expect_err("no room");
                assert_trapped(&error, Trap::MemoryOutOfBounds);
                for import in [export(0, "f"), export(0, "g"), export(1, "f")] {
                    let error = extend(&engine, &mut *instance, other, vec![import]);
                    let error = error.expect_err("the import does not fit");
                    assert_eq!(error.kind(), ErrorKind::Engine, "{error:?}");
                }
            }
            let inspect = instance.inspect().expect("it is declared");
            assert_eq!(
                inspect.memory(MAIN, "memory").expect("it is exported")[0],
                b'a'
            );
            assert_eq!(
                extend(&engine, &mut *instance, first, vec![]).ok(),
                Some(ModuleId(1))
            );
        },
    ),
    ("an instance with limits cannot be extended", |bench| {
        let (can, limit) = (
            bench.compiler.capabilities.inspect,
            bench.compiler.capabilities.memory_limit,
        );
        if !can || !limit {
            return;
        }
        let engine = bench.engine();
        let first = r#"(module (memory (export "memory") 1))"#;
        let mut instance = start(&engine, first, vec![], Some(3)).expect("the program starts");
        let error = extend(&engine, &mut *instance, "(module)", vec![]);
        let error = error.expect_err("new memories would escape the limit");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    }),
];

/// Calls functions of a module, unless the engine refuses it.
fn crosses(bench: &Bench, wat: &str, calls: &[(&str, &[Value], &[Value])]) {
    let wasm = wat::parse_str(wat).expect("the test is valid text");
    if let Err(error) = bench.engine().compile(&wasm) {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        return;
    }
    let Some(mut instance) = inspected(bench, wat) else {
        return;
    };
    for (name, args, results) in calls {
        let found = call(&mut *instance, name, args);
        assert_eq!(found.ok().as_deref(), Some(*results), "{name} {args:?}");
    }
}

/// An instance that can be looked into; `None` if the engine declares that none can.
fn inspected(bench: &Bench, wat: &str) -> Option<Box<dyn DynInstance>> {
    let can = bench.compiler.capabilities.inspect;
    can.then(|| bench.instance(wat, vec![]))
}

fn call(instance: &mut dyn DynInstance, export: &str, args: &[Value]) -> Result<Vec<Value>> {
    let inspect = instance.inspect().expect("it is declared");
    inspect.call(MAIN, export, args)
}

fn extend(
    engine: &Arc<dyn DynEngine>,
    instance: &mut dyn DynInstance,
    wat: &str,
    imports: Vec<Import>,
) -> Result<ModuleId> {
    let wasm = wat::parse_str(wat).expect("the test is valid text");
    let module = engine.compile(&wasm)?;
    engine.extend(instance, Linked { module, imports })
}
