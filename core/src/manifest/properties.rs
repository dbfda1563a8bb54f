//! Property tests: any bytes are read or refused. Inputs are random bytes, random trees and changed valid
//! manifests. A failure prints the seed and the smallest input that fails.

use proptest::{prelude::*, test_runner::Config};

use super::{Manifest, Source, Value, Wasm, schema};
use crate::base::error::ErrorKind;

const CASES: u32 = 256;

const JSON: &str = r#"{"wasm": [{"path": "lib.wasm", "name": "lib"}, {"data": "AGFzbQ==", "hash":
 "AAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}, {"url": "http://a/b",
 "method": "POST", "headers": {"a": "b"}}], "memory": {"max_pages": 5, "max_var_bytes": 0},
 "config": {"k": "v"}, "allowed_hosts": ["*.a"], "allowed_paths": {"ro:/data": "/"},
 "timeout_ms": 18446744073709551615}"#;

const TOML: &str = "timeout_ms = 5\nallowed_hosts = [\"*.a\"]\n[[wasm]]\npath = \"lib.wasm\"\n\
 name = 'lib'\n[[wasm]]\nurl = \"http://a/b\"\nheaders = { a = \"b\" }\n[memory]\nmax = 5\n\
 [config]\n\"a.b\" = \"\"\"c\nd\"\"\"\n[allowed_paths]\n\"ro:/data\" = \"/\"\n";

/// Reads bytes. This must not panic, and a refusal has the kind `Manifest`.
fn read(bytes: &[u8]) -> Result<(), TestCaseError> {
    match Manifest::parse(bytes) {
        Ok(manifest) => {
            let written = serde_json::to_string(&manifest).expect("it can be written");
            prop_assert_eq!(Manifest::from_json(&written).ok(), Some(manifest));
        }
        Err(error) => {
            prop_assert_eq!(error.kind(), ErrorKind::Manifest);
            prop_assert!(error.to_string().starts_with("manifest: "));
        }
    }
    Ok(())
}

/// Replaces, inserts and removes pieces.
fn mutate(text: &str, changes: &[(usize, usize, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (at, length, piece) in changes {
        let at = at % (bytes.len() + 1);
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, piece.iter().copied());
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(usize, usize, Vec<u8>)>> {
    let words: Vec<&[u8]> = vec![
        b"null",
        b"-1",
        b"1e999",
        b"[",
        b"]",
        b"{",
        b"}",
        b"\"",
        b",",
        b":",
        b"=",
        b"\n",
        b"[[",
        b"0",
        b"true",
        b"1.5",
        b"\xff",
        b"\0",
        b"\\u0000",
        b"wasm",
        b"data",
        b"99999999999999999999",
    ];
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..4),
        proptest::sample::select(words).prop_map(<[u8]>::to_vec),
    ];
    proptest::collection::vec((any::<usize>(), 0usize..8, piece), 1..5)
}

/// Trees that look like manifests: known names more often than not, values of any kind.
fn tree() -> impl Strategy<Value = serde_json::Value> {
    let name = proptest::sample::select(vec![
        "wasm",
        "memory",
        "config",
        "allowed_hosts",
        "allowed_paths",
        "timeout_ms",
        "path",
        "data",
        "url",
        "method",
        "headers",
        "header",
        "name",
        "hash",
        "max",
        "max_pages",
        "max_var_bytes",
        "max_http_response_bytes",
        "ptr",
        "",
        "other",
    ]);
    let text = proptest::sample::select(vec!["", "main", "AGFzbQ==", "%", "a.wasm", "ro:/"]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        (0u32..9).prop_map(Into::into),
        (-2.5f64..2.5).prop_map(Into::into),
        text.prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let entries = proptest::collection::btree_map(name.clone(), inner.clone(), 0..4);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Into::into),
            entries.prop_map(|entries| {
                let entries = entries.into_iter().map(|(k, v)| (k.to_owned(), v));
                serde_json::Value::Object(entries.collect())
            }),
        ]
    })
}

/// A manifest in which one field was replaced.
fn nearly_right() -> impl Strategy<Value = serde_json::Value> {
    let places = proptest::sample::select(vec![
        "",
        "/wasm",
        "/wasm/0",
        "/wasm/0/path",
        "/wasm/0/name",
        "/wasm/1",
        "/wasm/1/data",
        "/wasm/1/hash",
        "/wasm/2",
        "/wasm/2/url",
        "/wasm/2/method",
        "/wasm/2/headers",
        "/wasm/2/headers/a",
        "/memory",
        "/memory/max_pages",
        "/memory/max_var_bytes",
        "/config",
        "/config/k",
        "/allowed_hosts",
        "/allowed_hosts/0",
        "/allowed_paths",
        "/allowed_paths/ro:~1data",
        "/timeout_ms",
    ]);
    (places, tree()).prop_map(|(place, other)| {
        let mut manifest: serde_json::Value = serde_json::from_str(JSON).expect("valid");
        *manifest.pointer_mut(place).expect("it is there") = other;
        manifest
    })
}

proptest! {
    #![proptest_config(Config { cases: CASES, ..Config::default() })]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes)?;
    }

    #[test]
    fn random_text(text in "[{\\[(]?\\PC{0,80}") {
        read(text.as_bytes())?;
    }

    #[test]
    fn changed_json(changes in changes()) {
        read(&mutate(JSON, &changes))?;
    }

    #[test]
    fn changed_toml(changes in changes()) {
        read(&mutate(TOML, &changes))?;
    }

    /// The reader and the schema accept the same trees.
    #[test]
    fn the_schema_agrees(value in prop_oneof![nearly_right(), tree()]) {
        let ours = Manifest::from_value(serde_json::from_value(value.clone()).expect("a tree"));
        let schema = schema::validator().is_valid(&value);
        prop_assert_eq!(ours.is_ok(), schema, "{} {:?}", value, ours.err());
    }

    /// JSON and TOML of the same tree are the same manifest.
    #[test]
    fn written_and_read(path in "\\PC{0,20}", key in "\\PC{0,9}", value: String, bytes: Vec<u8>,
        pages: Option<u32>, timeout: Option<u64>) {
        let mut manifest = Manifest::new([Wasm::file(path), Wasm::data(bytes.clone())])
            .with_config(key, value);
        manifest.memory.max_pages = pages;
        manifest.timeout_ms = timeout;
        let written = serde_json::to_value(&manifest).expect("it can be written");
        let tree: Value = serde_json::from_value(written).expect("it is a tree");
        let read = Manifest::from_value(tree).expect("it is valid");
        prop_assert_eq!(&read.wasm[1].source, &Source::Data(bytes));
        prop_assert_eq!(read, manifest);
    }
}
