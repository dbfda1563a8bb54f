//! Manifests that are accepted, manifests that are refused, and one that uses every field.

use std::time::Duration;

use super::{
    Hash, MODULE_LIMIT, Manifest, Memory, SIZE_LIMIT, Source, Value, Wasm, config_update,
    examples::{ACCEPTED, FIELDS, OTHERWISE_REFUSED, REFUSED},
};

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
