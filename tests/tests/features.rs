//! The table of WebAssembly features in `docs/webassembly.md`, held against every engine: what it says an engine
//! has loads and computes the right thing, what it says it lacks is refused by that name.

use polyextism::{Choice, ErrorKind, Plugin};
use polyextism_tests::{engines, files, plugin};

/// Every feature that Extism accepts and those that it refuses, as the table calls them, with a
/// module whose `f` traps if something is computed wrong.
const FEATURES: &[(&str, &str)] = &[
    (
        "sign extension",
        r#"(module (func (export "f")
            (if (i32.ne (i32.extend8_s (i32.const 0x80)) (i32.const -128)) (then unreachable))))"#,
    ),
    (
        "saturating conversions",
        r#"(module (func (export "f")
            (if (i32.trunc_sat_f32_s (f32.const nan)) (then unreachable))))"#,
    ),
    (
        "mutable globals",
        r#"(module (global (export "g") (mut i32) (i32.const 1)) (func (export "f")
            (global.set 0 (i32.const 5))
            (if (i32.ne (global.get 0) (i32.const 5)) (then unreachable))))"#,
    ),
    (
        "multi-value",
        r#"(module (func $two (result i32 i32) (i32.const 7) (i32.const 5))
            (func (export "f") (if (i32.ne (i32.sub (call $two)) (i32.const 2)) (then unreachable))))"#,
    ),
    (
        "multi-memory",
        r#"(module (memory 1) (memory $b 1) (data (memory $b) (i32.const 0) "\07")
            (func (export "f")
              (if (i32.load8_u (i32.const 0)) (then unreachable))
              (if (i32.ne (i32.load8_u $b (i32.const 0)) (i32.const 7)) (then unreachable))))"#,
    ),
    (
        "bulk memory",
        r#"(module (memory 1) (func (export "f")
            (memory.fill (i32.const 0) (i32.const 9) (i32.const 2))
            (memory.copy (i32.const 8) (i32.const 1) (i32.const 1))
            (if (i32.ne (i32.load8_u (i32.const 8)) (i32.const 9)) (then unreachable))))"#,
    ),
    (
        "reference types",
        r#"(module (table $t 1 funcref) (func $g) (elem declare func $g) (func (export "f")
            (if (i32.eqz (ref.is_null (table.get $t (i32.const 0)))) (then unreachable))
            (table.set $t (i32.const 0) (ref.func $g))
            (call_indirect (i32.const 0))))"#,
    ),
    (
        "extended const",
        r#"(module (global i32 (i32.mul (i32.const 3) (i32.const 4))) (func (export "f")
            (if (i32.ne (global.get 0) (i32.const 12)) (then unreachable))))"#,
    ),
    (
        "SIMD",
        r#"(module (func (export "f")
            (if (i32.ne (i32.const 44) (i32x4.extract_lane 3
              (i32x4.add (v128.const i32x4 1 2 3 4) (i32x4.splat (i32.const 40)))))
              (then unreachable))))"#,
    ),
    (
        "relaxed SIMD",
        r#"(module (func (export "f")
            (if (i32.ne (i32.const 12) (i32.trunc_f32_s (f32x4.extract_lane 0
              (f32x4.relaxed_madd (f32x4.splat (f32.const 2)) (f32x4.splat (f32.const 5))
                (f32x4.splat (f32.const 2))))))
              (then unreachable))))"#,
    ),
    (
        "tail calls",
        r#"(module (func $down (param i32) (result i32)
              (if (i32.eqz (local.get 0)) (then (return (i32.const 5))))
              (return_call $down (i32.sub (local.get 0) (i32.const 1))))
            (func (export "f")
              (if (i32.ne (i32.const 5) (call $down (i32.const 1000000))) (then unreachable))))"#,
    ),
    (
        "memory64",
        r#"(module (memory i64 1) (func (export "f")
            (i64.store (i64.const 8) (i64.const 7))
            (if (i64.ne (memory.grow (i64.const 1)) (i64.const 1)) (then unreachable))
            (if (i64.ne (i64.load (i64.const 8)) (i64.const 7)) (then unreachable))))"#,
    ),
    (
        "wide arithmetic",
        r#"(module (func (export "f") (local i64)
            (local.set 0 (i64.mul_wide_u (i64.const -1) (i64.const 3)))
            (if (i64.ne (local.get 0) (i64.const 2)) (then unreachable))
            drop))"#,
    ),
    (
        "function references",
        r#"(module (type $t (func (result i32))) (func $seven (type $t) (i32.const 7))
            (elem declare func $seven) (func (export "f")
              (if (i32.ne (call_ref $t (ref.func $seven)) (i32.const 7)) (then unreachable))))"#,
    ),
    (
        "garbage collection",
        r#"(module (type $s (struct (field i32))) (func (export "f")
            (if (i32.ne (struct.get $s 0 (struct.new $s (i32.const 7))) (i32.const 7))
              (then unreachable))))"#,
    ),
    (
        "exceptions",
        r#"(module (tag $t (param i32)) (func (export "f")
            (if (i32.ne (i32.const 7)
                (block $caught (result i32)
                  (try_table (catch $t $caught) (throw $t (i32.const 7)))
                  (i32.const 0)))
              (then unreachable))))"#,
    ),
    (
        "threads",
        r#"(module (memory 1 1 shared) (func (export "f")))"#,
    ),
    (
        "custom page sizes",
        r#"(module (memory 1 (pagesize 1)) (func (export "f")))"#,
    ),
    (
        "stack switching",
        r#"(module (type $f (func)) (type $c (cont $f)) (func (export "f") (param (ref null $c))))"#,
    ),
    (
        "legacy exceptions",
        r#"(module (tag $t) (func (export "f") try (throw $t) catch $t end))"#,
    ),
];

/// The table: the engines of its columns, and its rows.
fn table() -> (Vec<String>, Vec<(String, Vec<String>)>) {
    let page = files::text(&files::repository().join("docs/webassembly.md"));
    let mut lines = page.lines().map(cells);
    let head = lines.find(|cells| cells.first().is_some_and(|cell| cell == "feature"));
    let head = head.expect("the table is there");
    let rows = lines.skip(1).take_while(|cells| !cells.is_empty());
    let rows = rows.map(|mut cells| (cells.remove(0), cells));
    (head[1..].to_vec(), rows.collect())
}

fn cells(line: &str) -> Vec<String> {
    match line.trim().strip_prefix('|') {
        Some(line) => {
            let cells = line.trim_end_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        }
        None => Vec::new(),
    }
}

fn run(choice: &Choice, guest: &str) -> polyextism::Result<Plugin> {
    let mut plugin = plugin(choice, guest, &[])?;
    plugin.call("f", b"")?;
    Ok(plugin)
}

#[test]
fn the_table_lists_every_feature() {
    let (columns, rows) = table();
    let names: Vec<_> = rows.iter().map(|(name, _)| name.as_str()).collect();
    let tested: Vec<_> = FEATURES.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, tested);
    for choice in engines() {
        assert!(columns.contains(&choice.name()), "{choice:?} has no column");
    }
}

#[test]
fn the_table_is_true() {
    let (columns, rows) = table();
    for choice in engines() {
        let column = columns.iter().position(|name| *name == choice.name());
        let column = column.expect("the other test says that there is one");
        for ((name, guest), (_, cells)) in FEATURES.iter().zip(&rows) {
            let ran = run(&choice, guest);
            match cells[column].as_str() {
                "yes" => assert!(ran.is_ok(), "{choice:?} {name}: {:?}", ran.err()),
                "no" => {
                    let error = ran.err().unwrap_or_else(|| panic!("{choice:?} has {name}"));
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{choice:?}: {error}");
                    let start = format!("engine `{}` has no ", choice.name());
                    let message = error.to_string();
                    let rest = message.strip_prefix(&start).expect("the engine is named");
                    let what = rest.strip_suffix(", which module `main` needs");
                    let what = what.expect("the module is named");
                    // Some features come only together with another.
                    let named = what.split(" and no ").any(|what| what == *name);
                    assert!(named, "{choice:?} {name}: {message}");
                }
                other => panic!("{choice:?} {name}: {other}"),
            }
        }
    }
}
