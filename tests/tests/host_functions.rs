//! Host functions written in Rust: every value arrives exactly, every failure comes out as itself.

use std::{
    error::Error as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use polyextism::{
    Error, ErrorKind, Function, Trap,
    backend::{
        NumType::{F32, F64, I32, I64},
        Signature,
    },
};
use polyextism_tests::{
    engines,
    gaps::{SEVERAL_RESULTS, lacks},
    plugin,
};

#[test]
fn all_types_cross_exactly_both_ways() {
    // The guest hands each constant over and traps if another value comes back.
    let guest = r#"
    (module
      (import "extism:host/user" "i32" (func $i32 (param i32) (result i32)))
      (import "extism:host/user" "u32" (func $u32 (param i32) (result i32)))
      (import "extism:host/user" "i64" (func $i64 (param i64) (result i64)))
      (import "extism:host/user" "u64" (func $u64 (param i64) (result i64)))
      (import "extism:host/user" "f32" (func $f32 (param f32) (result f32)))
      (import "extism:host/user" "f64" (func $f64 (param f64) (result f64)))
      (func $same32 (param i32 i32) (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
      (func $same64 (param i64 i64) (if (i64.ne (local.get 0) (local.get 1)) (then unreachable)))
      (func $int (param i32)
        (call $same32 (call $i32 (local.get 0)) (local.get 0))
        (call $same32 (call $u32 (local.get 0)) (local.get 0))
        (call $same32
          (i32.reinterpret_f32 (call $f32 (f32.reinterpret_i32 (local.get 0)))) (local.get 0)))
      (func $long (param i64)
        (call $same64 (call $i64 (local.get 0)) (local.get 0))
        (call $same64 (call $u64 (local.get 0)) (local.get 0))
        (call $same64
          (i64.reinterpret_f64 (call $f64 (f64.reinterpret_i64 (local.get 0)))) (local.get 0)))
      (func (export "run")
        (call $int (i32.const 0))
        (call $int (i32.const -1))
        (call $int (i32.const 0x7fffffff))
        (call $int (i32.const 0x80000000))
        (call $int (i32.const 0x7fc00001))
        (call $int (i32.const 0xffc12345))
        (call $int (i32.const 0x3f800000))
        (call $long (i64.const 0))
        (call $long (i64.const -1))
        (call $long (i64.const 0x7fffffffffffffff))
        (call $long (i64.const 0x8000000000000000))
        (call $long (i64.const 0x0020000000000001))
        (call $long (i64.const 0x7ff8000000000001))
        (call $long (i64.const 0xfff8123456789abc))))
    "#;
    for choice in engines() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keep = |seen: &Arc<Mutex<Vec<u64>>>| {
            let seen = seen.clone();
            move |bits: u64| seen.lock().expect("no panic").push(bits)
        };
        let [a, b, c] = [keep(&seen), keep(&seen), keep(&seen)];
        let [d, e, f] = [keep(&seen), keep(&seen), keep(&seen)];
        let functions = [
            Function::typed("i32", move |_, (v,): (i32,)| {
                a(i64::from(v) as u64);
                Ok(v)
            }),
            Function::typed("u32", move |_, (v,): (u32,)| {
                b(v.into());
                Ok(v)
            }),
            Function::typed("i64", move |_, (v,): (i64,)| {
                c(v as u64);
                Ok(v)
            }),
            Function::typed("u64", move |_, (v,): (u64,)| {
                d(v);
                Ok(v)
            }),
            Function::typed("f32", move |_, (v,): (f32,)| {
                e(v.to_bits().into());
                Ok(v)
            }),
            Function::typed("f64", move |_, (v,): (f64,)| {
                f(v.to_bits());
                Ok(v)
            }),
        ];
        let mut plugin = plugin(&choice, guest, &functions).expect("the guest is valid");
        plugin.call("run", b"").expect("every value comes back");
        let mut expected = Vec::new();
        for v in [
            0,
            u32::MAX,
            0x7fff_ffff,
            1 << 31,
            0x7fc0_0001,
            0xffc1_2345,
            0x3f80_0000,
        ] {
            expected.extend([i64::from(v as i32) as u64, v.into(), v.into()]);
        }
        for v in [
            0,
            u64::MAX,
            u64::MAX >> 1,
            1 << 63,
            0x0020_0000_0000_0001,
            0x7ff8_0000_0000_0001,
            0xfff8_1234_5678_9abc,
        ] {
            expected.extend([v, v, v]);
        }
        assert_eq!(*seen.lock().expect("no panic"), expected, "{choice:?}");
    }
}

#[test]
fn many_parameters() {
    let guest = r#"
    (module
      (import "extism:host/user" "six" (func $six
        (param i32 i64 f32 f64 i32 i64) (result i64)))
      (import "extism:host/user" "nine" (func $nine
        (param i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)))
      (func (export "run") (result i32)
        (if (i64.ne (i64.const 21)
            (call $six (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) (i32.const 5)
              (i64.const 6)))
          (then unreachable))
        (i32.wrap_i64 (call $nine (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
          (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9)))))
    "#;
    type Six = (i32, i64, f32, f64, i32, i64);
    let functions = [
        Function::typed("six", |_, (a, b, c, d, e, f): Six| {
            assert_eq!((a, b, c, d, e, f), (1, 2, 3.0, 4.0, 5, 6));
            Ok(21i64)
        }),
        Function::new("nine", Signature::new(&[I64; 9], &[I64]), |_, slots| {
            assert_eq!(slots, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
            slots[0] = slots.iter().sum();
            Ok(())
        }),
    ];
    for choice in engines() {
        let mut plugin = plugin(&choice, guest, &functions).expect("the guest is valid");
        let error = plugin.call("run", b"").expect_err("it returns the sum");
        assert_eq!(error.kind(), ErrorKind::ReturnCode(45), "{choice:?}");
    }
}

#[test]
fn several_results() {
    let guest = r#"
    (module
      (import "extism:host/user" "three" (func $three (param i32) (result i32 f64 i64)))
      (import "extism:host/user" "pair" (func $pair (result f32 f32)))
      (func (export "run")
        (call $three (i32.const -1))
        (if (i64.ne (i64.const -3)) (then unreachable))
        (if (f64.ne (f64.const 2.5)) (then unreachable))
        (if (i32.ne (i32.const -1)) (then unreachable))
        (call $pair)
        (if (f32.ne (f32.const 2)) (then unreachable))
        (if (f32.ne (f32.const 1)) (then unreachable))))
    "#;
    let functions = [
        Function::typed("three", |_, (a,): (i32,)| Ok((a, 2.5f64, -3i64))),
        Function::typed("pair", |_, ()| Ok((1f32, 2f32))),
    ];
    for choice in engines() {
        match plugin(&choice, guest, &functions) {
            Ok(_) if lacks(&choice, SEVERAL_RESULTS) => panic!("{choice:?}: the gap is closed"),
            Ok(mut plugin) => _ = plugin.call("run", b"").expect("every value arrives"),
            Err(error) => {
                assert!(lacks(&choice, SEVERAL_RESULTS), "{choice:?}: {error:?}");
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{choice:?}");
            }
        }
    }
}

#[test]
fn the_signature_is_what_the_closure_says() {
    let of = |function: Function| function.signature().to_string();
    let none = Function::typed("f", |_, ()| Ok(()));
    assert_eq!(of(none), "(func)");
    let bytes = Function::bytes("f", |_, _| Ok(Vec::new()));
    assert_eq!(of(bytes), "(func (param i64) (result i64))");
    let mixed = Function::typed("f", |_, (a, _, _, _): (i32, u64, f32, f64)| Ok((a, 1.0f32)));
    let expected = Signature::new(&[I32, I64, F32, F64], &[I32, F32]);
    assert_eq!(*mixed.signature(), expected);
}

const FAILING: &str = r#"
(module
  (import "extism:host/user" "fail" (func $fail (param i64)))
  (import "extism:host/user" "calls" (func $calls (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (func (export "fail") (result i32)
    (call $error_set (call $alloc (i64.const 3)))
    (call $fail (call $input_length))
    (i32.const 5))
  (func (export "trap") (drop (call $calls)) unreachable)
  (func (export "fine") (drop (call $calls))))
"#;

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("cause number {0}")]
struct Cause(u64);

#[test]
fn a_failure_comes_out_as_itself() {
    for choice in engines() {
        let calls = Arc::new(AtomicU64::new(0));
        let counted = calls.clone();
        let functions = [
            Function::typed("fail", |_, (n,): (u64,)| match n {
                0 => panic!("text in a literal"),
                1 => panic!("text with the number {n}"),
                2 => std::panic::panic_any(7),
                3 => Err(Error::new(ErrorKind::Timeout, "of another kind")),
                n => Err::<(), _>(
                    Error::new(ErrorKind::HostFunction, "with a cause").with_source(Cause(n)),
                ),
            }),
            Function::typed("calls", move |_, ()| {
                Ok(counted.fetch_add(1, Ordering::Relaxed))
            }),
        ];
        let mut plugin = plugin(&choice, FAILING, &functions).expect("the guest is valid");
        for (n, kind, message) in [
            (
                0,
                ErrorKind::HostFunction,
                "host function `fail` panicked: text in a literal",
            ),
            (
                1,
                ErrorKind::HostFunction,
                "host function `fail` panicked: text with the number 1",
            ),
            (
                2,
                ErrorKind::HostFunction,
                "host function `fail` panicked: no message",
            ),
            (3, ErrorKind::Timeout, "of another kind"),
            (4, ErrorKind::HostFunction, "with a cause"),
        ] {
            let error = plugin.call("fail", &vec![0; n]).expect_err("it fails");
            assert_eq!(error.kind(), kind, "{choice:?} {n}");
            assert_eq!(error.to_string(), message, "{choice:?} {n}");
            let cause = error
                .source()
                .and_then(|source| source.downcast_ref::<Cause>());
            assert_eq!(cause, (n == 4).then_some(&Cause(4)), "{choice:?} {n}");
            plugin
                .call("fine", b"")
                .expect("the plug-in can be used on");
            let error = plugin.call("trap", b"").expect_err("it traps");
            assert_eq!(
                error.kind(),
                ErrorKind::Trap(Trap::Unreachable),
                "{choice:?}"
            );
        }
        assert_eq!(calls.load(Ordering::Relaxed), 10, "{choice:?}");
    }
}

#[test]
fn the_host_state_is_there() {
    let guest = r#"
    (module
      (import "extism:host/user" "look" (func $look (param i32) (result i64)))
      (memory (export "memory") 1)
      (data (i32.const 8) "abc")
      (func (export "run") (result i32) (i32.wrap_i64 (call $look (i32.const 8)))))
    "#;
    for choice in engines() {
        let look = Function::typed("look", |caller, (at,): (u32,)| {
            let (memory, host) = caller.memory();
            let bytes = memory[at as usize..][..3].to_vec();
            memory[at as usize] = b'x';
            let id = host.id().to_string();
            host.vars_mut().set("seen", bytes).expect("there is room");
            host.vars_mut().set("id", id).expect("there is room");
            let context = host.context::<i64>().copied();
            Ok(context.unwrap_or(-1))
        });
        let mut plugin = plugin(&choice, guest, &[look]).expect("the guest is valid");
        let error = plugin.call("run", b"").expect_err("there is no context");
        assert_eq!(error.code(), Some(-1), "{choice:?}");
        assert_eq!(plugin.host().vars().get("seen"), Some(&b"abc"[..]));
        plugin.host().set_context(Some(Box::new(0i64)));
        plugin.call("run", b"").expect("the context is 0");
        let id = plugin.id().to_string();
        let vars = plugin.host().vars();
        assert_eq!(vars.get("seen"), Some(&b"xbc"[..]), "{choice:?}");
        assert_eq!(vars.get("id"), Some(id.as_bytes()), "{choice:?}");
        plugin.host().set_context(Some(Box::new("of another type")));
        assert_eq!(plugin.call("run", b"").expect_err("-1").code(), Some(-1));
    }
}

#[test]
fn one_function_serves_many_plugins() {
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    let count = Function::typed("calls", move |_, ()| {
        Ok(counted.fetch_add(1, Ordering::Relaxed))
    });
    let fail = Function::typed("fail", |_, (_,): (u64,)| Ok(()));
    let functions = [count, fail];
    let mut plugins: Vec<_> = engines()
        .iter()
        .flat_map(|choice| [choice; 3])
        .map(|choice| plugin(choice, FAILING, &functions).expect("the guest is valid"))
        .collect();
    for plugin in &mut plugins {
        plugin.call("fine", b"").expect("it is fine");
    }
    assert_eq!(calls.load(Ordering::Relaxed), plugins.len() as u64);
}
