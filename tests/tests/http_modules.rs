//! Modules that lie behind a URL, on every engine, against a server on loopback.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use polyextism::{
    Error, ErrorKind, HttpRequest, HttpResponse, Manifest, Options, Plugin, Progress,
    manifest::{Hash, Source, Wasm},
};
use polyextism_tests::{
    engines,
    outcome::Outcome,
    server::{Reply, Seen, Server, head, response},
};

const TEXT: &str = r#"(module (func (export "run")))"#;

/// The SHA-256 of [`TEXT`].
const HASH: &str = "4795b85ef4495248ff1e6ee244ad3e6519c6cf177aaa1e121eaeb239c3eb2510";

fn site(seen: &Seen) -> Reply {
    let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
    match path {
        "/text" => response(200, &[], TEXT.as_bytes()),
        "/binary" => response(200, &[], &wat::parse_str(TEXT).expect("it is text")),
        "/post" if seen.method == "POST" && seen.header("x-key") == Some("value") => {
            response(201, &[], TEXT.as_bytes())
        }
        "/noise" => response(200, &[], b"no module"),
        "/empty" => response(200, &[], b""),
        "/large" => response(200, &[], &[b';'; 2000]),
        "/drip" => Reply::Drip(
            head(200, &[("content-length", "100000")]),
            b";",
            Duration::from_millis(10),
        ),
        "/to" => response(302, &[("location", query)], b""),
        _ => response(404, &[], b"not found"),
    }
}

fn module(url: &str) -> Wasm {
    Wasm::from(Source::Url {
        url: url.to_owned(),
        method: None,
        headers: BTreeMap::new(),
    })
}

/// Loads a module and calls its function.
fn outcome(wasm: Wasm, options: &Options) -> Vec<Outcome> {
    let mut manifest = Manifest::of(wasm);
    // It is for guests.
    manifest.allowed_hosts = None;
    let load = |choice: polyextism::Choice| {
        let compiled = choice.compile(&manifest, options)?;
        Ok(Plugin::new(&compiled)?.call("run", b"")?.to_vec())
    };
    let mut outcomes: Vec<_> = engines().into_iter().map(load).map(Outcome::of).collect();
    outcomes.dedup();
    outcomes
}

fn limited() -> Options {
    let mut options = Options::default();
    options.http.max_module_bytes = 1000;
    options
}

/// Whatever the engine, there is one outcome.
fn check(wasm: Wasm, options: &Options, expected: &str) {
    let name = format!("{wasm:?}");
    let outcomes = outcome(wasm, options);
    let outcomes: Vec<_> = outcomes.iter().map(ToString::to_string).collect();
    assert_eq!(outcomes, [expected], "{name}");
}

#[test]
fn paths() {
    let server = Server::start(site);
    for (path, expected) in [
        ("/text", r#"ok """#),
        ("/binary", r#"ok """#),
        ("/to?/text", r#"ok """#),
        ("/to?/to?/to?/to?/to?/text", r#"ok """#),
        (
            "/to?/to?/to?/to?/to?/to?/text",
            r#"error manifest "manifest: wasm[0].url: there are more than 5 redirects""#,
        ),
        (
            "/to?file:///etc/passwd",
            r#"error manifest "manifest: wasm[0].url: a redirect leads to `file:///etc/passwd`: the URL has the scheme `file`, allowed are `http` and `https`""#,
        ),
        (
            "/to?http://169.254.169.254/",
            r#"error manifest "manifest: wasm[0].url: http://169.254.169.254: the host is at 169.254.169.254, a link-local address, which only a pattern without wildcards allows""#,
        ),
        (
            "/missing",
            r#"error manifest "manifest: wasm[0].url: SERVER answered with the status 404, a module needs 200 to 299""#,
        ),
        (
            "/large",
            r#"error manifest "manifest: wasm[0].url: the response has more than 1000 bytes, the limit of a module""#,
        ),
        (
            "/drip",
            r#"error manifest "manifest: wasm[0].url: the response has more than 1000 bytes, the limit of a module""#,
        ),
        (
            "/reset",
            r#"error manifest "manifest: wasm[0].url: SERVER: the connection ended before the response was complete""#,
        ),
        (
            "/noise",
            r#"error invalid-module "module `main` is not a valid WebAssembly module: it does not start with the magic bytes `\\0asm`""#,
        ),
        (
            "/empty",
            r#"error invalid-module "module `main` is not a valid WebAssembly module: it does not start with the magic bytes `\\0asm`""#,
        ),
    ] {
        let expected = expected.replace("SERVER", &server.url(""));
        check(module(&server.url(path)), &limited(), &expected);
    }
}

#[test]
fn what_is_no_url_of_a_module() {
    for (url, expected) in [
        (
            "text.wasm",
            "`text.wasm` is no URL: relative URL without a base",
        ),
        (
            "file:///text.wasm",
            "the URL has the scheme `file`, allowed are `http` and `https`",
        ),
        (
            "http://127.0.0.1:1/",
            "http://127.0.0.1:1: the connection is refused",
        ),
    ] {
        let expected = format!("error manifest \"manifest: wasm[0].url: {expected}\"");
        check(module(url), &Options::default(), &expected);
    }
}

#[test]
fn method_and_headers() {
    let server = Server::start(site);
    let wasm = |method: &str, name: &str, value: &str| {
        Wasm::from(Source::Url {
            url: server.url("/post"),
            method: Some(method.to_owned()),
            headers: BTreeMap::from([(name.to_owned(), value.to_owned())]),
        })
    };
    let options = Options::default();
    check(wasm("post", "X-Key", "value"), &options, r#"ok """#);
    check(
        wasm("FETCH", "X-Key", "value"),
        &options,
        r#"error manifest "manifest: wasm[0].method: the method is `FETCH`, allowed are CONNECT, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, TRACE""#,
    );
    check(
        wasm("POST", "X-Key", "a\nb"),
        &options,
        r#"error manifest "manifest: wasm[0].headers: header `X-Key`: the value has a line break or another control character""#,
    );
}

#[test]
fn the_hash_is_checked_before_anything_else() {
    let server = Server::start(site);
    let hashed = |path: &str| {
        let mut wasm = module(&server.url(path));
        wasm.hash = Some(Hash::from_hex(&HASH.to_uppercase()).expect("a hash"));
        wasm
    };
    check(hashed("/text"), &Options::default(), r#"ok """#);
    // It is no module either, but that is not looked at.
    check(
        hashed("/noise"),
        &Options::default(),
        &format!(
            "error manifest \"manifest: wasm[0].hash: the module has the SHA-256 a4a2ad0d3faa1604410f2e4f0b7c91c3b488d59e27a59bc39de57241464a899f, expected {HASH}\""
        ),
    );
}

#[test]
fn progress_is_told() {
    let server = Server::start(site);
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = told.clone();
    let mut options = Options::default();
    options.http.progress = Some(Arc::new(move |progress| {
        list.lock().expect("no panic").push(progress);
        Ok(())
    }));
    check(module(&server.url("/text")), &options, r#"ok """#);
    let told = std::mem::take(&mut *told.lock().expect("no panic"));
    let length = TEXT.len() as u64;
    let all = |progress: &&Progress| progress.received == length;
    assert!(
        told.iter().filter(all).count() >= engines().len(),
        "{told:?}"
    );
    for progress in &told {
        assert_eq!(progress.module, 0);
        assert!(progress.received <= length);
        assert!(
            progress.total.is_none_or(|total| total == length),
            "{progress:?}"
        );
    }
}

#[test]
fn progress_can_end_a_download() {
    let server = Server::start(site);
    let mut options = Options::default();
    options.http.progress = Some(Arc::new(|progress: Progress| match progress.received {
        0..3 => Ok(()),
        _ => Err(Error::new(ErrorKind::Cancelled, "that is enough")),
    }));
    let started = Instant::now();
    let expected = r#"error cancelled "that is enough""#;
    check(module(&server.url("/drip")), &options, expected);
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_client_of_ones_own_gets_modules_too() {
    let mut options = Options::default();
    options.http.client = Some(Arc::new(|request: HttpRequest| {
        assert_eq!(request.url, "https://modules.test/x");
        Ok(HttpResponse::new(200)
            .with_headers(Vec::new())
            .with_body(TEXT.into()))
    }));
    check(module("https://modules.test/x#y"), &options, r#"ok """#);
}
