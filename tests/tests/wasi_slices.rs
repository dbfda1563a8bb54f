//! Reading, writing and randomness by the megabyte, on every engine: the library is asked for slices, the guest sees one
//! call, and its deadline is kept in between.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use polyextism::{Choice, ErrorKind, Interrupted, Manifest, Options, Output, Plugin, Wasi};
use polyextism_tests::{engines, wasi::folder};

/// Bytes that are moved at once: several slices and a part of one.
const LENGTH: usize = 20_000_005;
/// Where they lie in the guest's memory.
const FROM: usize = 1 << 16;
/// Where they are read to.
const TO: usize = 25 << 20;

/// A guest with 64 MiB. Vectors lie at 16: an empty one, then that of the call.
const GUEST: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "extism:host/env" "input_load_u64" (func $input (param i64) (result i64)))
  (memory (export "memory") 1024)
  (data (i32.const 0) "file")
  (func $arg (param $n i64) (result i32)
    (i32.wrap_i64 (call $input (i64.shl (local.get $n) (i64.const 3)))))
  (func (export "fill") (local $n i32)
    (loop $l
      (i32.store8 (i32.add (i32.const FROM) (local.get $n))
        (i32.rem_u (local.get $n) (i32.const 251)))
      (br_if $l (i32.lt_u
        (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const LENGTH)))))
  (func (export "open") (result i32)
    (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 9)
      (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 40)))
  ;; Descriptor, address, length.
  (func $vectors
    (i64.store (i32.const 16) (i64.const 0))
    (i32.store (i32.const 24) (call $arg (i64.const 1)))
    (i32.store (i32.const 28) (call $arg (i64.const 2))))
  ;; The errno; 1000 if the vector is not as it was.
  (func $errno (param $errno i32) (result i32)
    (select (local.get $errno) (i32.const 1000)
      (i32.and
        (i32.eq (i32.load (i32.const 24)) (call $arg (i64.const 1)))
        (i32.eq (i32.load (i32.const 28)) (call $arg (i64.const 2))))))
  (func (export "write") (result i32)
    (call $vectors)
    (call $errno (call $write (call $arg (i64.const 0)) (i32.const 16) (i32.const 2) (i32.const 44))))
  (func (export "pwrite") (result i32)
    (call $vectors)
    (call $errno (call $pwrite (call $arg (i64.const 0)) (i32.const 16) (i32.const 2)
      (i64.const 7) (i32.const 44))))
  (func (export "read") (result i32)
    (call $vectors)
    (call $errno (call $read (call $arg (i64.const 0)) (i32.const 16) (i32.const 2) (i32.const 44))))
  (func (export "pread") (result i32)
    (call $vectors)
    (call $errno (call $pread (call $arg (i64.const 0)) (i32.const 16) (i32.const 2)
      (i64.const 7) (i32.const 44))))
  (func (export "rewind") (result i32)
    (call $seek (call $arg (i64.const 0)) (i64.extend_i32_u (call $arg (i64.const 1)))
      (i32.const 0) (i32.const 48)))
  ;; How much was moved.
  (func (export "moved") (result i32) (i32.load (i32.const 44)))
  ;; The first position from which on the bytes at TO are not those at FROM.
  (func (export "differ") (result i32) (local $n i32)
    (loop $l
      (if (i32.ne (i32.load8_u (i32.add (i32.const FROM) (local.get $n)))
            (i32.load8_u (i32.add (i32.const TO) (local.get $n))))
        (then (return (local.get $n))))
      (br_if $l (i32.lt_u
        (local.tee $n (i32.add (local.get $n) (i32.const 1))) (call $arg (i64.const 2)))))
    (local.get $n))
  (func (export "draw") (result i32)
    (drop (memory.grow (i32.const 60000)))
    (call $random (i32.const 1024) (i32.const -400000000)))
  (func (export "last") (result i32)
    (i32.or (i32.load (i32.const -400000000)) (i32.load (i32.const -400000004)))))"#;

fn plugin(choice: &Choice, folder: &str) -> Plugin {
    let text = GUEST
        .replace("FROM", &FROM.to_string())
        .replace("TO", &TO.to_string())
        .replace("LENGTH", &LENGTH.to_string());
    let mut manifest = Manifest::of(text.into_bytes());
    manifest.allowed_paths = Some(BTreeMap::from([(folder.to_owned(), "/dir".to_owned())]));
    let options = Options::default()
        .with_wasi(Wasi::default().with_stdout(Output::Capture {
            limit: LENGTH + 1_000_000,
        }))
        .with_interrupted(Interrupted::Kept);
    let compiled = choice.compile(&manifest, &options).expect("it compiles");
    Plugin::new(&compiled).expect("it starts")
}

/// What a function returns.
fn code(plugin: &mut Plugin, function: &str, args: [usize; 3]) -> i32 {
    let input = args.map(|arg| (arg as u64).to_le_bytes()).concat();
    match plugin.call(function, &input) {
        Ok(_) => 0,
        Err(error) => match error.kind() {
            ErrorKind::ReturnCode(code) => code,
            kind => panic!("{function} {args:?}: {kind:?} {error}"),
        },
    }
}

const FILE: usize = 4;

#[test]
fn many_megabytes_in_one_call() {
    let expected = (0..LENGTH).map(|n| (n % 251) as u8).collect::<Vec<_>>();
    for choice in engines() {
        let name = format!("slices-{}", choice.name().replace(':', "-"));
        let folder = folder(Path::new(env!("CARGO_TARGET_TMPDIR")), &name);
        let mut plugin = plugin(&choice, &folder);
        let file = || fs::read(Path::new(&folder).join("file")).expect("it is there");
        let mut does = |function, args, errno, moved| {
            let found = code(&mut plugin, function, args);
            assert_eq!(found, errno, "{choice:?} {function} {args:?}");
            if moved > 0 {
                let found = code(&mut plugin, "moved", [0; 3]);
                assert_eq!(found as usize, moved, "{choice:?} {function} {args:?}");
            }
        };
        does("fill", [0; 3], 0, 0);
        does("open", [0; 3], 0, 0);
        does("write", [FILE, FROM, LENGTH], 0, LENGTH);
        assert!(file() == expected, "{choice:?}: what was written");
        // Here the library itself takes less at once.
        does("pread", [FILE, TO, LENGTH], 0, 1 << 16);
        does("pwrite", [FILE, FROM, LENGTH], 0, LENGTH);
        let written = file();
        assert_eq!(written.len(), LENGTH + 7);
        assert!(written[..7] == expected[..7] && written[7..] == expected);
        does("rewind", [FILE, 7, 0], 0, 0);
        does("read", [FILE, TO, LENGTH], 0, LENGTH);
        does("differ", [0, 0, LENGTH], LENGTH as i32, 0);
        does("rewind", [FILE, LENGTH, 0], 0, 0);
        // The file is at its end but for seven bytes.
        does("read", [FILE, TO, LENGTH], 0, 7);
        does("read", [FILE, TO, LENGTH], 0, 0);
        // A buffer that is its own vector is not one to take slices of.
        does("write", [FILE, 0, 20_000_000], 48, 0);
        does("write", [9, FROM, LENGTH], 8, 0);
        assert_eq!(code(&mut plugin, "write", [1, FROM, LENGTH]), 0);
        let stdout = plugin.stdout();
        assert!(
            stdout == expected[..4 << 20],
            "{choice:?}: {}",
            stdout.len()
        );
    }
}

/// What is written to a stream may be cut; what lies outside of the memory is not written at all.
#[test]
fn nothing_of_what_lies_outside() {
    for choice in engines() {
        let name = format!("slices-outside-{}", choice.name().replace(':', "-"));
        let folder = folder(Path::new(env!("CARGO_TARGET_TMPDIR")), &name);
        let mut plugin = plugin(&choice, &folder);
        assert_eq!(code(&mut plugin, "open", [0; 3]), 0);
        let input = [FILE, FROM, 64 << 20].map(|arg| (arg as u64).to_le_bytes());
        let error = plugin.call("write", &input.concat()).map(drop);
        let error = error.expect_err("it lies outside");
        assert!(matches!(error.kind(), ErrorKind::Trap(_)), "{error}");
        let written = fs::metadata(Path::new(&folder).join("file"));
        assert_eq!(written.expect("it was made").len(), 0, "{choice:?}");
    }
}

/// Gigabytes of randomness end at the deadline, and not when they are all there.
#[test]
fn randomness_ends_at_the_deadline() {
    for choice in engines() {
        let name = format!("slices-random-{}", choice.name().replace(':', "-"));
        let folder = folder(Path::new(env!("CARGO_TARGET_TMPDIR")), &name);
        let mut plugin = plugin(&choice, &folder);
        let draw = plugin.function("draw").expect("it is exported");
        let ended = plugin.call_within(draw, b"", Some(Duration::from_millis(50)));
        let kind = ended.map(drop).expect_err("it takes longer").kind();
        assert_eq!(kind, ErrorKind::Timeout, "{choice:?}");
        assert_eq!(code(&mut plugin, "last", [0; 3]), 0, "{choice:?}");
    }
}
