//! What `Choice::deterministic` decides beside NaNs (`nans.rs`): the results of relaxed SIMD, which code is taken from
//! caches, and that nobody pays for it who has not asked for it.

use std::fmt::Write as _;

use polyextism::{Choice, Manifest, Options, Proposal, backend::Interruption};
use polyextism_tests::{
    cached::{Cached, alone, engines as cached_engines},
    engines,
    gaps::{EXACT_DOT, FUSED_MADD, lacks},
    plugin,
};

/// What `choice` compiles `wasm` to.
fn artifact(choice: &Choice, wasm: &[u8]) -> Vec<u8> {
    let engine = choice.open(&choice.settings(Interruption::Off));
    let engine = engine.expect("it opens");
    let module = engine.compile(wasm).expect("the module is valid");
    engine.save(&module).expect("it is declared")
}

/// One function with so many operations, each on the result of the one before.
fn chain(ty: &str, operations: usize) -> Vec<u8> {
    let mut text =
        format!("(module (func (export \"f\") (param $a {ty}) (param $b {ty}) (result {ty})");
    for _ in 0..operations {
        let _ = write!(
            text,
            "(local.set $a ({ty}.mul (local.get $a) (local.get $b)))"
        );
    }
    text.push_str("(local.get $a)))");
    wat::parse_str(&text).expect("the text is valid")
}

/// Each check is several instructions, which a default build has not.
#[test]
fn by_default_no_code_makes_nans_canonical() {
    const OPERATIONS: usize = 4000;
    let (floats, integers) = (chain("f64", OPERATIONS), chain("i64", OPERATIONS));
    for choice in cached_engines() {
        let fast = artifact(&choice, &floats).len();
        let same = artifact(&choice.deterministic(), &floats).len();
        assert!(same > fast + 2 * OPERATIONS, "{choice:?}: {fast} {same}");
        let fast = artifact(&choice, &integers).len();
        let same = artifact(&choice.deterministic(), &integers).len();
        assert_eq!(fast, same, "{choice:?}: integers have nothing to check");
    }
}

/// Neither what is in use nor what lies in the folder is taken for the other.
#[test]
fn code_of_one_is_not_taken_for_the_other() {
    let _alone = alone();
    let guest = "(module (func (export \"f\") (result i32) (i32.const 0)))";
    let (manifest, options) = (Manifest::of(guest.as_bytes()), Options::default());
    for choice in cached_engines() {
        let cached = Cached::default();
        let compile = |choice: &Choice| {
            let made = cached.compile(choice, &manifest, &options);
            made.expect("the guest is valid")
        };
        let both = [choice, choice.deterministic()];
        let live = both.map(|choice| compile(&choice));
        let again = both.map(|choice| compile(&choice));
        for (live, again) in live.iter().zip(&again) {
            assert_eq!(live.newly_compiled(), 1, "{choice:?}");
            assert_eq!(again.newly_compiled(), 0, "{choice:?}");
        }
        drop((live, again));
        assert_eq!(cached.files().len(), 2, "{choice:?}");
        for choice in both {
            assert_eq!(compile(&choice).newly_compiled(), 0, "{choice:?}");
        }
    }
}

/// Instructions of relaxed SIMD with operands for which processors differ, and the result, a lane each. The operands
/// come from globals, so that no compiler folds them.
const RELAXED: &[(&str, &[&str], [u32; 4])] = &[
    // An index beyond the lanes.
    (
        "i8x16.relaxed_swizzle",
        &[
            "i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
            "i8x16 0 15 16 17 31 64 127 128 255 1 2 3 4 5 6 7",
        ],
        [0x0000_1001, 0, 0x0403_0200, 0x0807_0605],
    ),
    // Masks that are not the same in all bits of a lane.
    (
        "i32x4.relaxed_laneselect",
        &[
            "i32x4 -1 -1 -1 -1",
            "i32x4 0 0 0 0",
            "i32x4 0x80000000 1 0x7fffffff -1",
        ],
        [0x8000_0000, 1, 0x7fff_ffff, 0xffff_ffff],
    ),
    (
        "i8x16.relaxed_laneselect",
        &[
            "i32x4 -1 -1 -1 -1",
            "i32x4 0 0 0 0",
            "i32x4 0x80000000 1 0x7fffffff -1",
        ],
        [0x8000_0000, 1, 0x7fff_ffff, 0xffff_ffff],
    ),
    // Zeros of both signs, and NaNs on both sides.
    (
        "f32x4.relaxed_min",
        &["f32x4 0 -0 nan:0x400001 1", "f32x4 -0 0 1 nan:0x400001"],
        [0x8000_0000, 0x8000_0000, 0x7fc0_0000, 0x7fc0_0000],
    ),
    (
        "f32x4.relaxed_max",
        &["f32x4 0 -0 nan:0x400001 1", "f32x4 -0 0 1 nan:0x400001"],
        [0, 0, 0x7fc0_0000, 0x7fc0_0000],
    ),
    // What does not fit.
    (
        "i32x4.relaxed_trunc_f32x4_s",
        &["f32x4 nan 3e9 -3e9 -1.5"],
        [0, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff],
    ),
    (
        "i32x4.relaxed_trunc_f32x4_u",
        &["f32x4 nan 5e9 -3e9 1.5"],
        [0, 0xffff_ffff, 0, 1],
    ),
    (
        "i32x4.relaxed_trunc_f64x2_s_zero",
        &["f64x2 nan 3e9"],
        [0, 0x7fff_ffff, 0, 0],
    ),
    (
        "i32x4.relaxed_trunc_f64x2_u_zero",
        &["f64x2 -1 5e9"],
        [0, 0xffff_ffff, 0, 0],
    ),
    // A product that does not fit.
    (
        "i16x8.relaxed_q15mulr_s",
        &[
            "i16x8 -32768 -32768 1 0 0 0 0 0",
            "i16x8 -32768 32767 1 0 0 0 0 0",
        ],
        [0x8001_7fff, 0, 0, 0],
    ),
    // The product alone would be rounded, and the sum be 0: it is not, before the sum is.
    (
        "f32x4.relaxed_madd",
        &[
            "f32x4 0x1.000002p0 0 0 0",
            "f32x4 0x1.000002p0 0 0 0",
            "f32x4 -0x1.000004p0 0 0 0",
        ],
        [0x2880_0000, 0, 0, 0],
    ),
    (
        "f32x4.relaxed_nmadd",
        &[
            "f32x4 0x1.000002p0 0 0 0",
            "f32x4 0x1.000002p0 0 0 0",
            "f32x4 0x1.000004p0 0 0 0",
        ],
        [0xa880_0000, 0, 0, 0],
    ),
    // A second operand that has more than 7 bits.
    (
        "i16x8.relaxed_dot_i8x16_i7x16_s",
        &[
            "i8x16 1 1 -1 -1 0 0 0 0 0 0 0 0 0 0 0 0",
            "i8x16 -1 -2 -1 -2 0 0 0 0 0 0 0 0 0 0 0 0",
        ],
        [0x0003_fffd, 0, 0, 0],
    ),
    (
        "i32x4.relaxed_dot_i8x16_i7x16_add_s",
        &[
            "i8x16 1 1 -1 -1 0 0 0 0 0 0 0 0 0 0 0 0",
            "i8x16 -1 -2 -1 -3 0 0 0 0 0 0 0 0 0 0 0 0",
            "i32x4 10 0 0 0",
        ],
        [11, 0, 0, 0],
    ),
];

/// What an instruction makes of its operands on a deterministic engine.
fn relaxed(choice: &Choice, instruction: &str, operands: &[&str]) -> Vec<u32> {
    let mut guest = r#"(module
        (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
        (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
        (import "extism:host/env" "output_set" (func $output (param i64 i64)))
        (memory 1)"#
        .to_owned();
    for (position, operand) in operands.iter().enumerate() {
        let _ = write!(
            guest,
            "(global $g{position} (mut v128) (v128.const {operand}))"
        );
    }
    let _ = write!(
        guest,
        "(func (export \"f\") (local $block i64) (local $found v128)
           (local.set $block (call $alloc (i64.const 16)))
           (local.set $found ({instruction} "
    );
    for position in 0..operands.len() {
        let _ = write!(guest, "(global.get $g{position})");
    }
    guest.push_str(
        "))
           (call $store (local.get $block) (i64x2.extract_lane 0 (local.get $found)))
           (call $store (i64.add (local.get $block) (i64.const 8))
             (i64x2.extract_lane 1 (local.get $found)))
           (call $output (local.get $block) (i64.const 16))))",
    );
    let plugin = plugin(&choice.deterministic(), &guest, &[]);
    let mut plugin = plugin.unwrap_or_else(|error| panic!("{choice:?} {instruction}: {error}"));
    let output = plugin.call("f", b"").expect("the call succeeds");
    let lane = |lane: &[u8]| u32::from_le_bytes(lane.try_into().expect("it has 4 bytes"));
    output.chunks(4).map(lane).collect()
}

/// The engines that have relaxed SIMD.
fn with_relaxed_simd() -> Vec<Choice> {
    let mut choices = engines();
    choices.retain(|choice| {
        let proposals = choice.compiler().capabilities.proposals;
        proposals.contains(&Proposal::RelaxedSimd)
    });
    choices
}

#[test]
fn relaxed_simd_has_one_result() {
    for choice in with_relaxed_simd() {
        for &(instruction, operands, fused) in RELAXED {
            let expected = match instruction.ends_with("madd") && lacks(&choice, FUSED_MADD) {
                true => [0; 4],
                false => fused,
            };
            let found = relaxed(&choice, instruction, operands);
            assert_eq!(found, expected, "{choice:?} {instruction}: {found:x?}");
        }
    }
}

/// The one difference that is left: whether sums of two products wrap on the way.
#[test]
fn sums_of_relaxed_products_may_wrap() {
    let least = "i8x16 -128 -128 -128 -128 0 0 0 0 0 0 0 0 0 0 0 0";
    let instruction = "i32x4.relaxed_dot_i8x16_i7x16_add_s";
    for choice in with_relaxed_simd() {
        let found = relaxed(&choice, instruction, &[least, least, "i32x4 0 0 0 0"]);
        let sum = match lacks(&choice, EXACT_DOT) {
            true => -65536_i32 as u32,
            false => 65536,
        };
        assert_eq!(found[0], sum, "{choice:?}");
    }
}
