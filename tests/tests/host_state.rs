//! What a plug-in keeps on the host's side, seen from outside, from host functions and by guests:
//! the same on every engine, for values of every size.

use std::{fs, time::Duration};

use polyextism::{
    Choice, Error, ErrorKind, Function, Manifest, Options, Plugin, Wasi, backend::Signature,
};
use polyextism_tests::{engines, plugin, wasi::folder};

const GUEST: &str = r#"
(module
  (import "extism:host/user" "host" (func $host))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error (param i64)))
  (import "extism:host/env" "var_get" (func $get (param i64) (result i64)))
  (import "extism:host/env" "var_set" (func $set (param i64 i64)))
  (import "extism:host/env" "config_get" (func $config (param i64) (result i64)))
  (import "extism:host/env" "log_warn" (func $log (param i64)))
  (func $answer (param $block i64)
    (call $output (local.get $block) (call $length (local.get $block))))
  (func $k (result i64) (local $key i64)
    (local.set $key (call $alloc (i64.const 1)))
    (call $store (local.get $key) (i32.const 107))
    (local.get $key))
  (func (export "get") (call $answer (call $get (call $k))))
  (func (export "set") (call $set (call $k) (call $offset)))
  (func (export "config") (call $answer (call $config (call $k))))
  (func (export "error") (call $error (call $offset)))
  (func (export "log") (call $log (call $offset)))
  (func (export "host") (call $host))
  (func (export "error_then_host") (call $error (call $offset)) (call $host)))
"#;

/// Lengths of bodies; the last one is far beyond every bound of a text.
const SIZES: [usize; 4] = [0, 1, 64 * 1024, 16 * 1024 * 1024];

fn nothing() -> Function {
    Function::typed("host", |_, ()| Ok(()))
}

fn with_room(choice: &Choice, var_bytes: u64) -> Plugin {
    let mut manifest = Manifest::of(GUEST.as_bytes());
    manifest.memory.max_var_bytes = Some(var_bytes);
    let options = Options::default().with_functions(vec![nothing()]);
    let compiled = choice.compile(&manifest, &options).expect("it links");
    Plugin::new(&compiled).expect("an instance")
}

#[test]
fn variables_of_every_size() {
    for choice in engines() {
        for size in SIZES {
            let cost = (48 + 1 + size) as u64;
            let value = vec![0xa5; size];
            let mut plugin = with_room(&choice, cost);
            plugin.call("set", &value).expect("it just fits");
            let found = plugin.host().vars().get("k").map(<[u8]>::to_vec);
            // An empty input is the null handle, which removes a variable.
            assert_eq!(
                found,
                (size > 0).then(|| value.clone()),
                "{choice:?} {size}"
            );
            let set = plugin.host().vars_mut().set("k", value.clone());
            set.expect("it just fits, the old value does not count");
            let got = plugin.call("get", b"").expect("there is room");
            assert!(got == value, "{choice:?} {size}");

            let more = vec![0xa5; size + 1];
            let error = plugin.call("set", &more).expect_err("one byte too much");
            assert_eq!(error.kind(), ErrorKind::HostFunction, "{choice:?} {size}");
            let full = format!(
                "the variable store is full: {} bytes are needed, the limit is {cost}",
                cost + 1
            );
            assert_eq!(error.to_string(), format!("`var_set`: {full}"));
            let error = plugin.host().vars_mut().set("k", more);
            assert_eq!(error.expect_err("too much").to_string(), full);
            assert_eq!(plugin.host().vars().get("k").map(<[u8]>::len), Some(size));
        }
    }
}

#[test]
fn configuration_of_every_size() {
    for choice in engines() {
        let mut plugin = plugin(&choice, GUEST, &[nothing()]).expect("it links");
        for size in SIZES {
            let value = "c".repeat(size);
            let update = [("k".to_owned(), Some(value.clone()))];
            plugin.host().update_config(update);
            let got = plugin.call("config", b"").expect("there is room");
            assert!(got == value.as_bytes(), "{choice:?} {size}");
        }
        plugin.host().update_config([("k".to_owned(), None)]);
        assert_eq!(plugin.call("config", b"").expect("it is gone"), b"");
        assert!(plugin.host().config().is_empty());
    }
}

#[test]
fn error_texts_and_log_lines_of_every_size() {
    for choice in engines() {
        let mut plugin = plugin(&choice, GUEST, &[nothing()]).expect("it links");
        for size in SIZES {
            let text = "e".repeat(size);
            plugin.call("log", text.as_bytes()).expect("it is cut");
            match plugin.call("error", text.as_bytes()) {
                Ok(output) => assert!(size == 0 && output.is_empty(), "the null handle"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Guest, "{choice:?} {size}");
                    let bound = size.min(Error::GUEST_TEXT_LIMIT);
                    assert!(error.to_string() == text[..bound], "{choice:?} {size}");
                }
            }
        }
    }
}

/// What a host function does to the error of the running call, and how the call ends then.
#[test]
fn error_texts_of_host_functions() {
    type Act = fn(&mut polyextism::Caller<'_>) -> Result<(), Error>;
    let cases: [(&str, &str, Act, Result<(), &str>); 6] = [
        (
            "host",
            "",
            |caller| caller.set_error("h\u{f6}st"),
            Err("h\u{f6}st"),
        ),
        (
            "host",
            "",
            |caller| caller.set_error("a").and_then(|()| caller.set_error("b")),
            Err("b"),
        ),
        ("error_then_host", "guest", |_| Ok(()), Err("guest")),
        (
            "error_then_host",
            "guest",
            |caller| {
                assert_eq!(caller.error(), Some(&b"guest"[..]));
                caller.set_error("host")
            },
            Err("host"),
        ),
        (
            "error_then_host",
            "guest",
            |caller| {
                caller.clear_error();
                assert_eq!(caller.error(), None);
                Ok(())
            },
            Ok(()),
        ),
        (
            "host",
            "",
            |caller| caller.set_error(""),
            Err("the error text is empty; `clear_error` takes an error away"),
        ),
    ];
    for choice in engines() {
        for (function, input, act, expected) in cases {
            let signature = Signature::new(&[], &[]);
            let host = Function::new("host", signature, move |mut caller, _| act(&mut caller));
            let mut plugin = plugin(&choice, GUEST, &[host]).expect("it links");
            let ended = plugin.call(function, input.as_bytes()).map(drop);
            let ended = ended.map_err(|error| error.to_string());
            assert_eq!(
                ended,
                expected.map_err(str::to_owned),
                "{choice:?} {function}"
            );
            // Whatever it was, it was of that call.
            plugin.call("get", b"").expect("a new call has no error");
        }
    }
}

#[test]
fn host_functions_change_state() {
    for choice in engines() {
        let host = Function::typed("host", |caller, ()| {
            let host = caller.host();
            let runs = host.vars().get("k").map_or(0, |value| value[0]);
            let set = host.vars_mut().set("k", [runs + 1]);
            set.expect("there is room");
            let key = || "k".to_owned();
            host.update_config([(key(), Some(format!("run {}", runs + 1)))]);
            Ok(())
        });
        let mut plugin = plugin(&choice, GUEST, &[host]).expect("it links");
        for run in 1..=2 {
            plugin.call("host", b"").expect("it succeeds");
            assert_eq!(plugin.call("get", b"").expect("it is set"), [run]);
            let config = plugin.call("config", b"").expect("it is set");
            assert_eq!(config, format!("run {run}").as_bytes(), "{choice:?}");
        }
        assert_eq!(plugin.host().vars().len(), 1);
        plugin.host().vars_mut().remove("k");
        assert!(plugin.host().vars().is_empty());
        assert_eq!(plugin.call("get", b"").expect("it is gone"), b"");
    }
}

/// A new instance that cannot be made takes nothing of the plug-in with it.
#[test]
fn a_plugin_survives_an_instance_that_cannot_be_made() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "fd_tell" (func (param i32 i32) (result i32)))
        (import "extism:host/env" "var_get" (func $get (param i64) (result i64)))
        (import "extism:host/env" "config_get" (func $config (param i64) (result i64)))
        (import "extism:host/env" "input_offset" (func $offset (result i64)))
        (import "extism:host/env" "length" (func $length (param i64) (result i64)))
        (import "extism:host/env" "output_set" (func $output (param i64 i64)))
        (memory (export "memory") 1)
        (func $put (param $block i64)
          (call $output (local.get $block) (call $length (local.get $block))))
        (func (export "var") (call $put (call $get (call $offset))))
        (func (export "config") (call $put (call $config (call $offset))))
        (func (export "endless") (loop $again (br $again))))"#;
    let root = folder(
        &std::env::temp_dir(),
        &format!("polyextism-replaced-{}", std::process::id()),
    );
    for choice in engines() {
        fs::create_dir_all(&root).expect("the folder can be made");
        let mut manifest = Manifest::of(wat.as_bytes());
        manifest.allowed_paths = Some([(root.clone(), "/data".to_owned())].into());
        let options = Options::default().with_wasi(Wasi::default());
        let compiled = choice.compile(&manifest, &options).expect("it compiles");
        let mut plugin = Plugin::new(&compiled).expect("the folder is there");
        let id = plugin.id();
        plugin.host().vars_mut().set("k", "kept").expect("it fits");
        let entries = [("k".to_owned(), Some("set".to_owned()))];
        plugin.host().update_config(entries);
        plugin.set_timeout(Some(Duration::from_millis(20)));
        for _ in 0..2 {
            let error = plugin.call("endless", b"").expect_err("it is endless");
            assert_eq!(error.kind(), ErrorKind::Timeout, "{choice:?}: {error}");
            fs::remove_dir(&root).expect("it is empty");
            for _ in 0..2 {
                let error = plugin.call("var", b"k").expect_err("there is no folder");
                assert_eq!(error.kind(), ErrorKind::Manifest, "{choice:?}: {error}");
            }
            fs::create_dir(&root).expect("it was removed");
            plugin.set_timeout(None);
            assert_eq!(plugin.call("var", b"k").expect("it starts again"), b"kept");
            assert_eq!(plugin.call("config", b"k").expect("it goes on"), b"set");
            assert_eq!((plugin.host().id(), plugin.id()), (id, id), "{choice:?}");
            plugin.set_timeout(Some(Duration::from_millis(20)));
        }
    }
    fs::remove_dir(&root).expect("it is empty");
}
