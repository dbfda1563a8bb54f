//! Bulk instructions on memories, which guests do in pieces: they move what they should, trap before they move anything,
//! and end at the deadline, on every engine.

use std::time::Duration;

use polyextism::{Choice, ErrorKind, Plugin, Trap};
use polyextism_tests::{
    engines,
    ranges::{self, call},
};

const MIB: u32 = 1 << 20;

/// A guest with 4 MiB, in which a byte is made of its address.
const GUEST: &str = r#"(module
  (import "extism:host/env" "input_load_u64" (func $input (param i64) (result i64)))
  (memory (export "memory") 64 65000)
  (func $arg (param $n i64) (result i32)
    (i32.wrap_i64 (call $input (i64.shl (local.get $n) (i64.const 3)))))
  (func $byte (param i32) (result i32)
    (i32.and (i32.const 255) (i32.xor (local.get 0) (i32.shr_u (local.get 0) (i32.const 9)))))
  (func (export "begin") (local $at i32)
    (loop $l
      (i32.store8 (local.get $at) (call $byte (local.get $at)))
      (br_if $l (i32.lt_u
        (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 0x400000)))))
  (func (export "copy")
    (memory.copy (call $arg (i64.const 0)) (call $arg (i64.const 1)) (call $arg (i64.const 2))))
  (func (export "fill")
    (memory.fill (call $arg (i64.const 0)) (call $arg (i64.const 1)) (call $arg (i64.const 2))))
  ;; How many bytes from the first address on were at the second one at the beginning.
  (func (export "copied") (result i32) (local $n i32)
    (block $out (loop $l
      (br_if $out (i32.ne
        (i32.load8_u (i32.add (call $arg (i64.const 0)) (local.get $n)))
        (call $byte (i32.add (call $arg (i64.const 1)) (local.get $n)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $n) (call $arg (i64.const 2))))))
    (local.get $n))
  ;; How many bytes from the first address on have the second value.
  (func (export "filled") (result i32) (local $n i32)
    (block $out (loop $l
      (br_if $out (i32.ne
        (i32.load8_u (i32.add (call $arg (i64.const 0)) (local.get $n)))
        (i32.and (call $arg (i64.const 1)) (i32.const 255))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $n) (call $arg (i64.const 2))))))
    (local.get $n))
  (func (export "grow") (result i32)
    (i32.eq (memory.grow (i32.const 16000)) (i32.const -1)))
  (func (export "set") (i32.store8 (call $arg (i64.const 0)) (call $arg (i64.const 1))))
  (func (export "get") (result i32) (i32.load8_u (call $arg (i64.const 0)))))"#;

/// How many bytes the data segment of [`segment`] has.
const SEGMENT: u32 = 3 * MIB + 7;

/// A guest like that with a passive data segment, in which a byte is made of its position.
fn segment() -> String {
    let bytes = (0..SEGMENT).map(|at| format!("\\{:02x}", (at ^ at >> 9) & 255));
    let more = format!(
        r#"(data $d "{}")
  (func (export "init")
    (memory.init $d (call $arg (i64.const 0)) (call $arg (i64.const 1)) (call $arg (i64.const 2))))
  (func (export "drop") (data.drop $d)))"#,
        bytes.collect::<String>()
    );
    let start = GUEST.strip_suffix(')').expect("it ends with its module");
    start.to_owned() + &more
}

fn plugin(choice: &Choice) -> Plugin {
    ranges::plugin(choice, GUEST)
}

#[test]
fn everything_is_moved() {
    let copies = [
        (100, 0, 2 * MIB + 5),
        (0, 100, 2 * MIB + 5),
        (1, 0, MIB + 1),
        (MIB, 0, 2 * MIB),
        (3, 2 * MIB, 2 * MIB),
    ];
    for choice in engines() {
        let mut plugin = plugin(&choice);
        for (to, from, length) in copies {
            let args = [to, from, length];
            call(&mut plugin, "begin", args).expect("it does not fail");
            assert_eq!(
                call(&mut plugin, "copy", args),
                Ok(0),
                "{choice:?} {args:?}"
            );
            assert_eq!(
                call(&mut plugin, "copied", args),
                Ok(length),
                "{choice:?} {args:?}"
            );
            // What lies behind is as it was.
            let behind = to + length;
            let args = [behind, behind, 64.min(4 * MIB - behind)];
            if args[2] > 0 {
                assert_eq!(call(&mut plugin, "copied", args), Ok(args[2]), "{choice:?}");
            }
        }
        for (to, length) in [(0, 4 * MIB), (3, MIB + 1), (4 * MIB - 1, 1)] {
            let args = [to, 0x1ab, length];
            call(&mut plugin, "begin", args).expect("it does not fail");
            assert_eq!(
                call(&mut plugin, "fill", args),
                Ok(0),
                "{choice:?} {args:?}"
            );
            assert_eq!(
                call(&mut plugin, "filled", args),
                Ok(length),
                "{choice:?} {args:?}"
            );
            if to > 0 {
                let args = [to - 1, to - 1, 1];
                assert_eq!(call(&mut plugin, "copied", args), Ok(1), "{choice:?}");
            }
        }
    }
}

#[test]
fn what_lies_outside_traps_before_anything_is_moved() {
    let wrong = [
        ("fill", [2 * MIB, 1, 2 * MIB + 1]),
        ("fill", [0, 1, 4 * MIB + 1]),
        ("fill", [u32::MAX, 1, u32::MAX]),
        ("fill", [4 * MIB + 1, 1, 0]),
        ("copy", [MIB, 0, 3 * MIB + 1]),
        ("copy", [0, MIB, 3 * MIB + 1]),
        ("copy", [u32::MAX, 0, 2 * MIB]),
        ("copy", [0, u32::MAX - MIB, 2 * MIB]),
    ];
    for choice in engines() {
        let mut plugin = plugin(&choice);
        call(&mut plugin, "begin", [0; 3]).expect("it does not fail");
        for (function, args) in wrong {
            let trap = Err(ErrorKind::Trap(Trap::MemoryOutOfBounds));
            assert_eq!(
                call(&mut plugin, function, args),
                trap,
                "{choice:?} {function} {args:?}"
            );
        }
        let all = [0, 0, 4 * MIB];
        assert_eq!(call(&mut plugin, "copied", all), Ok(4 * MIB), "{choice:?}");
    }
}

#[test]
fn segments_are_moved_or_trap_before_anything_is() {
    let guest = segment();
    let trap = Err(ErrorKind::Trap(Trap::MemoryOutOfBounds));
    for choice in engines() {
        let mut plugin = ranges::plugin(&choice, &guest);
        for args in [
            [0, 0, SEGMENT],
            [100, 5, SEGMENT - 5],
            [4 * MIB - MIB - 1, SEGMENT - MIB - 1, MIB + 1],
        ] {
            call(&mut plugin, "fill", [0, 0, 4 * MIB]).expect("it does not fail");
            assert_eq!(
                call(&mut plugin, "init", args),
                Ok(0),
                "{choice:?} {args:?}"
            );
            assert_eq!(
                call(&mut plugin, "copied", args),
                Ok(args[2]),
                "{choice:?} {args:?}"
            );
            // What lies around it is as it was.
            let end = args[0] + args[2];
            let before = args[0].min(1000);
            let around = [(args[0] - before, before), (end, (4 * MIB - end).min(1000))];
            for (from, length) in around.into_iter().filter(|(_, length)| *length > 0) {
                let zeros = call(&mut plugin, "filled", [from, 0, length]);
                assert_eq!(zeros, Ok(length), "{choice:?} {args:?}");
            }
        }
        call(&mut plugin, "fill", [0, 0, 4 * MIB]).expect("it does not fail");
        for args in [
            [0, 0, SEGMENT + 1],
            [0, 6, SEGMENT - 5],
            [4 * MIB - MIB, 0, MIB + 1],
            [0, u32::MAX, 2 * MIB],
            [u32::MAX, 0, 2 * MIB],
            [0, 0, u32::MAX],
        ] {
            assert_eq!(call(&mut plugin, "init", args), trap, "{choice:?} {args:?}");
        }
        assert_eq!(call(&mut plugin, "drop", [0; 3]), Ok(0), "{choice:?}");
        assert_eq!(
            call(&mut plugin, "init", [0, 0, SEGMENT]),
            trap,
            "{choice:?}"
        );
        assert_eq!(call(&mut plugin, "init", [0; 3]), Ok(0), "{choice:?}");
        let all = [0, 0, 4 * MIB];
        assert_eq!(call(&mut plugin, "filled", all), Ok(4 * MIB), "{choice:?}");
    }
}

/// A gigabyte ends at the deadline, and not when it is all moved.
#[test]
fn a_gigabyte_ends_at_the_deadline() {
    let last = 1_000_000_000;
    for choice in engines() {
        // With a byte that comes last, and where it goes.
        for (function, args, from, to) in [
            ("fill", [0, 1, last + 1], 0, last),
            ("copy", [0, 9 * MIB, last], last + 9 * MIB - 1, last - 1),
            ("copy", [9 * MIB, 8 * MIB, last], 8 * MIB, 9 * MIB),
        ] {
            let mut plugin = plugin(&choice);
            assert_eq!(call(&mut plugin, "grow", [0; 3]), Ok(0), "{choice:?}");
            if from > 0 {
                assert_eq!(call(&mut plugin, "set", [from, 7, 0]), Ok(0), "{choice:?}");
            }
            let input = args.map(|arg| u64::from(arg).to_le_bytes()).concat();
            let handle = plugin.function(function).expect("it is exported");
            let ended = plugin.call_within(handle, &input, Some(Duration::from_millis(5)));
            let kind = ended.map(drop).expect_err("it takes longer").kind();
            assert_eq!(kind, ErrorKind::Timeout, "{choice:?} {function}");
            assert_eq!(
                call(&mut plugin, "get", [to, 0, 0]),
                Ok(0),
                "{choice:?} {args:?}"
            );
        }
    }
}
