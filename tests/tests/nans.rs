//! NaNs are the same bits on every engine that is deterministic: what arithmetic makes is canonical, and `neg` and
//! `abs` touch nothing but the sign. The operands come from memory, so that no compiler folds them.

use polyextism::{Choice, Proposal};
use polyextism_tests::{
    engines,
    gaps::{NAN_CONVERSION, NAN_OF_PROCESSOR, NAN_SIGN, lacks},
    plugin,
};

const GUEST: &str = r#"
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory 1)
  (data (i32.const 8) "\00\00\e0\7f")
  (data (i32.const 16) "\00\00\00\00\00\00\fc\7f")
  (func $out (param $bits i64) (local $block i64)
    (local.set $block (call $alloc (i64.const 8)))
    (call $store (local.get $block) (local.get $bits))
    (call $output (local.get $block) (i64.const 8)))
  (func $div32 (result f32) (f32.div (f32.load (i32.const 0)) (f32.load (i32.const 0))))
  (func $div64 (result f64) (f64.div (f64.load (i32.const 0)) (f64.load (i32.const 0))))
  (func (export "div32") (call $out (i64.extend_i32_u (i32.reinterpret_f32 (call $div32)))))
  (func (export "div64") (call $out (i64.reinterpret_f64 (call $div64))))
  (func (export "promote")
    (call $out (i64.reinterpret_f64 (f64.promote_f32 (f32.load (i32.const 8))))))
  (func (export "demote")
    (call $out (i64.extend_i32_u (i32.reinterpret_f32 (f32.demote_f64 (f64.load (i32.const 16)))))))
  (func (export "neg32")
    (call $out (i64.extend_i32_u (i32.reinterpret_f32
      (f32.neg (f32.div (f32.load (i32.const 0)) (f32.load (i32.const 0))))))))
  (func (export "abs32")
    (call $out (i64.extend_i32_u (i32.reinterpret_f32
      (f32.abs (f32.div (f32.load (i32.const 0)) (f32.load (i32.const 0)))))))))
"#;

/// What a function of the guest gives on a deterministic engine.
fn bits(choice: &Choice, function: &str) -> u64 {
    given(&choice.deterministic(), function)
}

fn given(choice: &Choice, function: &str) -> u64 {
    let mut plugin = plugin(choice, GUEST, &[]).expect("the guest is valid");
    let output = plugin.call(function, b"").expect("the call succeeds");
    u64::from_le_bytes(output.try_into().expect("8 bytes"))
}

#[test]
fn arithmetic_makes_canonical_nans() {
    for choice in engines() {
        assert_eq!(bits(&choice, "div32"), 0x7fc0_0000, "{choice:?}");
        assert_eq!(bits(&choice, "div64"), 0x7ff8_0000_0000_0000, "{choice:?}");
    }
}

/// What nobody asked to be deterministic is left as the processor makes it: on x86-64 its own NaN is negative.
#[test]
fn by_default_nans_are_what_the_engine_gives() {
    for choice in engines() {
        let found = given(&choice, "div64");
        let always = lacks(&choice, NAN_OF_PROCESSOR);
        let own = match cfg!(target_arch = "x86_64") && !always {
            true => 0xfff8_0000_0000_0000,
            false => 0x7ff8_0000_0000_0000,
        };
        assert_eq!(found, own, "{choice:?}: {found:x}");
    }
}

#[test]
fn lanes_are_canonical_as_well() {
    const GUEST: &str = r#"
      (module
        (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
        (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
        (import "extism:host/env" "output_set" (func $output (param i64 i64)))
        (memory 1)
        (func (export "add") (local $block i64)
          (local.set $block (call $alloc (i64.const 8)))
          (call $store (local.get $block) (i64x2.extract_lane 1
            (f32x4.div (v128.load (i32.const 0)) (v128.load (i32.const 16)))))
          (call $output (local.get $block) (i64.const 8))))"#;
    for choice in engines() {
        let proposals = choice.compiler().capabilities.proposals;
        if !proposals.contains(&Proposal::Simd) {
            continue;
        }
        let plugin = plugin(&choice.deterministic(), GUEST, &[]);
        let mut plugin = plugin.expect("the guest is valid");
        let output = plugin.call("add", b"").expect("the call succeeds");
        let canonical = 0x7fc0_0000_u32.to_le_bytes().repeat(2);
        assert_eq!(output, canonical, "{choice:?}");
    }
}

#[test]
fn signs_of_nans_are_as_specified() {
    for choice in engines() {
        let found = (bits(&choice, "neg32"), bits(&choice, "abs32"));
        let specified = found == (0xffc0_0000, 0x7fc0_0000);
        assert_ne!(
            specified,
            lacks(&choice, NAN_SIGN),
            "{choice:?}: {found:x?}"
        );
    }
}

#[test]
fn converted_nans_are_canonical() {
    for choice in engines() {
        let found = (bits(&choice, "promote"), bits(&choice, "demote"));
        let canonical = found == (0x7ff8_0000_0000_0000, 0x7fc0_0000);
        let kept = found == (0x7ffc_0000_0000_0000, 0x7fe0_0000);
        let lacks = lacks(&choice, NAN_CONVERSION);
        assert_eq!((canonical, kept), (!lacks, lacks), "{choice:?}: {found:x?}");
    }
}
