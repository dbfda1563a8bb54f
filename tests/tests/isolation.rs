//! Nothing of one plug-in is found by another one: not in memories, not in variables, not in what the
//! host remembers; nor across `reset`, pools and new instances.
//!
//! A guest plants a canary wherever it can write, and guests after it look wherever they can read.

use std::{num::NonZeroUsize, time::Duration};

use polyextism::{
    Choice, Compiled, ErrorKind, HttpOptions, HttpRequest, HttpResponse, Interrupted, Manifest,
    Options, Output, Plugin, Pool, Reuse, Wasi,
};
use polyextism_tests::engines;

const CANARY: &[u8; 8] = b"CaNaRy!\x7f";

/// Plants in its memory (grown to 40 pages), in blocks of the kernel, in variables, in what it prints
/// and in the response of a request; and looks for it, also with `request`, which asks for nothing.
const GUEST: &str = r#"(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "load_u64" (func $load (param i64) (result i64)))
  (import "extism:host/env" "memory_bytes" (func $bytes (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "input_load_u64" (func $input (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "error_get" (func $error (result i64)))
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
  (import "extism:host/env" "http_request" (func $request (param i64 i64) (result i64)))
  (import "extism:host/env" "http_status_code" (func $status (result i32)))
  (import "extism:host/env" "http_headers" (func $headers (result i64)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $planted (mut i64) (i64.const 0))
  (table 10 funcref)
  (elem declare func $fill)

  (func $fill (param $value i64) (local $at i32) (local $block i64) (local $n i64)
    (drop (memory.grow (i32.const 39)))
    (loop $next
      (i64.store (local.get $at) (local.get $value))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8)))
        (i32.mul (memory.size) (i32.const 65536)))))
    (global.set $planted (local.get $value))
    (table.fill (i32.const 0) (ref.func $fill) (i32.const 10))
    ;; Blocks of many sizes, the last one large.
    (loop $blocks
      (local.set $block (call $alloc (i64.shl (i64.const 8) (local.get $n))))
      (call $store (local.get $block) (local.get $value))
      (call $store (i64.add (local.get $block)
        (i64.sub (i64.shl (i64.const 8) (local.get $n)) (i64.const 8))) (local.get $value))
      (br_if $blocks (i64.lt_u (local.tee $n (i64.add (local.get $n) (i64.const 1))) (i64.const 18)))))

  (func (export "plant") (local $block i64)
    (call $fill (call $input (i64.const 0)))
    (local.set $block (call $alloc (i64.const 8)))
    (call $store (local.get $block) (call $input (i64.const 0)))
    (call $var_set (local.get $block) (local.get $block))
    ;; The host has freed it.
    (local.set $block (call $alloc (i64.const 8)))
    (call $store (local.get $block) (call $input (i64.const 0)))
    (call $output (local.get $block) (i64.const 8))
    ;; A vector at 8 of the bytes at 16.
    (i32.store (i32.const 8) (i32.const 16))
    (i32.store (i32.const 12) (i32.const 8))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0))))

  (func (export "request")
    (drop (call $request (call $offset) (i64.const 0))))

  (func (export "plant_and_spin") (call $fill (call $input (i64.const 0))) (loop $l (br $l)))
  (func (export "plant_and_trap") (call $fill (call $input (i64.const 0))) (unreachable))
  ;; Without an input, so that nothing lies in the kernel.
  (func (export "nothing"))

  ;; How often it finds what is not zero outside of itself: in its memory.
  (func (export "look_at_memory") (result i32) (local $at i32) (local $found i32)
    (drop (memory.grow (i32.const 39)))
    (loop $next
      (local.set $found (i32.add (local.get $found)
        (i64.ne (i64.load (local.get $at)) (i64.const 0))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8)))
        (i32.mul (memory.size) (i32.const 65536)))))
    (i32.add (local.get $found) (i32.add (i64.ne (global.get $planted) (i64.const 0))
      (i32.eqz (ref.is_null (table.get (i32.const 3)))))))

  ;; In the kernel memory, at every address that can be read.
  (func $look (result i32) (local $at i64) (local $found i32)
    (local.set $at (i64.const 64))
    (loop $next
      (local.set $found (i32.add (local.get $found)
        (i64.eq (call $load (local.get $at)) (i64.const CANARY))))
      (br_if $next (i64.lt_u (local.tee $at (i64.add (local.get $at) (i64.const 8)))
        (i64.sub (call $bytes) (i64.const 8)))))
    (local.get $found))
  (func (export "look_at_kernel") (result i32) (call $look))
  ;; As large as it was for those who planted.
  (func (export "look_at_grown_kernel") (result i32)
    (drop (call $alloc (i64.const 3000000)))
    (call $look))

  ;; In what the host remembers.
  (func (export "look_at_host") (result i32)
    (i32.add (call $status) (i64.ne (call $error) (i64.const 0))))
  (func (export "headers") (local $block i64)
    (local.set $block (call $headers))
    (call $output (local.get $block) (call $length (local.get $block)))))"#;

const REQUEST: &[u8] = br#"{"url": "http://canary.test/"}"#;

fn compiled(choice: &Choice, interrupted: Interrupted) -> Compiled {
    let answer = |_: HttpRequest| {
        Ok(HttpResponse::new(200)
            .with_headers(vec![("x-canary".to_owned(), b"CaNaRy".to_vec())])
            .with_body(CANARY.to_vec()))
    };
    let options = Options::default()
        .with_wasi(Wasi::default().with_stdout(Output::CAPTURE))
        .with_http(
            HttpOptions::default()
                .with_client(answer)
                .with_response_headers(true),
        )
        .with_interrupted(interrupted);
    let canary = u64::from_le_bytes(*CANARY).to_string();
    let mut manifest = Manifest::of(GUEST.replace("CANARY", &canary).into_bytes());
    manifest.allowed_hosts = Some(vec!["canary.test".to_owned()]);
    choice.compile(&manifest, &options).expect("it compiles")
}

/// Leaves canaries everywhere.
fn plant(plugin: &mut Plugin) {
    let output = plugin.call("plant", CANARY).expect("it plants");
    assert_eq!(output, CANARY);
    assert_eq!(plugin.stdout(), CANARY);
    plugin.call("request", REQUEST).expect("it requests");
    // It would find them.
    assert!(found(plugin, "look_at_memory") > 100_000);
    assert!(found(plugin, "look_at_kernel") > 0);
    assert!(found(plugin, "look_at_host") > 0);
    assert_ne!(plugin.call("headers", b"").expect("a text"), b"{}");
    plugin.call("plant", CANARY).expect("it plants");
}

fn found(plugin: &mut Plugin, look: &str) -> i32 {
    match plugin.call(look, b"") {
        Ok(_) => 0,
        Err(error) => error.code().unwrap_or_else(|| panic!("{look}: {error}")),
    }
}

const KERNEL: &[&str] = &["look_at_kernel", "look_at_grown_kernel"];
const ALL: &[&str] = &[
    "look_at_memory",
    "look_at_kernel",
    "look_at_grown_kernel",
    "look_at_host",
];

fn is_clean(plugin: &mut Plugin, looks: &[&str], what: &str) {
    for look in looks {
        assert_eq!(found(plugin, look), 0, "{what}: {look}");
    }
}

fn is_new(plugin: &mut Plugin, what: &str) {
    assert_eq!(plugin.stdout(), b"", "{what}");
    assert_eq!(plugin.host().vars().iter().count(), 0, "{what}");
    is_clean(plugin, ALL, what);
    assert_eq!(
        plugin.call("headers", b"").expect("a text"),
        b"{}",
        "{what}"
    );
    assert_eq!(plugin.host().vars().iter().count(), 0, "{what}");
}

#[test]
fn other_plugins_find_nothing() {
    for choice in engines() {
        let first = compiled(&choice, Interrupted::Replaced);
        let second = compiled(&choice, Interrupted::Replaced);
        let what = format!("{choice:?}");
        let mut living = Plugin::new(&first).expect("it starts");
        plant(&mut living);
        for _ in 0..5 {
            let mut planted = Plugin::new(&first).expect("it starts");
            plant(&mut planted);
            // Beside those that live, and where one was.
            is_new(&mut Plugin::new(&first).expect("it starts"), &what);
            drop(planted);
            is_new(&mut Plugin::new(&first).expect("it starts"), &what);
            is_new(&mut Plugin::new(&second).expect("it starts"), &what);
        }
        assert!(found(&mut living, "look_at_memory") > 0);
    }
}

#[test]
fn a_reset_clears_what_is_shared_with_the_host() {
    for choice in engines() {
        let compiled = compiled(&choice, Interrupted::Replaced);
        let mut plugin = Plugin::new(&compiled).expect("it starts");
        plant(&mut plugin);
        plugin.reset();
        is_clean(&mut plugin, KERNEL, &format!("{choice:?}"));
        // Its own memory and its variables are the plug-in's.
        assert!(found(&mut plugin, "look_at_memory") > 0);
        assert_eq!(plugin.host().vars().iter().count(), 1);
    }
}

#[test]
fn borrowers_find_nothing() {
    for choice in engines() {
        let compiled = compiled(&choice, Interrupted::Replaced);
        for reuse in [Reuse::Never, Reuse::Guest] {
            let pool = Pool::with(&compiled, NonZeroUsize::MIN, reuse);
            let what = format!("{choice:?} {reuse:?}");
            for _ in 0..3 {
                plant(&mut pool.get(None).expect("there is one"));
                let mut next = pool.get(None).expect("there is one");
                if reuse == Reuse::Never {
                    is_new(&mut next, &what);
                } else {
                    assert_eq!(next.stdout(), b"", "{what}");
                    assert_eq!(next.host().vars().iter().count(), 0, "{what}");
                    is_clean(&mut next, KERNEL, &what);
                    is_clean(&mut next, &["look_at_host"], &what);
                    assert_eq!(next.call("headers", b"").expect("a text"), b"{}", "{what}");
                    // That was asked for.
                    assert!(found(&mut next, "look_at_memory") > 0, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_new_instance_finds_nothing_of_the_old_one() {
    for choice in engines() {
        for interrupted in [Interrupted::Replaced, Interrupted::Kept] {
            let compiled = compiled(&choice, interrupted);
            let mut plugin = Plugin::new(&compiled).expect("it starts");
            plant(&mut plugin);
            plugin.set_timeout(Some(Duration::from_millis(300)));
            let error = plugin.call("plant_and_spin", CANARY).map(drop);
            let kind = error.expect_err("it never ends").kind();
            assert_eq!(kind, ErrorKind::Timeout, "{choice:?}");
            plugin.set_timeout(None);
            let what = format!("{choice:?} {interrupted:?}");
            match interrupted {
                Interrupted::Replaced => is_clean(
                    &mut plugin,
                    &["look_at_kernel", "look_at_grown_kernel", "look_at_memory"],
                    &what,
                ),
                Interrupted::Kept => assert!(found(&mut plugin, "look_at_memory") > 0, "{what}"),
            }
            assert_eq!(plugin.host().vars().iter().count(), 1, "{what}");
        }
    }
}
