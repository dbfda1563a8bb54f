//! Manifests that are accepted and refused, and how; and one that uses every field.

use std::time::Duration;

use super::{Hash, MODULE_LIMIT, Manifest, Memory, SIZE_LIMIT, Source, Value, Wasm, config_update};

/// JSON manifests in which nothing is wrong.
pub(super) const ACCEPTED: &[&str] = &[
    "{}",
    r#"{"wasm": []}"#,
    r#"{"wasm": [{"path": "a"}]}"#,
    r#"{"wasm": [{"path": ""}]}"#,
    r#"{"wasm": [{"data": ""}]}"#,
    r#"{"wasm": [{"data": "AGFzbQ=="}]}"#,
    r#"{"wasm": [{"path": "a", "name": "", "hash": null, "data": null, "url": null}]}"#,
    r#"{"wasm": [{"url": "a", "method": null, "headers": {"a": "b"}}]}"#,
    r#"{"wasm": [{"url": "a", "method": "post", "header": {}}]}"#,
    r#"{"memory": {}}"#,
    r#"{"memory": {"max_pages": 0, "max_http_response_bytes": 0, "max_var_bytes": 0}}"#,
    r#"{"memory": {"max_pages": null, "max_http_response_bytes": null, "max_var_bytes": null}}"#,
    r#"{"memory": {"max": 4294967295}}"#,
    r#"{"config": {"": "", "a.b": "c"}}"#,
    r#"{"allowed_hosts": null, "allowed_paths": null, "timeout_ms": null}"#,
    r#"{"allowed_hosts": ["*", ""], "allowed_paths": {"ro:/a": "/b"}}"#,
    r#"{"timeout_ms": 18446744073709551615}"#,
];

const FIELDS: &str = "`path`, `data`, `url`, `method`, `headers`, `name`, `hash`";

/// JSON manifests and what is wrong with them.
pub(super) const REFUSED: &[(&str, &str)] = &[
    (
        r#"{"wasm": [{"path": "a", "pth": 1}]}"#,
        "wasm[0].pth: unknown field, allowed are FIELDS",
    ),
    (
        r#"{"wasn": []}"#,
        "wasn: unknown field, allowed are `wasm`, `memory`, `config`, `allowed_hosts`, \
         `allowed_paths`, `timeout_ms`",
    ),
    (
        r#"{"max": 1}"#,
        "max: unknown field, allowed are `wasm`, `memory`, `config`, `allowed_hosts`, \
         `allowed_paths`, `timeout_ms`",
    ),
    (
        r#"{"memory": {"max_pages": -1}}"#,
        "memory.max_pages: found the number -1, expected a whole number from 0 to 4294967295",
    ),
    (
        r#"{"memory": {"max": 4294967296}}"#,
        "memory.max_pages: found the number 4294967296, expected a whole number from 0 to \
         4294967295",
    ),
    (
        r#"{"memory": {"max_var_bytes": true}}"#,
        "memory.max_var_bytes: found true, expected a whole number from 0 to 18446744073709551615",
    ),
    (
        r#"{"memory": {"max_http_response_bytes": 1.5}}"#,
        "memory.max_http_response_bytes: found the number 1.5, expected a whole number from 0 to \
         18446744073709551615",
    ),
    (
        r#"{"memory": {"max_pagse": 1}}"#,
        "memory.max_pagse: unknown field, allowed are `max_pages`, `max_http_response_bytes`, \
         `max_var_bytes`",
    ),
    (
        r#"{"memory": null}"#,
        "memory: found null, expected an object",
    ),
    (
        r#"{"timeout_ms": "5"}"#,
        "timeout_ms: found the text \"5\", expected a whole number from 0 to 18446744073709551615",
    ),
    (
        r#"{"config": {"a": 1}}"#,
        "config.a: found the number 1, expected a text",
    ),
    (
        r#"{"config": {"a b": null}}"#,
        "config.\"a b\": found null, expected a text",
    ),
    (
        r#"{"config": null}"#,
        "config: found null, expected an object of texts",
    ),
    (
        r#"{"allowed_hosts": "a"}"#,
        "allowed_hosts: found the text \"a\", expected a list",
    ),
    (
        r#"{"allowed_hosts": ["a", ["b"]]}"#,
        "allowed_hosts[1]: found a list, expected a text",
    ),
    (
        r#"{"allowed_paths": ["a"]}"#,
        "allowed_paths: found a list, expected an object of texts",
    ),
    (r#"{"wasm": {}}"#, "wasm: found an object, expected a list"),
    (r#"{"wasm": null}"#, "wasm: found null, expected a list"),
    (
        r#"{"wasm": ["a.wasm"]}"#,
        "wasm[0]: found the text \"a.wasm\", expected an object",
    ),
    (
        r#"{"wasm": [{}]}"#,
        "wasm[0]: found none of them, expected exactly one of `path`, `data` and `url`",
    ),
    (
        r#"{"wasm": [{"path": "a", "url": "b"}]}"#,
        "wasm[0]: found `path` and `url`, expected exactly one of `path`, `data` and `url`",
    ),
    (
        r#"{"wasm": [{"path": "a", "data": "", "url": "b"}]}"#,
        "wasm[0]: found `path`, `data` and `url`, expected exactly one of `path`, `data` and `url`",
    ),
    (
        r#"{"wasm": [{"path": 5}]}"#,
        "wasm[0].path: found the number 5, expected a text",
    ),
    (
        r#"{"wasm": [{"path": "a", "method": "GET"}]}"#,
        "wasm[0].method: allowed only beside `url`",
    ),
    (
        r#"{"wasm": [{"data": "", "header": {}}]}"#,
        "wasm[0].headers: allowed only beside `url`",
    ),
    (
        r#"{"wasm": [{"url": "a", "headers": null}]}"#,
        "wasm[0].headers: found null, expected an object of texts",
    ),
    (
        r#"{"wasm": [{"data": {"ptr": 4096, "len": 4}}]}"#,
        "wasm[0].data: found an address in the memory of the host, which a manifest must not read; \
         expected a text in base64",
    ),
    (
        r#"{"wasm": [{"data": {}}]}"#,
        "wasm[0].data: found an object, expected a text in base64",
    ),
    (
        r#"{"wasm": [{"data": "%"}]}"#,
        "wasm[0].data: found the text \"%\", which is not base64 (Invalid symbol 37, offset 0.); \
         expected base64 of the standard alphabet, with padding",
    ),
    (
        r#"{"wasm": [{"data": "AGFzbQ"}]}"#,
        "wasm[0].data: found the text \"AGFzbQ\", which is not base64 (Invalid padding); expected \
         base64 of the standard alphabet, with padding",
    ),
    (
        r#"{"wasm": [{"path": "a", "hash": "ab"}]}"#,
        "wasm[0].hash: found the text \"ab\", expected a SHA-256, which has 64 hexadecimal digits",
    ),
    (
        r#"{"timeout_ms": 1, "twice": 1, "timeout_ms": 2}"#,
        "2 mistakes:\ntwice: unknown field, allowed are `wasm`, `memory`, `config`, \
         `allowed_hosts`, `allowed_paths`, `timeout_ms`\ntimeout_ms: given twice",
    ),
    (
        r#"{"memory": {"max": 1, "max_pages": 2}}"#,
        "memory.max_pages: given twice",
    ),
    (
        r#"{"config": {"twice": "1", "twice": "1"}}"#,
        "config.twice: given twice",
    ),
    (
        r#"{"timeout_ms": -1, "memory": {"max_pages": "x"}, "wasm": [{"path": 1}, {"data": 2}, {}]}"#,
        "5 mistakes:\n\
         wasm[0].path: found the number 1, expected a text\n\
         wasm[1].data: found the number 2, expected a text in base64\n\
         wasm[2]: found none of them, expected exactly one of `path`, `data` and `url`\n\
         memory.max_pages: found the text \"x\", expected a whole number from 0 to 4294967295\n\
         timeout_ms: found the number -1, expected a whole number from 0 to 18446744073709551615",
    ),
];

/// What is no manifest at all, and TOML.
const OTHERWISE_REFUSED: &[(&str, &str)] = &[
    ("{} x", "trailing characters at line 1 column 4"),
    ("{\"a\": 1,}", "trailing comma at line 1 column 9"),
    ("", "it is empty; a plug-in is"),
    ("hello", "the text starts with \"hello\"; a plug-in is"),
    (
        "timeout_ms = 1.5",
        "timeout_ms: found the number 1.5, expected a whole number from 0 to 18446744073709551615",
    ),
    (
        "timeout_ms = 2026-11-22",
        "timeout_ms: found a value of type date, expected a whole number from 0 to \
         18446744073709551615",
    ),
    (
        "config = 5\n[memory]\nmax_pages = 1\n\n[[wasm]]\npth = 1",
        "3 mistakes:\nwasm[0].pth: unknown field, allowed are FIELDS\nwasm[0]: found none of them, \
         expected exactly one of `path`, `data` and `url`\nconfig: found the number 5, expected \
         an object of texts",
    ),
    (
        "[memory]\nmax_pages = = 1",
        "extra `=`, expected nothing at line 2",
    ),
    ("timeout_ms = 1\ntimeout_ms = 2", "duplicate key"),
];

fn refusal(result: crate::Result<Manifest>, what: &str) -> String {
    let error = result.expect_err(what);
    assert_eq!(error.kind().name(), "manifest", "{what}");
    let message = error.to_string();
    let rest = message.strip_prefix("manifest: ").expect("the prefix");
    rest.to_owned()
}

#[test]
fn mistakes_are_named() {
    for (text, expect) in REFUSED.iter().chain(OTHERWISE_REFUSED) {
        let found = refusal(Manifest::parse(text.as_bytes()), text);
        let expect = expect.replace("FIELDS", FIELDS);
        let fits = match expect.ends_with("a plug-in is") || expect == "duplicate key" {
            true => found.starts_with(&expect),
            false => found == expect,
        };
        assert!(fits, "{text}\n  found  {found}\n  expect {expect}");
    }
}

#[test]
fn what_is_right_is_accepted() {
    for text in ACCEPTED {
        let manifest = Manifest::parse(text.as_bytes()).expect(text);
        let written = serde_json::to_string(&manifest).expect("it can be written");
        assert_eq!(Manifest::from_json(&written).expect(text), manifest);
        let nested: Manifest = serde_json::from_str(text).expect(text);
        assert_eq!(nested, manifest);
    }
}

#[test]
fn mistakes_are_bounded() {
    let text = format!("{{\"config\": {{{}}}}}", vec!["\"k\": 1"; 500].join(","));
    let found = refusal(Manifest::from_json(&text), "500 mistakes");
    assert!(found.starts_with("500 mistakes:\nconfig.k: "), "{found}");
    assert!(found.ends_with("\nand 480 more"), "{found}");
    let long = "x".repeat(100_000);
    let text = format!("{{\"{long}\": 1, \"timeout_ms\": \"{long}\"}}");
    let found = refusal(Manifest::from_json(&text), "long texts");
    assert!(found.len() < 500, "{} bytes", found.len());
}

#[test]
fn sizes_are_bounded() {
    let text = |length: usize| format!("{{\"config\": {{\"k\": \"{}\"}}}}", "v".repeat(length));
    // Three values, two keys.
    let room = SIZE_LIMIT - 3 - "config".len() - "k".len();
    Manifest::from_json(&text(room)).expect("it just fits");
    let found = refusal(Manifest::from_json(&text(room + 1)), "one byte more");
    let limit = "it is larger than 1048576 bytes, not counting the `data` of modules";
    assert_eq!(found, limit);
    let toml = format!("[config]\nk = \"{}\"", "v".repeat(room));
    Manifest::from_toml(&toml).expect("it just fits");
    let toml = format!("[config]\nk = \"{}\"", "v".repeat(room + 1));
    assert_eq!(refusal(Manifest::from_toml(&toml), "one byte more"), limit);
    let zeros = "0,".repeat(SIZE_LIMIT);
    assert_eq!(
        refusal(
            Manifest::from_json(&format!("{{\"wasm\":[{zeros}0]}}")),
            "zeros"
        ),
        limit
    );
    // Modules have limits of their own.
    let data = "A".repeat(4 * SIZE_LIMIT);
    let manifest = Manifest::from_json(&format!("{{\"wasm\": [{{\"data\": \"{data}\"}}]}}"));
    let bytes = manifest.expect("data is not counted").wasm.remove(0).source;
    assert_eq!(bytes, Source::Data(vec![0; 3 * SIZE_LIMIT]));
    let deep = "[".repeat(100_000);
    let found = refusal(Manifest::from_json(&format!("{{\"wasm\": {deep}")), "deep");
    assert!(found.starts_with("recursion limit exceeded"), "{found}");
}

#[test]
fn modules_are_bounded() {
    let text = |count: usize| {
        let modules = vec!["{\"data\": \"\"}"; count].join(",");
        format!("{{\"wasm\": [{modules}]}}")
    };
    Manifest::from_json(&text(MODULE_LIMIT)).expect("it just fits");
    let limit = "wasm: found 65 modules, at most 64 are allowed";
    let found = Manifest::from_json(&text(MODULE_LIMIT + 1));
    assert_eq!(refusal(found, "one more"), limit);
    let built = Manifest::new(vec![Wasm::data([]); MODULE_LIMIT + 1]);
    let error = built.names().expect_err("one more");
    assert_eq!(error.to_string(), format!("manifest: {limit}"));
}

#[test]
fn names_of_modules() {
    let names = |names: &[Option<&str>]| {
        let module = |name: &Option<&str>| {
            let wasm = Wasm::data([]);
            match name {
                Some(name) => wasm.with_name(*name),
                None => wasm,
            }
        };
        let manifest = Manifest::new(names.iter().map(module));
        let names = manifest.names().map(|names| names.join(" "));
        names.map_err(|error| error.to_string())
    };
    for (given, expected) in [
        (&[None][..], "main"),
        (&[Some("x")], "main"),
        (&[Some("x"), None], "x main"),
        (&[Some("x"), Some("x")], "x main"),
        (&[Some(""), Some("y")], " main"),
        (&[Some("main"), Some("y")], "main y"),
    ] {
        assert_eq!(names(given).as_deref(), Ok(expected), "{given:?}");
    }
    let unnamed = "of several modules only the last may be without a name";
    for (given, expected) in [
        (
            &[][..],
            "wasm: no module is given, at least one is needed".to_owned(),
        ),
        (&[None, None], format!("wasm[0].name: {unnamed}")),
        (&[Some("main"), None], format!("wasm[1].name: {unnamed}")),
        (
            &[None, Some("a"), Some("a"), Some("main"), Some("main")],
            format!(
                "3 mistakes:\nwasm[0].name: {unnamed}\nwasm[2].name: there are two modules \
                 `a`\nwasm[4].name: there are two modules `main`"
            ),
        ),
    ] {
        assert_eq!(
            names(given),
            Err(format!("manifest: {expected}")),
            "{given:?}"
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
        "timeout_ms": 1500
    }"#;
    let manifest = Manifest::parse(text.as_bytes()).expect("valid");
    let request = Source::Url {
        url: "https://example.com/a.wasm".into(),
        method: Some("POST".into()),
        headers: [("a".into(), "b".into())].into(),
    };
    let built = Manifest::new([
        Wasm::file("lib.wasm").with_name("lib"),
        Wasm::data(*b"\0asm").with_hash(Hash([0xaa; 32])),
    ])
    .with_wasm(request)
    .with_memory(Memory {
        max_pages: None,
        max_http_response_bytes: Some(6),
        max_var_bytes: Some(0),
    })
    .with_max_pages(5)
    .with_config("k", "v")
    .with_allowed_host("*.example.com")
    .with_allowed_path("ro:/data", "/")
    .with_timeout(Duration::from_millis(1500));
    assert_eq!(manifest, built);
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

#[test]
fn updates_of_a_configuration() {
    let text = |text: &str| Value::Text(text.to_owned());
    let update = |entries: &[(&str, Value)]| {
        let entries = entries.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
        config_update(Value::Table(entries.collect()))
    };
    let read = update(&[("a", text("1")), ("b", Value::Null)]).expect("valid");
    let expected = [
        ("a".to_owned(), Some("1".to_owned())),
        ("b".to_owned(), None),
    ];
    assert_eq!(read, expected.into());
    let error = update(&[("a", text("1")), ("b", Value::Bool(true))]).expect_err("no text");
    assert_eq!(
        error.to_string(),
        "manifest: config.b: found true, expected a text"
    );
}

#[test]
fn hashes() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Hash::of(b"").to_string(), empty);
    assert_eq!(Hash::from_hex(&empty.to_uppercase()), Some(Hash::of(b"")));
    for wrong in [
        "",
        &empty[1..],
        &format!("{empty}0"),
        &empty.replace('e', "g"),
        &"é".repeat(32),
    ] {
        assert_eq!(Hash::from_hex(wrong), None, "{wrong}");
    }
}
