//! Manifests that are refused, and how; and one that uses every field.

use super::{Hash, Manifest, Source};

#[test]
fn mistakes_are_named() {
    for (text, expect) in [
        (
            r#"{"wasm": [{"path": "a", "pth": 1}]}"#,
            "wasm[0].pth: unknown field `pth`, expected one of `path`, `data`, `url`, `method`, `header`, `headers`, `name`, `hash`",
        ),
        (
            r#"{"wasn": []}"#,
            "wasn: unknown field `wasn`, expected one of `wasm`, `memory`, `config`, `allowed_hosts`, `allowed_paths`, `timeout_ms`",
        ),
        (
            r#"{"memory": {"max_pages": -1}}"#,
            "memory.max_pages: invalid value: integer `-1`, expected u32",
        ),
        (
            r#"{"memory": {"max_pages": 4294967296}}"#,
            "memory.max_pages: invalid value: integer `4294967296`, expected u32",
        ),
        (
            r#"{"timeout_ms": "5"}"#,
            "timeout_ms: invalid type: string \"5\", expected u64",
        ),
        (
            r#"{"config": {"a": 1}}"#,
            "config.a: invalid type: integer `1`, expected a string",
        ),
        (
            r#"{"wasm": {}}"#,
            "wasm: invalid type: map, expected a sequence",
        ),
        (
            r#"{"wasm": [{}]}"#,
            "wasm[0]: a module needs one of `path`, `data` and `url`",
        ),
        (
            r#"{"wasm": [{"path": "a", "url": "b"}]}"#,
            "wasm[0]: a module has only one of `path`, `data` and `url`",
        ),
        (
            r#"{"wasm": [{"path": "a", "method": "GET"}]}"#,
            "wasm[0]: `method` and `headers` are allowed only beside `url`",
        ),
        (
            r#"{"wasm": [{"data": {"ptr": 4096, "len": 4}}]}"#,
            "wasm[0].data: invalid type: map, expected a string",
        ),
        (r#"{"wasm": [{"data": "%"}]}"#, "wasm[0].data: not base64"),
        (
            r#"{"wasm": [{"path": "a", "hash": "ab"}]}"#,
            "wasm[0].hash: not a SHA-256, which has 64 hexadecimal digits",
        ),
        ("{} x", "trailing characters"),
        ("", "it is empty; a plug-in is"),
        ("hello", "the text starts with \"hello\"; a plug-in is"),
        (
            "timeout_ms = 1.5",
            "timeout_ms: invalid type: floating point `1.5`, expected u64 at line 1",
        ),
        (
            "[memory]\nmax_pages = 1\n\n[[wasm]]\npth = 1",
            "wasm[0].pth: unknown field `pth`, expected one of `path`, `data`",
        ),
        (
            "[memory]\nmax_pages = = 1",
            "extra `=`, expected nothing at line 2",
        ),
    ] {
        let error = Manifest::parse(text.as_bytes()).expect_err(text);
        assert_eq!(error.kind().name(), "manifest", "{text}");
        let message = error.to_string();
        let rest = message.strip_prefix("manifest: ").expect("the prefix");
        assert!(
            rest.starts_with(expect),
            "{text}\n  found  {rest}\n  expect {expect}"
        );
    }
}

#[test]
fn every_field_is_read_and_written() {
    let text = r#"{
        "wasm": [
            {"path": "lib.wasm", "name": "lib"},
            {"data": "AGFzbQ==", "hash": "AAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
            {"url": "https://example.com/a.wasm", "method": "POST", "headers": {"a": "b"}}
        ],
        "memory": {"max_pages": 5, "max_http_response_bytes": 6, "max_var_bytes": 0},
        "config": {"k": "v"},
        "allowed_hosts": ["*.example.com"],
        "allowed_paths": {"ro:/data": "/"},
        "timeout_ms": 18446744073709551615
    }"#;
    let manifest = Manifest::parse(text.as_bytes()).expect("valid");
    assert_eq!(manifest.wasm[1].source, Source::Data(b"\0asm".to_vec()));
    assert_eq!(manifest.wasm[1].hash, Some(Hash([0xaa; 32])));
    assert_eq!(manifest.memory.max_var_bytes, Some(0));
    assert_eq!(manifest.timeout_ms, Some(u64::MAX));
    let written = serde_json::to_string(&manifest).expect("can be written");
    assert_eq!(Manifest::from_json(&written).expect("valid"), manifest);
}

#[test]
fn toml_and_older_names() {
    let text = r#"
        timeout_ms = 5
        [[wasm]]
        url = "https://example.com/a.wasm"
        header = { a = "b" }
        [memory]
        max = 5
        [config]
        "a.b" = "c"
    "#;
    let json = r#"{"timeout_ms": 5, "memory": {"max_pages": 5}, "config": {"a.b": "c"},
        "wasm": [{"url": "https://example.com/a.wasm", "headers": {"a": "b"}}]}"#;
    let manifest = Manifest::parse(text.as_bytes()).expect("valid");
    assert_eq!(manifest, Manifest::parse(json.as_bytes()).expect("valid"));
}
