//! Manifests in their textual form, with modules from files, through to a call on every engine.

use std::path::PathBuf;

use polyextism::{
    Choice, Compiled, Error, ErrorKind, Function, Manifest, Options, Plugin, builtins,
};
use polyextism_tests::{engines, plugin};

const LIBRARY: &str = r#"(module (func (export "seven") (result i32) (i32.const 7)))"#;
const MAIN: &str = r#"
(module
  (import "lib" "seven" (func $seven (result i32)))
  (func (export "run") (result i32) (call $seven)))
"#;

/// A file of this test run.
fn file(name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).expect("the file can be written");
    path
}

fn compile(choice: &Choice, manifest: &str) -> Result<Compiled, Error> {
    let manifest = Manifest::parse(manifest.as_bytes())?;
    choice.compile(&manifest, &Options::default())
}

fn runs(choice: &Choice, manifest: &str) {
    let compiled = compile(choice, manifest).expect("the manifest is right");
    let mut plugin = Plugin::new(&compiled).expect("an instance");
    let error = plugin.call("run", b"").expect_err("it returns 7");
    assert_eq!(error.kind(), ErrorKind::ReturnCode(7), "{choice:?}");
}

#[test]
fn modules_from_files() {
    let binary = wat::parse_str(LIBRARY).expect("the text is valid");
    let text = file("linking_lib.wat", LIBRARY);
    let binary = file("linking_lib.wasm", binary);
    let main = file("linking_main.wat", MAIN);
    for choice in engines() {
        for library in [&text, &binary] {
            let manifest = serde_json::json!({
                "wasm": [{"path": library, "name": "lib"}, {"path": main}]
            });
            runs(&choice, &manifest.to_string());
        }
    }
}

#[test]
fn modules_in_the_manifest() {
    // base64 of the binaries, as other hosts write them
    let data = |text: &str| {
        let wasm = polyextism::manifest::Wasm::from(wat::parse_str(text).expect("valid"));
        serde_json::to_value(wasm).expect("it can be written")
    };
    let mut library = data(LIBRARY);
    library["name"] = "lib".into();
    let manifest = serde_json::json!({"wasm": [library, data(MAIN)]}).to_string();
    for choice in engines() {
        runs(&choice, &manifest);
    }
}

#[test]
fn mistakes_in_a_manifest_are_the_same_on_every_engine() {
    let missing = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("no_such_file.wasm");
    let library = file("linking_mistakes.wat", LIBRARY);
    let digest = "0".repeat(64);
    let cases = [
        (
            serde_json::json!({"wasm": []}),
            "manifest",
            "no module is given",
        ),
        (
            serde_json::json!({"wasm": [{"path": missing}]}),
            "manifest",
            "no_such_file.wasm",
        ),
        (
            serde_json::json!({"wasm": [{"path": library, "hash": digest}]}),
            "manifest",
            "the module has the SHA-256",
        ),
        (
            serde_json::json!({"wasm": [{"url": "ftp://example.com/x.wasm"}]}),
            "manifest",
            "wasm[0].url: the URL has the scheme `ftp`",
        ),
        (
            serde_json::json!({"wasm": [{"path": library}], "timeout_ms": -5}),
            "manifest",
            "timeout_ms",
        ),
        (
            serde_json::json!({"wasm": [{"path": library}], "extra": 5}),
            "manifest",
            "extra",
        ),
    ];
    for (manifest, kind, part) in cases {
        let mut first = None;
        for choice in engines() {
            let error = compile(&choice, &manifest.to_string()).expect_err("it is wrong");
            let text = error.to_string();
            assert_eq!(error.kind().name(), kind, "{choice:?}: {text}");
            assert!(text.contains(part), "{choice:?}: {text}");
            assert_eq!(
                *first.get_or_insert_with(|| text.clone()),
                text,
                "{choice:?}"
            );
        }
    }
}

/// Every builtin and every kernel function can be imported, under both names.
#[test]
fn everything_that_is_offered_can_be_imported() {
    use polyextism::{backend::Signature, internal::KERNEL_FUNCTIONS};
    let types = [
        ("config_get", "(param i64) (result i64)"),
        ("get_log_level", "(result i32)"),
        ("http_headers", "(result i64)"),
        ("http_request", "(param i64 i64) (result i64)"),
        ("http_status_code", "(result i32)"),
        ("log_debug", "(param i64)"),
        ("log_error", "(param i64)"),
        ("log_info", "(param i64)"),
        ("log_trace", "(param i64)"),
        ("log_warn", "(param i64)"),
        ("var_get", "(param i64) (result i64)"),
        ("var_set", "(param i64 i64)"),
    ];
    assert!(builtins().eq(types.iter().map(|(name, _)| *name)));
    let mut functions: Vec<(&str, String)> =
        types.map(|(n, ty)| (n, format!("(func {ty})"))).into();
    functions.extend(
        KERNEL_FUNCTIONS
            .iter()
            .map(|&(name, params, results)| (name, Signature::new(params, results).to_string())),
    );
    let import = |(name, ty): &(&str, String)| {
        format!(
            "(import \"extism:host/env\" \"{name}\" {ty})(import \"env\" \"extism_{name}\" {ty})"
        )
    };
    let imports: String = functions.iter().map(import).collect();
    let guest = format!("(module {imports} (func (export \"run\")))");
    for choice in engines() {
        let mut plugin = plugin(&choice, &guest, &[]).expect("everything is offered");
        plugin.call("run", b"").expect("it does nothing");
    }
}

/// Thousands of imports of few functions, as tool chains with many objects may make them.
#[test]
fn many_imports() {
    let imports = "(import \"env\" \"f\" (func (param i64) (result i64)))".repeat(5000);
    let guest =
        format!("(module {imports} (func (export \"run\") (drop (call 4999 (i64.const 1)))))");
    let function = Function::typed("f", |_, (n,): (i64,)| Ok(n));
    for choice in engines() {
        let made = plugin(&choice, &guest, std::slice::from_ref(&function));
        made.expect("it links").call("run", b"").expect("it runs");
    }
}
