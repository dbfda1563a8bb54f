//! Bulk instructions on arrays, which guests do in pieces: they move what they should, trap before they move anything,
//! and end at the deadline, on every engine that has garbage collection. That is wasmtime with Cranelift.

use std::time::Duration;

use polyextism::{Choice, ErrorKind, Manifest, Options, Plugin, Proposal, Trap};
use polyextism_tests::{
    engines,
    ranges::{call, plugin},
};

/// One kind of element.
struct Element {
    storage: &'static str,
    /// The type on the stack.
    value: &'static str,
    /// How many elements are in one piece.
    piece: u32,
    /// Makes one of `$n`.
    make: &'static str,
    get: &'static str,
    /// Turns one on the stack into a number.
    read: &'static str,
}

const ELEMENTS: &[Element] = &[
    Element {
        storage: "i8",
        value: "i32",
        piece: 1 << 20,
        make: "(local.get $n)",
        get: "array.get_u",
        read: "",
    },
    Element {
        storage: "i16",
        value: "i32",
        piece: 1 << 19,
        make: "(local.get $n)",
        get: "array.get_u",
        read: "",
    },
    Element {
        storage: "i64",
        value: "i64",
        piece: 1 << 17,
        make: "(i64.extend_i32_u (local.get $n))",
        get: "array.get",
        read: "i32.wrap_i64",
    },
    Element {
        storage: "v128",
        value: "v128",
        piece: 1 << 16,
        make: "(i32x4.splat (local.get $n))",
        get: "array.get",
        read: "i32x4.extract_lane 3",
    },
    Element {
        storage: "(ref null i31)",
        value: "(ref null i31)",
        piece: 1 << 14,
        make: "(ref.i31 (local.get $n))",
        get: "array.get",
        read: "i31.get_u",
    },
];

/// A guest with an array of so many elements, made of their positions, and further functions.
fn guest(element: &Element, length: u32, more: &str) -> String {
    let Element {
        storage,
        value,
        make,
        get,
        read,
        ..
    } = element;
    format!(
        r#"(module
  (import "extism:host/env" "input_load_u64" (func $input (param i64) (result i64)))
  (type $a (array (mut {storage})))
  (global $array (mut (ref null $a)) (ref.null $a))
  (func $arg (param $n i64) (result i32)
    (i32.wrap_i64 (call $input (i64.shl (local.get $n) (i64.const 3)))))
  (func $make (param $n i32) (result {value}) {make})
  (func $get (param $n i32) (result i32) ({get} $a (global.get $array) (local.get $n)) {read})
  (func $byte (param i32) (result i32)
    (i32.and (i32.const 255) (i32.xor (local.get 0) (i32.shr_u (local.get 0) (i32.const 9)))))
  (func (export "begin") (local $at i32)
    (if (ref.is_null (global.get $array)) (then (call $new)))
    (loop $l
      (array.set $a (global.get $array) (local.get $at) (call $make (call $byte (local.get $at))))
      (br_if $l (i32.lt_u
        (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const {length})))))
  (func $new (export "new")
    (global.set $array (array.new $a (call $make (i32.const 0)) (i32.const {length}))))
  (func (export "none") (global.set $array (ref.null $a)))
  (func (export "copy")
    (array.copy $a $a (global.get $array) (call $arg (i64.const 0))
      (global.get $array) (call $arg (i64.const 1)) (call $arg (i64.const 2))))
  (func (export "copy to null")
    (array.copy $a $a (ref.null $a) (call $arg (i64.const 0))
      (global.get $array) (call $arg (i64.const 1)) (call $arg (i64.const 2))))
  (func (export "copy from null")
    (array.copy $a $a (global.get $array) (call $arg (i64.const 0))
      (ref.null $a) (call $arg (i64.const 1)) (call $arg (i64.const 2))))
  (func (export "fill")
    (array.fill $a (global.get $array) (call $arg (i64.const 0))
      (call $make (call $arg (i64.const 1))) (call $arg (i64.const 2))))
  ;; How many elements from the first position on were at the second one at the beginning.
  (func (export "copied") (result i32) (local $n i32)
    (block $out (loop $l
      (br_if $out (i32.ne
        (call $get (i32.add (call $arg (i64.const 0)) (local.get $n)))
        (call $byte (i32.add (call $arg (i64.const 1)) (local.get $n)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $n) (call $arg (i64.const 2))))))
    (local.get $n))
  ;; How many elements from the first position on have the second value.
  (func (export "filled") (result i32) (local $n i32)
    (block $out (loop $l
      (br_if $out (i32.ne
        (call $get (i32.add (call $arg (i64.const 0)) (local.get $n))) (call $arg (i64.const 1))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $n) (call $arg (i64.const 2))))))
    (local.get $n))
  (func (export "set")
    (array.set $a (global.get $array) (call $arg (i64.const 0)) (call $make (call $arg (i64.const 1)))))
  (func (export "get") (result i32) (call $get (call $arg (i64.const 0))))
  {more})"#
    )
}

/// The engines that have arrays.
fn collecting() -> impl Iterator<Item = Choice> {
    let has = |choice: &Choice| {
        choice
            .compiler()
            .capabilities
            .proposals
            .contains(&Proposal::Gc)
    };
    engines().into_iter().filter(has)
}

#[test]
fn everything_is_moved() {
    for choice in collecting() {
        for element in ELEMENTS {
            let (what, piece) = (element.storage, element.piece);
            let length = 3 * piece + 9;
            let mut plugin = plugin(&choice, &guest(element, length, ""));
            for (to, from, count) in [
                (100, 0, 2 * piece + 5),
                (0, 100, 2 * piece + 5),
                (1, 0, piece + 1),
                (piece, 0, 2 * piece),
                (3, 2 * piece, piece + 2),
                (0, 0, length),
            ] {
                let args = [to, from, count];
                call(&mut plugin, "begin", args).expect("it does not fail");
                assert_eq!(call(&mut plugin, "copy", args), Ok(0), "{what} {args:?}");
                assert_eq!(
                    call(&mut plugin, "copied", args),
                    Ok(count),
                    "{what} {args:?}"
                );
                // What lies around is as it was.
                let (end, before) = (to + count, to.min(64));
                for (at, count) in [(to - before, before), (end, (length - end).min(64))] {
                    if count > 0 {
                        let same = call(&mut plugin, "copied", [at, at, count]);
                        assert_eq!(same, Ok(count), "{what} {args:?} {at}");
                    }
                }
            }
            for (to, count) in [(0, length), (3, piece + 1), (length - 1, 1)] {
                let args = [to, 0xab, count];
                call(&mut plugin, "begin", args).expect("it does not fail");
                assert_eq!(call(&mut plugin, "fill", args), Ok(0), "{what} {args:?}");
                assert_eq!(
                    call(&mut plugin, "filled", args),
                    Ok(count),
                    "{what} {args:?}"
                );
                for at in [to.checked_sub(1), Some(to + count)].into_iter().flatten() {
                    if at < length {
                        let same = call(&mut plugin, "copied", [at, at, 1]);
                        assert_eq!(same, Ok(1), "{what} {args:?} {at}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_lies_outside_traps_before_anything_is_moved() {
    let outside = Err(ErrorKind::Trap(Trap::ArrayOutOfBounds));
    let null = Err(ErrorKind::Trap(Trap::NullReference));
    for choice in collecting() {
        for element in ELEMENTS {
            let (what, piece) = (element.storage, element.piece);
            let length = 3 * piece;
            let mut plugin = plugin(&choice, &guest(element, length, ""));
            call(&mut plugin, "begin", [0; 3]).expect("it does not fail");
            for (function, args) in [
                ("fill", [2 * piece, 1, piece + 1]),
                ("fill", [0, 1, length + 1]),
                ("fill", [u32::MAX, 1, u32::MAX]),
                ("fill", [length + 1, 1, 0]),
                ("copy", [piece, 0, 2 * piece + 1]),
                ("copy", [0, piece, 2 * piece + 1]),
                ("copy", [u32::MAX, 0, 2 * piece]),
                ("copy", [0, u32::MAX - piece, 2 * piece]),
            ] {
                let ended = call(&mut plugin, function, args);
                assert_eq!(ended, outside, "{what} {function} {args:?}");
            }
            for count in [0, 1, 2 * piece] {
                for function in ["copy to null", "copy from null"] {
                    let ended = call(&mut plugin, function, [0, 0, count]);
                    assert_eq!(ended, null, "{what} {function} {count}");
                }
            }
            let all = [0, 0, length];
            assert_eq!(call(&mut plugin, "copied", all), Ok(length), "{what}");
            assert_eq!(call(&mut plugin, "none", [0; 3]), Ok(0), "{what}");
            for count in [0, 2 * piece] {
                let ended = call(&mut plugin, "fill", [0, 0, count]);
                assert_eq!(ended, null, "{what} {count}");
            }
        }
    }
}

/// An array of numbers is filled from a segment like one that is made from it.
#[test]
fn data_is_moved_or_traps_before_anything_is() {
    let segment = (3 << 20) + 8_u32;
    let bytes = (0..segment).map(|at| format!("\\{:02x}", (at ^ at >> 9) & 255));
    let bytes = bytes.collect::<String>();
    let outside = Err(ErrorKind::Trap(Trap::ArrayOutOfBounds));
    let behind = Err(ErrorKind::Trap(Trap::MemoryOutOfBounds));
    for choice in collecting() {
        for element in ELEMENTS
            .iter()
            .filter(|element| element.storage != "(ref null i31)")
        {
            let (what, piece) = (element.storage, element.piece);
            let size = (1 << 20) / piece;
            let length = 3 * piece;
            let equal = match element.value {
                "v128" => "(i8x16.all_true (i8x16.eq (local.get 0) (local.get 1)))".to_owned(),
                value => format!("({value}.eq (local.get 0) (local.get 1))"),
            };
            let (get, value) = (element.get, element.value);
            let more = format!(
                r#"(data $d "{bytes}")
  (func (export "init")
    (array.init_data $a $d (global.get $array)
      (call $arg (i64.const 0)) (call $arg (i64.const 1)) (call $arg (i64.const 2))))
  (func $equal (param {value} {value}) (result i32) {equal})
  ;; How many elements from the first position on are those of the segment from the second one on.
  (func (export "inited") (result i32) (local $n i32) (local $new (ref null $a))
    (local.set $new (array.new_data $a $d (call $arg (i64.const 1)) (call $arg (i64.const 2))))
    (block $out (loop $l
      (br_if $out (i32.eqz (call $equal
        ({get} $a (global.get $array) (i32.add (call $arg (i64.const 0)) (local.get $n)))
        ({get} $a (local.get $new) (local.get $n)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $n) (call $arg (i64.const 2))))))
    (local.get $n))
  (func (export "drop") (data.drop $d))"#
            );
            let mut plugin = plugin(&choice, &guest(element, length, &more));
            for args in [
                [0, 0, 3 * piece],
                [0, 8, 3 * piece],
                [5, 3, 2 * piece + 5],
                [length - piece - 1, segment - (piece + 1) * size, piece + 1],
            ] {
                let [to, _, count] = args;
                assert_eq!(call(&mut plugin, "new", args), Ok(0), "{what}");
                assert_eq!(call(&mut plugin, "init", args), Ok(0), "{what} {args:?}");
                assert_eq!(
                    call(&mut plugin, "inited", args),
                    Ok(count),
                    "{what} {args:?}"
                );
                // What lies around is as it was.
                let (end, before) = (to + count, to.min(64));
                for (at, count) in [(to - before, before), (end, (length - end).min(64))] {
                    if count > 0 {
                        let zeros = call(&mut plugin, "filled", [at, 0, count]);
                        assert_eq!(zeros, Ok(count), "{what} {args:?} {at}");
                    }
                }
            }
            assert_eq!(call(&mut plugin, "new", [0; 3]), Ok(0), "{what}");
            for (args, ended) in [
                ([0, 9, 3 * piece], behind),
                ([0, u32::MAX, 2 * piece], behind),
                ([0, 9 + 2 * piece * size, piece], behind),
                ([2 * piece - 1, 0, piece + 2], outside),
                ([u32::MAX, 0, 2 * piece], outside),
                ([0, 0, u32::MAX], outside),
            ] {
                assert_eq!(call(&mut plugin, "init", args), ended, "{what} {args:?}");
            }
            assert_eq!(call(&mut plugin, "drop", [0; 3]), Ok(0), "{what}");
            let all = [0, 0, length];
            assert_eq!(call(&mut plugin, "init", all), behind, "{what}");
            assert_eq!(call(&mut plugin, "init", [0; 3]), Ok(0), "{what}");
            assert_eq!(call(&mut plugin, "filled", all), Ok(length), "{what}");
            assert_eq!(call(&mut plugin, "none", [0; 3]), Ok(0), "{what}");
            let null = Err(ErrorKind::Trap(Trap::NullReference));
            assert_eq!(call(&mut plugin, "init", all), null, "{what}");
        }
    }
}

#[test]
fn elements_are_moved_or_trap_before_anything_is() {
    let element = ELEMENTS.last().expect("references are the last ones");
    let segment = 3 * element.piece + 7;
    let items = (0..segment).map(|at| format!("(ref.i31 (i32.const {}))", (at ^ at >> 9) & 255));
    let more = format!(
        r#"(elem $e (ref null i31) {})
  (func (export "init")
    (array.init_elem $a $e (global.get $array)
      (call $arg (i64.const 0)) (call $arg (i64.const 1)) (call $arg (i64.const 2))))
  (func (export "drop") (elem.drop $e))"#,
        items.collect::<String>()
    );
    let piece = element.piece;
    let length = 3 * piece + 9;
    let outside = Err(ErrorKind::Trap(Trap::ArrayOutOfBounds));
    let behind = Err(ErrorKind::Trap(Trap::TableOutOfBounds));
    for choice in collecting() {
        let mut plugin = plugin(&choice, &guest(element, length, &more));
        for args in [
            [0, 0, segment],
            [100, 5, 2 * piece + 1],
            [length - piece - 1, segment - piece - 1, piece + 1],
        ] {
            let [to, _, count] = args;
            assert_eq!(call(&mut plugin, "new", args), Ok(0));
            assert_eq!(call(&mut plugin, "init", args), Ok(0), "{args:?}");
            assert_eq!(call(&mut plugin, "copied", args), Ok(count), "{args:?}");
            let (end, before) = (to + count, to.min(64));
            for (at, count) in [(to - before, before), (end, (length - end).min(64))] {
                if count > 0 {
                    let zeros = call(&mut plugin, "filled", [at, 0, count]);
                    assert_eq!(zeros, Ok(count), "{args:?} {at}");
                }
            }
        }
        assert_eq!(call(&mut plugin, "new", [0; 3]), Ok(0));
        for (args, ended) in [
            ([0, 0, segment + 1], behind),
            ([0, 6, segment - 5], behind),
            ([0, u32::MAX, 2 * piece], behind),
            ([2 * piece, 0, piece + 10], outside),
            ([u32::MAX, 0, 2 * piece], outside),
        ] {
            assert_eq!(call(&mut plugin, "init", args), ended, "{args:?}");
        }
        assert_eq!(call(&mut plugin, "drop", [0; 3]), Ok(0));
        assert_eq!(call(&mut plugin, "init", [0, 0, segment]), behind);
        assert_eq!(call(&mut plugin, "init", [0; 3]), Ok(0));
        assert_eq!(call(&mut plugin, "filled", [0, 0, length]), Ok(length));
    }
}

/// An array of a type that is below another is copied within itself by either name.
#[test]
fn one_array_has_two_types() {
    let guest = r#"(module
      (type $above (sub (array (mut i32)))) (type $below (sub $above (array (mut i32))))
      (func $same (param $to i32) (param $from i32) (result i32)
        (local $n i32) (local $a (ref null $below))
        (local.set $a (array.new_default $below (i32.const 700000)))
        (loop $l
          (array.set $below (local.get $a) (local.get $n) (local.get $n))
          (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 700000))))
        (array.copy $above $below (local.get $a) (local.get $to) (local.get $a) (local.get $from)
          (i32.const 600000))
        (local.set $n (i32.const 0))
        (block $out (loop $l
          (br_if $out (i32.ne (i32.add (local.get $n) (local.get $from))
            (array.get $below (local.get $a) (i32.add (local.get $n) (local.get $to)))))
          (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 600000)))))
        (local.get $n))
      (func (export "up") (result i32) (call $same (i32.const 90000) (i32.const 5)))
      (func (export "down") (result i32) (call $same (i32.const 5) (i32.const 90000))))"#;
    for choice in collecting() {
        let mut plugin = plugin(&choice, guest);
        for function in ["up", "down"] {
            let equal = call(&mut plugin, function, [0; 3]);
            assert_eq!(equal, Ok(600_000), "{choice:?} {function}");
        }
    }
}

/// Pieces cost what the whole instruction does: a unit, and one more for four elements.
#[test]
fn fuel_is_exact() {
    let guest = r#"(module
      (type $a (array (mut i8)))
      (global $a (mut (ref null $a)) (ref.null $a))
      (func (export "new") (global.set $a (array.new_default $a (i32.const 5000000))))
      (func (export "fill") (array.fill $a (global.get $a) (i32.const 0) (i32.const 1) (i32.const 5000000)))
      (func (export "copy")
        (array.copy $a $a (global.get $a) (i32.const 1) (global.get $a) (i32.const 0) (i32.const 4000000))))"#;
    for choice in collecting() {
        let options = Options::default().with_fuel(10_000_000);
        let compiled = choice.compile(&Manifest::of(guest.as_bytes()), &options);
        let mut plugin = Plugin::new(&compiled.expect("it compiles")).expect("it starts");
        for (function, units) in [
            ("new", 3 + 5_000_000 / 4),
            ("fill", 5 + 5_000_000 / 4),
            ("copy", 6 + 4_000_000 / 4),
        ] {
            plugin.call(function, b"").expect("there is enough");
            assert_eq!(plugin.fuel_consumed(), Some(units), "{choice:?} {function}");
        }
    }
}

/// Instructions on 400 MB end at the deadline, and not when everything is moved.
#[test]
fn a_large_array_ends_at_the_deadline() {
    let element = &ELEMENTS[2];
    assert_eq!(element.storage, "i64");
    let length = 50_000_000;
    let last = length - 1;
    for choice in collecting() {
        // With an element that comes last, and where it goes.
        for (function, args, from, to) in [
            ("fill", [0, 1, length], 0, last),
            ("copy", [0, 1000, length - 1000], last, last - 1000),
            ("copy", [1000, 0, length - 1000], 0, 1000),
        ] {
            let mut plugin = plugin(&choice, &guest(element, length, ""));
            assert_eq!(call(&mut plugin, "new", [0; 3]), Ok(0), "{choice:?}");
            if from > 0 || to == 1000 {
                assert_eq!(call(&mut plugin, "set", [from, 7, 0]), Ok(0), "{choice:?}");
            }
            let input = args.map(|arg| u64::from(arg).to_le_bytes()).concat();
            let handle = plugin.function(function).expect("it is exported");
            let ended = plugin.call_within(handle, &input, Some(Duration::from_millis(2)));
            let kind = ended.map(drop).expect_err("it takes longer").kind();
            assert_eq!(kind, ErrorKind::Timeout, "{choice:?} {function}");
            let value = call(&mut plugin, "get", [to, 0, 0]);
            assert_eq!(value, Ok(0), "{choice:?} {function} {args:?}");
        }
    }
}
