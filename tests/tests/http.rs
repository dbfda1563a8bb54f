//! HTTP of guests, on every engine, against a server on loopback: what is sent, what comes back, and
//! what is refused.

use polyextism_tests::{
    engines,
    outcome::Outcome,
    server::Server,
    web::{get, guest, send, site},
};
use serde_json::json;

/// Paths, how a plain request to them ends, and the status.
const PATHS: &[(&str, &str, u64)] = &[
    ("/bytes/1", r#"ok "x""#, 200),
    ("/bytes/0", r#"ok """#, 200),
    ("/chunked/3", r#"ok "xxx""#, 200),
    ("/chunked/0", r#"ok """#, 200),
    ("/unframed/3", r#"ok "xxx""#, 200),
    ("/status/201", r#"ok "body""#, 201),
    ("/status/204", r#"ok """#, 204),
    ("/status/404", r#"ok "body""#, 404),
    ("/status/500", r#"ok "body""#, 500),
    ("/status/302", r#"ok "body""#, 302),
    ("/status/304", r#"ok """#, 304),
    ("/hops/5", r#"ok "arrived""#, 200),
    (
        "/hops/6",
        r#"error host-function "`http_request`: there are more than 5 redirects""#,
        0,
    ),
    ("/to/302?/to/302?/bytes/2", r#"ok "xx""#, 200),
    (
        "/to/302?/to/302",
        r#"error host-function "`http_request`: there are more than 5 redirects""#,
        0,
    ),
    (
        "/to/302?http://localhost/",
        r#"error host-function "`http_request`: the host `localhost` is not allowed by allowed_hosts""#,
        0,
    ),
    (
        "/to/307?http://127.0.0.1@localhost/",
        r#"error host-function "`http_request`: a redirect leads to `http://127.0.0.1@localhost/`: it has user information""#,
        0,
    ),
    (
        "/to/302?http://localhost\\@127.0.0.1/",
        r#"error host-function "`http_request`: the host `localhost` is not allowed by allowed_hosts""#,
        0,
    ),
    (
        "/to/302?file:///etc/passwd",
        r#"error host-function "`http_request`: a redirect leads to `file:///etc/passwd`: the URL has the scheme `file`, allowed are `http` and `https`""#,
        0,
    ),
    (
        "/to/302?http://127.0.0.1:0/",
        r#"error host-function "`http_request`: a redirect leads to `http://127.0.0.1:0/`: the URL has the port 0""#,
        0,
    ),
    (
        "/raw/short",
        r#"error host-function "`http_request`: http://SERVER: the connection ended before the response was complete""#,
        0,
    ),
    (
        "/raw/chunk",
        r#"error host-function "`http_request`: http://SERVER: the response is not HTTP/1.1""#,
        0,
    ),
    (
        "/raw/chunks",
        r#"error host-function "`http_request`: http://SERVER: the connection ended before the response was complete""#,
        0,
    ),
    (
        "/raw/lengths",
        r#"error host-function "`http_request`: http://SERVER: the response is not HTTP/1.1""#,
        0,
    ),
    (
        "/raw/gzip",
        r#"error host-function "`http_request`: http://SERVER: the response is not compressed as it says""#,
        0,
    ),
    (
        "/raw/nothing",
        r#"error host-function "`http_request`: http://SERVER: the connection ended before the response was complete""#,
        0,
    ),
    (
        "/raw/noise",
        r#"error host-function "`http_request`: http://SERVER: the response is not HTTP/1.1""#,
        0,
    ),
    (
        "/raw/head",
        r#"error host-function "`http_request`: http://SERVER: the head of the response has more than 65536 bytes""#,
        0,
    ),
    (
        "/reset",
        r#"error host-function "`http_request`: http://SERVER: the connection ended before the response was complete""#,
        0,
    ),
];

#[test]
fn responses() {
    let server = Server::start(site);
    for choice in engines() {
        let mut plugin = guest(&choice, &["127.0.0.1"], |_, _| {});
        let mut found = Vec::new();
        let mut expected = Vec::new();
        for (path, outcome, status) in PATHS {
            let (found_outcome, found_status) = get(&mut plugin, &server.url(path));
            let address = server.address().to_string();
            found.push(format!(
                "{path} {found_status} {}",
                found_outcome.replace(&address, "SERVER")
            ));
            expected.push(format!("{path} {status} {outcome}"));
        }
        assert_eq!(found.join("\n"), expected.join("\n"), "{choice:?}");
    }
}

/// Whatever went before: a failed request leaves no status, and what is refused sends nothing.
#[test]
fn requests_that_are_refused() {
    let server = Server::start(site);
    let wrong = "error host-function \"`http_request`: the request is wrong: ";
    let refused = "error host-function \"`http_request`: ";
    let rows = [
        ("", wrong, "it is no JSON object"),
        (r#"["SERVER", {}, null]"#, wrong, "it is no JSON object"),
        (
            r#"{"url""#,
            wrong,
            "EOF while parsing an object at line 1 column 6",
        ),
        ("{}", wrong, "missing field `url` at line 1 column 2"),
        (
            r#"{"url": 1}"#,
            wrong,
            "invalid type: integer `1`, expected a string at line 1 column 9",
        ),
        (
            r#"{"url": "/", "body": ""}"#,
            wrong,
            "unknown field `body`, expected one of `url`, `header`, `headers`, `http_method`, `method` at line 1 column 19",
        ),
        (
            r#"{"url": "/", "headers": null}"#,
            wrong,
            "invalid type: null, expected a map at line 1 column 28",
        ),
        (
            r#"{"url": "/", "headers": {"a": 1}}"#,
            wrong,
            "invalid type: integer `1`, expected a string at line 1 column 31",
        ),
        (
            r#"{"url": "/"} x"#,
            wrong,
            "trailing characters at line 1 column 14",
        ),
        (
            r#"{"url": "/", "header": {}, "headers": {}}"#,
            wrong,
            "duplicate field `headers` at line 1 column 36",
        ),
        ("\u{1}", wrong, "it is no JSON object"),
        (
            r#"{"url": "/"}"#,
            refused,
            "`/` is no URL: relative URL without a base",
        ),
        (
            r#"{"url": "SERVER", "method": "PROPFIND"}"#,
            refused,
            "the method is `PROPFIND`, allowed are CONNECT, DELETE, GET, HEAD, OPTIONS, PATCH, \
             POST, PUT, TRACE",
        ),
        (
            r#"{"url": "SERVER", "headers": {"a": "b\r\nc: d"}}"#,
            refused,
            "header `a`: the value has a line break or another control character",
        ),
        (
            r#"{"url": "SERVER", "headers": {"Transfer-Encoding": "chunked"}}"#,
            refused,
            "header `Transfer-Encoding`: it belongs to the connection, which is the host's",
        ),
        (
            r#"{"url": "SERVER", "headers": {"host": "localhost"}}"#,
            refused,
            "header `host`: it is not the host of the URL",
        ),
    ];
    for choice in engines() {
        let mut plugin = guest(&choice, &["127.0.0.1"], |_, _| {});
        for (request, prefix, message) in rows {
            assert_eq!(get(&mut plugin, &server.url("/bytes/1")).1, 200);
            assert_eq!(server.take_seen().len(), 1);
            let request = request.replace("SERVER", &server.url("/"));
            let (outcome, status) = send(&mut plugin, &request, b"");
            let expected = format!("{prefix}{message}\"");
            assert_eq!(
                (outcome.to_string(), status),
                (expected, 0),
                "{choice:?} {request}"
            );
            assert_eq!(server.take_seen().len(), 0, "{request}");
        }
        let outcome = plugin
            .call("bad", b"")
            .expect_err("that is no block")
            .to_string();
        assert_eq!(
            outcome,
            "`http_request`: the request is not a block of the kernel memory: 1000"
        );
    }
}

/// Method, body, and what arrives.
#[test]
fn requests_as_they_are_sent() {
    let server = Server::start(site);
    let plain =
        "accept: */*\naccept-encoding: gzip\nhost: SERVER\nuser-agent: polyextism/VERSION\n";
    let sized = "accept: */*\naccept-encoding: gzip\ncontent-length: LENGTH\nhost: SERVER\nuser-agent: polyextism/VERSION\n";
    let rows: &[(Option<&str>, &[u8], &str, &str)] = &[
        (None, b"", "GET", plain),
        (Some("get"), b"", "GET", plain),
        (Some("GET"), b"in a GET", "GET", sized),
        (Some("Post"), b"", "POST", sized),
        (Some("POST"), b"body", "POST", sized),
        (Some("PUT"), b"body", "PUT", sized),
        (Some("PUT"), b"", "PUT", sized),
        (Some("patch"), b"body", "PATCH", sized),
        (Some("delete"), b"", "DELETE", plain),
        (Some("DELETE"), b"body", "DELETE", sized),
        (Some("OPTIONS"), b"", "OPTIONS", plain),
        (Some("TRACE"), b"", "TRACE", plain),
    ];
    for choice in engines() {
        let mut plugin = guest(&choice, &["127.0.0.1"], |_, _| {});
        for (method, body, sent, headers) in rows {
            let request = json!({"url": server.url("/text?q=%20#f"), "method": method});
            let (outcome, status) = send(&mut plugin, &request.to_string(), body);
            let headers = headers
                .replace("SERVER", &server.address().to_string())
                .replace("VERSION", env!("CARGO_PKG_VERSION"))
                .replace("LENGTH", &body.len().to_string());
            let body = String::from_utf8_lossy(body);
            let expected = format!("{sent} /text?q=%20\n{headers}\n{body}");
            assert_eq!(
                outcome,
                Outcome::Ok(expected.into()),
                "{choice:?} {method:?}"
            );
            assert_eq!(status, 200);
        }
        // A response to HEAD has no body, whatever it says.
        let request = json!({"url": server.url("/bytes/7"), "method": "head"});
        let (outcome, status) = send(&mut plugin, &request.to_string(), b"");
        assert_eq!(
            (outcome, status),
            (Outcome::Ok(Vec::new()), 200),
            "{choice:?}"
        );
        // What it asks for is the host itself.
        let request = json!({"url": server.url("/text"), "method": "CONNECT"});
        let (outcome, status) = send(&mut plugin, &request.to_string(), b"");
        let expected = (Outcome::Ok(b"not found".to_vec()), 404);
        assert_eq!((outcome, status), expected, "{choice:?}");
        // As language kits of 0.x say it, and that of MoonBit.
        let request = json!({
            "url": server.url("/text"),
            "header": {"User-Agent": "own"},
            "http_method": "POST",
        });
        let (outcome, _) = send(&mut plugin, &request.to_string(), b"");
        let expected = format!(
            "POST /text\naccept: */*\naccept-encoding: gzip\ncontent-length: 0\nhost: {}\n\
             user-agent: own\n\n",
            server.address()
        );
        assert_eq!(outcome, Outcome::Ok(expected.into()), "{choice:?}");
        // Own headers come through, and take the place of the host's.
        let request = json!({
            "url": server.url("/text"),
            "headers": {"X-A": "ä", "User-Agent": "own", "Accept": "text/plain", "Accept-Encoding": "identity"},
        });
        let (outcome, _) = send(&mut plugin, &request.to_string(), b"");
        let expected = format!(
            "GET /text\naccept: text/plain\naccept-encoding: identity\nhost: {}\nuser-agent: \
             own\nx-a: ä\n\n",
            server.address()
        );
        assert_eq!(outcome, Outcome::Ok(expected.into()), "{choice:?}");
    }
}

#[test]
fn redirects_as_they_are_sent() {
    let server = Server::start(site);
    let other = Server::start(site);
    for choice in engines() {
        let mut plugin = guest(&choice, &["127.0.0.1"], |_, _| {});
        let headers = json!({"Authorization": "secret", "Cookie": "a=b", "X-A": "y", "Content-Type": "text/plain"});
        for (server_of_target, status, method, body, expected) in [
            (
                &server,
                307,
                "POST",
                "body",
                "POST 4 secret a=b y text/plain",
            ),
            (&server, 302, "POST", "body", "GET - secret a=b y -"),
            (&server, 303, "PUT", "body", "GET - secret a=b y -"),
            (&other, 308, "PUT", "body", "PUT 4 - - y text/plain"),
            (&other, 301, "GET", "", "GET - - - y text/plain"),
        ] {
            let target = server_of_target.url("/echo");
            let url = server.url(&format!("/to/{status}?{target}"));
            let request = json!({"url": url, "method": method, "headers": headers});
            let (_, found) = send(&mut plugin, &request.to_string(), body.as_bytes());
            assert_eq!(found, 200, "{choice:?} {url}");
            let seen = server_of_target.take_seen().pop().expect("it came there");
            let mut text = seen.method.clone();
            for name in [
                "content-length",
                "authorization",
                "cookie",
                "x-a",
                "content-type",
            ] {
                text = format!("{text} {}", seen.header(name).unwrap_or("-"));
            }
            assert_eq!(text, expected, "{choice:?} {url}");
            server.take_seen();
        }
    }
}

#[test]
fn bodies_of_every_size() {
    let server = Server::start(site);
    for choice in engines() {
        let mut plugin = guest(&choice, &["127.0.0.1"], |_, _| {});
        for size in [0, 1, 64 << 10, 16 << 20] {
            let body = (0..size).map(|n| n as u8).collect::<Vec<u8>>();
            let request = json!({"url": server.url("/echo"), "method": "POST"}).to_string();
            let (outcome, status) = send(&mut plugin, &request, &body);
            assert!(outcome == Outcome::Ok(body), "{choice:?} {size}: {outcome}");
            assert_eq!(status, 200);
            let chunks = server.url(&format!("/chunked/{size}"));
            let request = json!({"url": chunks}).to_string();
            let (outcome, _) = send(&mut plugin, &request, b"");
            assert!(
                outcome == Outcome::Ok(vec![b'x'; size]),
                "{choice:?} {size}: {outcome}"
            );
        }
    }
}
