//! Manifests that are accepted, and manifests that are refused, with the messages.

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

/// The fields of a module. `FIELDS` stands for them below.
pub(super) const FIELDS: &str = "`path`, `data`, `url`, `method`, `headers`, `name`, `hash`";

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
        r#"{"memory": {"max": 1, "max_pages": "x"}}"#,
        "2 mistakes:\nmemory.max_pages: given twice\nmemory.max_pages: found the text \"x\", expected a \
         whole number from 0 to 4294967295",
    ),
    (
        r#"{"memory": {"max_pages": "x", "max": 1}}"#,
        "2 mistakes:\nmemory.max_pages: given twice\nmemory.max_pages: found the text \"x\", expected a \
         whole number from 0 to 4294967295",
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

/// Inputs that are not manifests, and TOML.
pub(super) const OTHERWISE_REFUSED: &[(&str, &str)] = &[
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
