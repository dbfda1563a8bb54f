//! Memories and tables of instances that are gone may be given to others. Each begins as its module says,
//! has the limit of its own plug-in, and there are as many as are asked for.

use polyextism::{Compiled, Manifest, Options, Plugin};
use polyextism_tests::engines;

/// More instances than an engine keeps slots for.
const MANY: usize = 600;

/// A module with data in places that its number decides. `spoil` overwrites everything, grows until nothing is
/// left and fills the table; `check` counts what is not as the module says.
fn guest(number: u32) -> String {
    let (first, second) = (8 * number, 65_536 + 4096 * number);
    format!(
        r#"(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 3)
  (table $table 100 200 funcref)
  (global $count (mut i32) (i32.const {number}))
  (data (i32.const {first}) "\01\02\03\04\05\06\07\08")
  (data (i32.const {second}) "\01\02\03\04\05\06\07\08")
  (elem (i32.const {number}) $grown)
  (func $word (param $at i32) (result i64)
    (i32.or (i32.eq (local.get $at) (i32.const {first})) (i32.eq (local.get $at) (i32.const {second})))
    (if (result i64) (then (i64.const 0x0807060504030201)) (else (i64.const 0))))
  (func $grown (result i32) (local $pages i32)
    (loop $more
      (local.set $pages (i32.add (local.get $pages) (i32.const 1)))
      (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (i32.sub (local.get $pages) (i32.const 1)))
  (func (export "spoil") (result i32) (local $at i32) (local $pages i32) (local $block i64)
    (local.set $block (call $alloc (i64.const 70000)))
    (call $store (local.get $block) (i64.const -1))
    (call $store (i64.add (local.get $block) (i64.const 69992)) (i64.const -1))
    (local.set $pages (call $grown))
    (memory.fill (i32.const 0) (i32.const 0xee) (i32.shl (memory.size) (i32.const 16)))
    (drop (table.grow $table (ref.func $grown) (i32.const 100)))
    (table.fill $table (i32.const 0) (ref.func $grown) (table.size $table))
    (global.set $count (i32.const 77))
    ;; What it could grow by, as its output: the status says that all is well.
    (local.set $block (call $alloc (i64.const 8)))
    (call $store (local.get $block) (i64.extend_i32_u (local.get $pages)))
    (call $output (local.get $block) (i64.const 8))
    (i32.const 0))
  (func (export "check") (result i32) (local $at i32) (local $wrong i32)
    (local.set $wrong (i32.add (i32.ne (memory.size) (i32.const 3))
      (i32.add (i32.ne (table.size $table) (i32.const 100))
        (i32.ne (global.get $count) (i32.const {number})))))
    (loop $words
      (local.set $wrong (i32.add (local.get $wrong)
        (i64.ne (i64.load (local.get $at)) (call $word (local.get $at)))))
      (br_if $words (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8)))
        (i32.shl (memory.size) (i32.const 16)))))
    (local.set $at (i32.const 0))
    (loop $elements
      (local.set $wrong (i32.add (local.get $wrong)
        (i32.eq (ref.is_null (table.get $table (local.get $at)))
          (i32.eq (local.get $at) (i32.const {number})))))
      (br_if $elements (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1)))
        (table.size $table))))
    (local.get $wrong)))"#
    )
}

fn manifest(number: u32, max_pages: u32) -> Manifest {
    let mut manifest = Manifest::of(guest(number).into_bytes());
    manifest.memory.max_pages = Some(max_pages);
    manifest
}

fn plugin(compiled: &Compiled) -> Plugin {
    Plugin::new(compiled).expect("there is room for one more")
}

/// Calls `check`, which returns an error code if something is not as the module says.
fn check(plugin: &mut Plugin, what: &str) {
    let checked = plugin.call("check", b"").map(<[u8]>::len);
    checked.unwrap_or_else(|error| panic!("{what}: {error}"));
}

#[test]
fn what_comes_next_begins_as_its_module_says() {
    for engine in engines() {
        // By turns, so that one finds what another one has left; each with a limit of its own.
        let programs: Vec<_> = [(1, 20), (2, 40), (3, 8)]
            .into_iter()
            .map(|(number, most)| {
                let compiled = engine.compile(&manifest(number, most), &Options::default());
                (number, most, compiled.expect("the guest compiles"))
            })
            .collect();
        for round in 0..4 {
            for (number, most, compiled) in &programs {
                let what = format!("{engine:?}, module {number}, round {round}");
                let mut first = plugin(compiled);
                let mut second = plugin(compiled);
                check(&mut first, &what);
                let grown = first.call("spoil", b"").expect("it only writes");
                let grown = u64::from_le_bytes(grown.try_into().expect("a number"));
                // Three pages are its own from the start; the host's memory has had to grow once, to two.
                assert_eq!(grown, u64::from(*most) - 3 - 2, "{what}");
                check(&mut second, &what);
                drop(first);
                check(&mut plugin(compiled), &what);
                check(&mut second, &what);
            }
        }
    }
}

#[test]
fn there_are_as_many_as_are_asked_for() {
    for engine in engines() {
        let compiled = engine.compile(&manifest(5, 64), &Options::default());
        let compiled = compiled.expect("the guest compiles");
        let mut alive: Vec<_> = (0..MANY).map(|_| plugin(&compiled)).collect();
        for (position, plugin) in alive.iter_mut().enumerate() {
            if position % 50 == 0 || position == MANY - 1 {
                let what = format!("{engine:?}, instance {position}");
                check(plugin, &what);
                let grown = plugin.call("spoil", b"").expect("it only writes");
                let expected: u64 = 64 - 3 - 2;
                assert_eq!(grown, expected.to_le_bytes(), "{what}");
            }
        }
        // Half of them go; as many come, wherever there is room now.
        alive.truncate(MANY / 2);
        alive.extend((0..MANY / 2).map(|_| plugin(&compiled)));
        for (position, plugin) in alive.iter_mut().enumerate().skip(MANY / 2).step_by(50) {
            check(
                plugin,
                &format!("{engine:?}, instance {position} of the others"),
            );
        }
    }
}
