//! Plug-ins that real tool chains and official language kits have made: the same output, variables
//! and errors on every engine. Sources and recipes lie in `guests/`; the official Rust ones come in
//! the registry package `extism-pdk`, a dev-dependency.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use polyextism::{
    Choice, Function, Manifest, Options, Plugin, Wasi,
    manifest::{Source, Wasm},
};
use polyextism_tests::{engines, files, outcome::Outcome, server::Server, web};

/// A plug-in and what it is given.
struct Guest {
    path: PathBuf,
    wasi: bool,
    config: &'static [(&'static str, &'static str)],
    folder: Option<PathBuf>,
    hosts: &'static [&'static str],
}

impl Guest {
    fn own(path: &str) -> Self {
        Self {
            path: files::home().join("guests").join(path),
            wasi: false,
            config: &[],
            folder: None,
            hosts: &[],
        }
    }

    fn with_wasi(self) -> Self {
        Self { wasi: true, ..self }
    }

    fn with_config(self, config: &'static [(&'static str, &'static str)]) -> Self {
        Self { config, ..self }
    }

    fn with_hosts(self, hosts: &'static [&'static str]) -> Self {
        Self { hosts, ..self }
    }

    /// A folder that the guest sees as `/data`, with one file; empty for each call of this.
    fn with_folder(self, name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        std::fs::write(folder.join("hello.txt"), "from a file").expect("it can be written");
        let folder = Some(folder);
        Self { folder, ..self }
    }

    fn start(&self, choice: &Choice) -> Plugin {
        let text = |text: &&str| (*text).to_owned();
        let mut manifest = Manifest::of(Wasm::from(Source::Path(self.path.clone())));
        let config = self
            .config
            .iter()
            .map(|(key, value)| (text(key), text(value)));
        manifest.config = config.collect();
        manifest.allowed_paths = self.folder.as_ref().map(|folder| {
            let folder = folder.to_str().expect("the path is plain").to_owned();
            BTreeMap::from([(folder, "/data".to_owned())])
        });
        manifest.allowed_hosts = Some(self.hosts.iter().map(text).collect());
        let mut options = Options::default()
            .with_functions(vec![Function::text("hello_world", |_, text| {
                Ok(text.replace('3', "42"))
            })])
            .with_wasi(self.wasi.then(Wasi::default));
        options.http.response_headers = true;
        let compiled = choice.compile(&manifest, &options);
        let compiled = compiled.unwrap_or_else(|error| panic!("{:?}: {error:?}", self.path));
        Plugin::new(&compiled).unwrap_or_else(|error| panic!("{:?}: {error:?}", self.path))
    }

    /// Calls functions one after the other on every engine: name, input, expected outcome.
    fn check(&self, steps: &[(&str, &[u8], &str)]) {
        for choice in engines() {
            let mut plugin = self.start(&choice);
            for (function, input, expected) in steps {
                let outcome = Outcome::of(plugin.call(function, input)).to_string();
                let path = self.path.display();
                assert_eq!(outcome, *expected, "{choice:?} {path} {function}");
            }
        }
    }
}

const COUNTS: &[(&str, &[u8], &str)] = &[
    (
        "count_vowels",
        b"Hello, World!",
        r#"ok "{\"count\":3,\"total\":3,\"vowels\":\"aeiouAEIOU\"}""#,
    ),
    (
        "count_vowels",
        b"aaaa",
        r#"ok "{\"count\":4,\"total\":7,\"vowels\":\"aeiouAEIOU\"}""#,
    ),
    (
        "count_vowels",
        b"",
        r#"ok "{\"count\":0,\"total\":7,\"vowels\":\"aeiouAEIOU\"}""#,
    ),
];

#[test]
fn c_without_a_libc() {
    let guest = Guest::own("c/c_zig_freestanding.wasm");
    guest.check(COUNTS);
    guest.check(&[
        ("echo", b"seven b", r#"ok "seven b""#),
        ("echo", b"", r#"ok """#),
        (
            "echo",
            &[7; 100_000],
            "ok 100000 bytes, hash dbf456283a825745",
        ),
        ("log_test", b"", r#"ok """#),
        ("call_host", b"1 2 3", r#"ok "1 2 42""#),
        ("fail", b"", r#"error guest(code 7) "it failed""#),
        (
            "trap",
            b"",
            r#"error trap(unreachable) "the guest trapped: unreachable executed""#,
        ),
        (
            "http_get",
            br#"{"url": "http://example.com"}"#,
            r#"error host-function "`http_request`: the host `example.com` is not allowed by allowed_hosts""#,
        ),
        ("echo", b"still alive", r#"ok "still alive""#),
    ]);
    guest.with_config(&[("vowels", "o")]).check(&[(
        "count_vowels",
        b"Hello, World!",
        r#"ok "{\"count\":2,\"total\":2,\"vowels\":\"o\"}""#,
    )]);
}

#[test]
fn zig() {
    let guest = Guest::own("zig/zig.wasm");
    guest.check(COUNTS);
    guest.check(&[
        ("echo", b"from zig", r#"ok "from zig""#),
        (
            "echo",
            &[9; 100_000],
            "ok 100000 bytes, hash 5c8df4463143e645",
        ),
        ("log_test", b"", r#"ok """#),
        ("call_host", b"number 3", r#"ok "number 42""#),
        ("fail", b"", r#"error guest(code 7) "it failed""#),
    ]);
}

#[test]
fn assemblyscript() {
    let guest = Guest::own("assemblyscript/as_pdk.wasm");
    guest.check(COUNTS);
    guest.check(&[
        (
            "echo",
            b"from AssemblyScript",
            r#"ok "from AssemblyScript""#,
        ),
        (
            "echo",
            &[9; 100_000],
            "ok 100000 bytes, hash 5c8df4463143e645",
        ),
        ("call_host", b"3", r#"ok "AS got: 42""#),
    ]);
}

#[test]
fn c_with_wasi() {
    let guest = Guest::own("c/c_zig_wasi_reactor.wasm").with_wasi();
    guest.check(&[
        ("echo", b"through malloc", r#"ok "through malloc""#),
        (
            "wasi_info",
            b"",
            r#"ok "{\"clock_ok\":true,\"random\":true,\"home\":\"\",\"file\":\"fopen: No such file or directory\",\"pi\":3.141593}""#,
        ),
    ]);
    guest.with_folder("c_with_wasi").check(&[(
        "wasi_info",
        b"",
        r#"ok "{\"clock_ok\":true,\"random\":true,\"home\":\"\",\"file\":\"from a file\",\"pi\":3.141593}""#,
    )]);
}

#[test]
fn cpp_with_wasi() {
    Guest::own("c/cpp_zig_wasi_words.wasm").with_wasi().check(&[
        ("words", b"b a b  c\nb a", r#"ok "a=2;b=3;c=1;""#),
        ("words", b"", r#"ok """#),
    ]);
}

#[test]
fn sqlite() {
    let guest = Guest::own("sqlite/sqlite_plugin.wasm").with_wasi();
    let steps: &[(&str, &[u8], &str)] = &[
        ("version", b"", r#"ok "3.54.1""#),
        ("sql", b"create table t(a integer, b text)", r#"ok "[]""#),
        (
            "sql",
            b"insert into t values (1, 'one'), (2, 'two'), (3, null)",
            r#"ok "[]""#,
        ),
        (
            "sql",
            b"select a, b from t order by a desc",
            r#"ok "[{\"a\":\"3\",\"b\":null},{\"a\":\"2\",\"b\":\"two\"},{\"a\":\"1\",\"b\":\"one\"}]""#,
        ),
        (
            "sql",
            b"select missing",
            r#"error guest(code 1) "no such column: missing""#,
        ),
        (
            "sql",
            b"with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000) \
              select sum(i) as s from n",
            r#"ok "[{\"s\":\"50005000\"}]""#,
        ),
    ];
    guest.check(steps);
}

#[test]
fn sqlite_in_a_file() {
    for choice in engines() {
        let guest = Guest::own("sqlite/sqlite_plugin.wasm").with_wasi();
        let guest = guest.with_config(&[("db", "/data/test.db")]);
        let guest = guest.with_folder(&format!("sqlite_{}", choice.name().replace(':', "_")));
        let mut first = guest.start(&choice);
        for sql in ["create table t(a)", "insert into t values ('kept')"] {
            first
                .call("sql", sql.as_bytes())
                .expect("the statement is fine");
        }
        let mut second = guest.start(&choice);
        let rows = second
            .call("sql", b"select a from t")
            .expect("the file is there");
        assert_eq!(rows, br#"[{"a":"kept"}]"#, "{choice:?}");
    }
}

#[test]
fn quickjs() {
    Guest::own("quickjs/js_plugin.wasm").with_wasi().check(&[
        ("eval", b"1 + 1", r#"ok "2""#),
        (
            "eval",
            b"var x = [3, 1, 2]; x.sort().join()",
            r#"ok "1,2,3""#,
        ),
        ("eval", b"x.push(4); x.length", r#"ok "4""#),
        ("eval", b"host('three is 3')", r#"ok "three is 42""#),
        (
            "eval",
            b"JSON.stringify({a: [1, null, 0.1 + 0.2]})",
            r#"ok "{\"a\":[1,null,0.30000000000000004]}""#,
        ),
        (
            "eval",
            b"throw new Error('thrown')",
            r#"error guest(code 1) "Error: thrown""#,
        ),
        (
            "eval",
            b"nonsense(",
            r#"error guest(code 1) "SyntaxError: unexpected token in expression: ''""#,
        ),
        ("eval", b"x.length", r#"ok "4""#),
    ]);
}

/// Recursion without end in a script must end in an error of some kind, and leave the host alive.
#[test]
fn endless_recursion_in_a_script() {
    let mut found: Option<String> = None;
    for choice in engines() {
        let mut plugin = Guest::own("quickjs/js_plugin.wasm")
            .with_wasi()
            .start(&choice);
        let script = b"function f(n) { return f(n + 1) + 1 } f(0)";
        let outcome = Outcome::of(plugin.call("eval", script));
        assert!(!outcome.is_ok(), "{choice:?}: {outcome}");
        let outcome = outcome.to_string();
        assert_eq!(
            *found.get_or_insert_with(|| outcome.clone()),
            outcome,
            "{choice:?}"
        );
    }
}

#[test]
fn official_rust() {
    let folder = files::package("extism-pdk");
    let guest = |path: &str| Guest {
        path: folder.join(path),
        ..Guest::own("")
    };
    for path in ["count_vowels.wasm", "test/code.wasm"] {
        guest(path).check(&[
            ("count_vowels", b"Hello, World!", r#"ok "{\"count\":3}""#),
            ("count_vowels", b"", r#"ok "{\"count\":0}""#),
            (
                "count_vowels",
                &[b'e'; 100_000],
                r#"ok "{\"count\":100000}""#,
            ),
            (
                "count_vowels",
                b"\xff",
                r#"error guest(code -1) "invalid utf-8 sequence of 1 bytes from index 0""#,
            ),
            ("count_vowels", b"aeiou", r#"ok "{\"count\":5}""#),
        ]);
    }
    guest("test/host_function.wasm").check(&[
        ("count_vowels", b"Hello, World!", r#"ok "{\"count\":42}""#),
        ("count_vowels", b"xyz", r#"ok "{\"count\":0}""#),
    ]);
    for path in ["test/http.wasm", "test/http_headers.wasm"] {
        guest(path).check(&[(
            "http_get",
            br#"{"url": "https://example.com"}"#,
            r#"error host-function "`http_request`: the host `example.com` is not allowed by allowed_hosts""#,
        )]);
    }
}

#[test]
fn http_of_language_kits() {
    let server = Server::start(web::site);
    let input = |path: &str| format!(r#"{{"url": "{}", "method": "GET"}}"#, server.url(path));
    let folder = files::package("extism-pdk");
    let guest = |path: &str| Guest {
        path: folder.join(path),
        ..Guest::own("").with_hosts(&["127.0.0.1"])
    };
    let bytes = input("/bytes/3");
    guest("test/http.wasm").check(&[
        ("http_get", bytes.as_bytes(), r#"ok "xxx""#),
        ("http_get", bytes.as_bytes(), r#"ok "xxx""#),
    ]);
    let expected = r#"ok "{\"content-length\":\"3\"}""#;
    guest("test/http_headers.wasm").check(&[("http_get", bytes.as_bytes(), expected)]);
    let guest = Guest::own("c/c_zig_freestanding.wasm").with_hosts(&["127.0.0.?"]);
    // It returns the status.
    let expected = r#"error return-code(404) "the guest function returned the error code 404""#;
    guest.check(&[("http_get", input("/status/404").as_bytes(), expected)]);
}
