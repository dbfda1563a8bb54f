//! Host functions: what crosses between guest and host, and what the host sees of the guest.

use polyextism_core::backend::{
    Error, ErrorKind, Import,
    NumType::{self, F32, F64, I32, I64},
};

use super::{
    Case,
    support::{MEMORY, enter, host},
};

pub(crate) const CASES: &[Case] = &[
    (
        "values cross exactly, for every signature of up to three parameters",
        |bench| {
            let types = [I32, I64, F32, F64];
            let mut params: Vec<Vec<NumType>> = vec![vec![]];
            for known in 0..1 + 4 + 16 {
                let longer = types.map(|ty| [params[known].as_slice(), &[ty]].concat());
                params.extend(longer);
            }
            let results = [&[][..], &[I32], &[I64], &[F32], &[F64]];
            let signatures = params
                .iter()
                .flat_map(|p| results.iter().map(move |r| (&**p, *r)));
            crosses(bench, &signatures.collect::<Vec<_>>());
        },
    ),
    ("values cross exactly, for long signatures", |bench| {
        let some = [I32, I64, F32, F64, F64, F32, I64, I32, I32];
        let many = [I64, F32, I32, F64].repeat(6);
        crosses(
            bench,
            &[
                (&[I32; 4], &[I32]),
                (&[I64; 4], &[I64]),
                (&[I32, I64, I32, I32], &[I32]),
                (&some, &[I32]),
                (&many[..16], &[F32]),
                (&many[..17], &[F64]),
                (&many, &[]),
            ],
        );
    }),
    ("values cross exactly, for several results", |bench| {
        let several = r#"(module (import "h" "f" (func (result i32 i32))))"#;
        let several = wat::parse_str(several).expect("the test is valid text");
        match bench.engine().compile(&several) {
            Ok(_) => {
                let many = [I64, F32, I32, F64].repeat(6);
                crosses(
                    bench,
                    &[
                        (&[], &[I32, I64]),
                        (&[], &many[..9]),
                        (&many[..16], &many[..16]),
                        (&[], &many[..17]),
                        (&many, &many[..5]),
                    ],
                );
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}"),
        }
    }),
    ("a host function reads, writes and grows memory", |bench| {
        let body = |mut caller: polyextism_core::Caller<'_>, slots: &mut [u64]| {
            let (memory, _) = caller.memory();
            assert_eq!(memory.len(), 65536);
            slots[0] = memory[slots[0] as usize].into();
            memory[7] = 99;
            Ok(())
        };
        let wat = r#"(module (import "h" "peek" (func $peek (param i32) (result i32)))
            (memory (export "memory") 1 4) (data (i32.const 40) "\05")
            (func (export "peek") (result i32)
                (i32.add (call $peek (i32.const 40)) (i32.load8_u (i32.const 7))))
            (func (export "size") (result i32) (memory.size))
            (func (export "last") (result i32)
                (i32.load8_u (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)))))"#;
        let mut instance = bench.instance(wat, vec![host(&[I32], &[I32], body)]);
        assert_eq!(enter(&mut *instance, "peek").ok(), Some(104));
        assert_eq!(instance.split(MEMORY).0[7], 99);
        for (pages, former) in [(0, Some(1)), (2, Some(1)), (2, None), (1, Some(3))] {
            assert_eq!(instance.grow(MEMORY, pages), former, "{pages}");
        }
        for absurd in [1, 65536, 1 << 32, (1 << 32) + 1, u64::MAX] {
            assert_eq!(instance.grow(MEMORY, absurd), None, "{absurd}");
        }
        let (memory, _) = instance.split(MEMORY);
        assert_eq!(memory.len(), 4 * 65536);
        assert_eq!((memory[40], memory[3 * 65536]), (5, 0));
        *memory.last_mut().expect("there are four pages") = 77;
        assert_eq!(enter(&mut *instance, "size").ok(), Some(4));
        assert_eq!(enter(&mut *instance, "last").ok(), Some(77));
    }),
    ("a memory may be empty", |bench| {
        let wat = r#"(module (memory (export "memory") 0 1))"#;
        let mut instance = bench.instance(wat, vec![]);
        assert_eq!(instance.split(MEMORY).0.len(), 0);
        assert_eq!(instance.grow(MEMORY, 1), Some(0));
        assert_eq!(instance.split(MEMORY).0.len(), 65536);
    }),
    (
        "a host function that fails or panics ends the call and nothing else",
        |bench| {
            let fails = |_: polyextism_core::Caller<'_>, _: &mut [u64]| {
                Err(Error::new(ErrorKind::HostFunction, "as the test wants it"))
            };
            let panics =
                |_: polyextism_core::Caller<'_>, _: &mut [u64]| panic!("as the test wants it");
            let wide = [I32; 9];
            let imports = vec![
                host(&[], &[], fails),
                host(&[I64], &[I64], fails),
                host(&wide, &[], fails),
                host(&[], &[], panics),
                host(&wide, &[], panics),
            ];
            let nine = "i32 ".repeat(9);
            let zeros = "(i32.const 0) ".repeat(9);
            let wat = format!(
                r#"(module
            (import "h" "0" (func $0)) (import "h" "1" (func $1 (param i64) (result i64)))
            (import "h" "2" (func $2 (param {nine}))) (import "h" "3" (func $3))
            (import "h" "4" (func $4 (param {nine})))
            (memory (export "memory") 1) (global $after (mut i32) (i32.const 0))
            (func $done (global.set $after (i32.const 1)))
            (func (export "0") (call $0) (call $done))
            (func (export "1") (drop (call $1 (i64.const 1))) (call $done))
            (func (export "2") (call $2 {zeros}) (call $done))
            (func (export "3") (call $3) (call $done))
            (func (export "4") (call $4 {zeros}) (call $done))
            (func (export "after") (result i32) (global.get $after)))"#
            );
            let mut instance = bench.instance(&wat, imports);
            for name in ["0", "1", "2", "3", "4", "0"] {
                let error = enter(&mut *instance, name).expect_err("the host function fails");
                assert_eq!(error.kind(), ErrorKind::HostFunction, "{name}: {error:?}");
                assert_eq!(enter(&mut *instance, "after").ok(), Some(0), "{name}");
            }
        },
    ),
    // What `neg` and `abs` make of such a NaN is left out: wasmer's singlepass canonicalises late,
    // at the next use, and loses that for `f32.neg` and `f32.abs` and the sign of `f64.neg`.
    ("NaNs that arithmetic makes are canonical", |bench| {
        let wat = r#"(module (memory (export "memory") 1)
            (global $zero (mut f32) (f32.const 0)) (global $wide (mut f64) (f64.const 0))
            (global $nan (mut f32) (f32.const -nan:0x212345)) (global $nan64 (mut f64) (f64.const -nan:0x4000000000007))
            (func (export "div") (result i32)
                (i32.reinterpret_f32 (f32.div (global.get $zero) (global.get $zero))))
            (func (export "add") (result i32)
                (i32.reinterpret_f32 (f32.add (global.get $nan) (global.get $zero))))
            (func (export "sqrt") (result i32)
                (i32.reinterpret_f32 (f32.sqrt (f32.const -1))))
            (func (export "min") (result i32)
                (i32.reinterpret_f32 (f32.min (global.get $zero) (global.get $nan))))
            (func (export "wide") (result i32)
                (i32.wrap_i64 (i64.shr_u (i64.reinterpret_f64
                    (f64.mul (global.get $nan64) (global.get $wide))) (i64.const 32))))
            (func (export "low") (result i32)
                (i32.wrap_i64 (i64.reinterpret_f64 (f64.sub (global.get $nan64) (global.get $wide)))))
            (func (export "demote") (result i32)
                (i32.reinterpret_f32 (f32.demote_f64
                    (f64.div (global.get $wide) (global.get $wide)))))
            (func (export "store") (result i32)
                (f32.store (i32.const 0) (f32.add (global.get $nan) (global.get $zero)))
                (i32.load (i32.const 0))))"#;
        let mut instance = bench.instance(wat, vec![]);
        for (name, bits) in [
            ("div", 0x7fc0_0000),
            ("add", 0x7fc0_0000),
            ("sqrt", 0x7fc0_0000),
            ("min", 0x7fc0_0000),
            ("wide", 0x7ff8_0000),
            ("low", 0),
            ("demote", 0x7fc0_0000),
            ("store", 0x7fc0_0000),
        ] {
            let found = enter(&mut *instance, name).expect("arithmetic does not trap");
            assert_eq!(found, bits, "{name} gives {found:#x}");
        }
    }),
];

/// A slot and its text, different for each position, with high bits that must survive.
fn sample(ty: NumType, position: usize) -> (u64, String) {
    let n = position as u64 + 1;
    match ty {
        I32 => (0xffff_ff00 + n, format!("(i32.const {})", 0xffff_ff00 + n)),
        I64 => {
            let bits = 0x8123_4567_89ab_cd00 + n;
            (bits, format!("(i64.const {bits:#x})"))
        }
        F32 => (
            0xffc0_0000 + n,
            format!("(f32.const -nan:{:#x})", 0x40_0000 + n),
        ),
        F64 => {
            let bits = 0x7ff8_0000_0000_0000 + n;
            (
                bits,
                format!("(f64.const nan:{:#x})", 0x8_0000_0000_0000 + n),
            )
        }
    }
}

/// Calls a host function of each signature; host and guest check every bit of what they get.
fn crosses(bench: &super::Bench, signatures: &[(&[NumType], &[NumType])]) {
    let mut imports: Vec<Import> = Vec::new();
    let (mut imported, mut checks) = (String::new(), String::new());
    for (n, (params, results)) in signatures.iter().enumerate() {
        let samples = |types: &[NumType], from: usize| {
            let samples = types.iter().enumerate();
            samples
                .map(|(i, ty)| sample(*ty, from + i))
                .unzip::<_, _, Vec<_>, Vec<_>>()
        };
        let ((given, args), (gives, _)) = (samples(params, 0), samples(results, 100));
        imports.push(host(params, results, {
            let expected = given.clone();
            let gives = gives.clone();
            move |_, slots| {
                if slots[..expected.len()] != expected {
                    let message = format!("host function {n} got {slots:x?}");
                    return Err(Error::new(ErrorKind::HostFunction, message));
                }
                slots[..gives.len()].copy_from_slice(&gives);
                Ok(())
            }
        }));
        let names = |types: &[NumType]| {
            types
                .iter()
                .map(|ty| ty.name())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let (params, locals) = (names(params), names(results));
        imported.push_str(&format!(
            r#"(import "h" "{n}" (func $h{n} (param {params}) (result {locals})))"#
        ));
        let mut check = format!("(call $h{n} {})", args.join(" "));
        for i in (0..results.len()).rev() {
            check.push_str(&format!("(local.set {i})"));
        }
        for (i, (ty, slot)) in results.iter().zip(&gives).enumerate() {
            let wrong = match ty {
                I32 => format!("(i32.ne (local.get {i}) (i32.const {slot:#x}))"),
                I64 => format!("(i64.ne (local.get {i}) (i64.const {slot:#x}))"),
                F32 => {
                    format!("(i32.ne (i32.reinterpret_f32 (local.get {i})) (i32.const {slot:#x}))")
                }
                F64 => {
                    format!("(i64.ne (i64.reinterpret_f64 (local.get {i})) (i64.const {slot:#x}))")
                }
            };
            check.push_str(&format!(
                "(if {wrong} (then (return (i32.const {}))))",
                i + 1
            ));
        }
        checks.push_str(&format!(
            r#"(func (export "{n}") (result i32) (local {locals}) {check} (i32.const 0))"#
        ));
    }
    let wat = format!(r#"(module {imported} (memory (export "memory") 1) {checks})"#);
    let mut instance = bench.instance(&wat, imports);
    for (n, signature) in signatures.iter().enumerate() {
        let status = enter(&mut *instance, &n.to_string());
        assert_eq!(status.ok(), Some(0), "{signature:?}");
    }
}
