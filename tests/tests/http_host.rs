//! The host's side of HTTP, on every engine: which hosts, how many bytes, whose client, which
//! headers can be read.

use std::sync::{Arc, Mutex};

use polyextism::{Error, ErrorKind, HttpClient, HttpRequest, HttpResponse, Options};
use polyextism_tests::{
    engines,
    outcome::Outcome,
    server::Server,
    web::{get, guest, send, site},
};
use serde_json::{Value, json};

const REFUSED: &str = "error host-function \"`http_request`: ";

#[test]
fn nothing_is_allowed_unless_it_is_listed() {
    let server = Server::start(site);
    let refused =
        |host: &str| format!("{REFUSED}the host `{host}` is not allowed by allowed_hosts\"");
    for choice in engines() {
        for hosts in [
            &[][..],
            &["localhost"],
            &["127.0.0.1:80"],
            &["127.0.0.2", "*.test"],
        ] {
            let mut plugin = guest(&choice, hosts, |_, _| {});
            let found = get(&mut plugin, &server.url("/bytes/1"));
            assert_eq!(found, (refused("127.0.0.1"), 0), "{choice:?} {hosts:?}");
        }
        let mut plugin = guest(&choice, &[], |manifest, _| manifest.allowed_hosts = None);
        let found = get(&mut plugin, &server.url("/bytes/1"));
        assert_eq!(found, (refused("127.0.0.1"), 0), "{choice:?}");
        assert_eq!(server.take_seen().len(), 0);
        for hosts in [
            &["127.0.0.1"][..],
            &["*"],
            &["LOCALHOST", "127.*"],
            &["0x7f.1"],
        ] {
            let mut plugin = guest(&choice, hosts, |_, _| {});
            let found = get(&mut plugin, &server.url("/bytes/1"));
            assert_eq!(found, (r#"ok "x""#.to_owned(), 200), "{choice:?} {hosts:?}");
            assert_eq!(server.take_seen().len(), 1);
        }
    }
}

#[test]
fn a_name_is_looked_up_by_the_host() {
    let server = Server::start(site);
    let port = server.address().port();
    for choice in engines() {
        let mut plugin = guest(&choice, &["LocalHost"], |_, _| {});
        let found = get(&mut plugin, &format!("http://LOCALHOST:{port}/bytes/1"));
        assert_eq!(found, (r#"ok "x""#.to_owned(), 200), "{choice:?}");
        let seen = server.take_seen().pop().expect("it came");
        assert_eq!(seen.header("host"), Some(&*format!("localhost:{port}")));
    }
}

/// Who does not speak TLS, or cannot prove who they are, gets no request.
#[test]
fn https_is_https() {
    let server = Server::start(site);
    for choice in engines() {
        let mut plugin = guest(&choice, &["127.0.0.1"], |_, _| {});
        let found = get(
            &mut plugin,
            &server.url("/bytes/1").replace("http:", "https:"),
        )
        .0;
        let expected = format!("{REFUSED}{}: no secure connection: ", server.url(""));
        let expected = expected.replace("http:", "https:");
        assert!(found.starts_with(&expected), "{choice:?}: {found}");
        let seen = server.take_seen();
        assert!(
            seen.iter().all(|seen| !seen.target.contains("bytes")),
            "{seen:?}"
        );
    }
}

/// None of them is connected to: the answer does not depend on the network.
#[test]
fn special_addresses_need_a_pattern_of_their_own() {
    for choice in engines() {
        let mut plugin = guest(&choice, &["*"], |_, _| {});
        for (host, class) in [
            ("169.254.169.254", "a link-local address"),
            ("0.0.0.0", "an unspecified address"),
            ("0", "an unspecified address"),
            ("[fe80::1]", "a link-local address"),
            ("[::ffff:a9fe:a9fe]", "a link-local address"),
            ("100.100.100.200", "a metadata address"),
        ] {
            let (outcome, status) = get(&mut plugin, &format!("http://{host}:1/"));
            let expected = format!("{class}, which only a pattern without wildcards allows\"");
            assert!(outcome.ends_with(&expected), "{choice:?} {host}: {outcome}");
            assert_eq!(status, 0);
        }
        // Here it goes through, to a port where nobody listens.
        let mut plugin = guest(&choice, &["0.0.0.0"], |_, _| {});
        let found = get(&mut plugin, "http://0.0.0.0:1/").0;
        assert_eq!(
            found,
            format!("{REFUSED}http://0.0.0.0:1: the connection is refused\"")
        );
    }
}

#[test]
fn the_limit_of_a_response_is_exact() {
    let server = Server::start(site);
    for choice in engines() {
        for limit in [0, 1, 1000, 70_000] {
            let mut plugin = guest(&choice, &["127.0.0.1"], |manifest, _| {
                manifest.memory.max_http_response_bytes = Some(limit);
            });
            for kind in ["bytes", "chunked", "unframed"] {
                let url = |size: u64| server.url(&format!("/{kind}/{size}"));
                let request = json!({"url": url(limit)}).to_string();
                let body = vec![b'x'; limit as usize];
                assert_eq!(send(&mut plugin, &request, b""), (Outcome::Ok(body), 200));
                let expected = format!(
                    "{REFUSED}the response has more than {limit} bytes, the limit of \
                     memory.max_http_response_bytes\""
                );
                let found = get(&mut plugin, &url(limit + 1));
                assert_eq!(found, (expected, 0), "{choice:?} {kind}");
            }
        }
    }
}

#[test]
fn headers_can_be_read_if_that_is_switched_on() {
    let server = Server::start(site);
    for choice in engines() {
        let mut plugin = guest(&choice, &["127.0.0.1"], |_, _| {});
        assert_eq!(get(&mut plugin, &server.url("/headers")).1, 200);
        assert_eq!(
            Outcome::of(plugin.call("headers", b"")),
            Outcome::Ok(Vec::new())
        );
        // For one plug-in alone, from the next request on.
        plugin.host().show_http_response_headers();
        assert_eq!(get(&mut plugin, &server.url("/headers")).1, 200);
        let headers = plugin.call("headers", b"").expect("it cannot fail");
        let headers: Value = serde_json::from_slice(headers).expect("it is JSON");
        assert_eq!(headers["x-twice"], "2", "{choice:?}");

        let mut plugin = guest(&choice, &["127.0.0.1"], |_, options| {
            options.http.response_headers = true;
        });
        assert_eq!(
            Outcome::of(plugin.call("headers", b"")),
            Outcome::Ok(b"{}".to_vec())
        );
        for _ in 0..2 {
            assert_eq!(get(&mut plugin, &server.url("/headers")).1, 200);
            let headers = plugin.call("headers", b"").expect("it cannot fail");
            let headers: Value = serde_json::from_slice(headers).expect("it is JSON");
            let expected = json!({"content-length": "0", "x-twice": "2", "x-tab": "a\tb"});
            assert_eq!(headers, expected, "{choice:?}");
        }
        // Those of a request that failed are none.
        assert_eq!(get(&mut plugin, &server.url("/reset")).1, 0);
        assert_eq!(
            Outcome::of(plugin.call("headers", b"")),
            Outcome::Ok(b"{}".to_vec())
        );
    }
}

/// Answers by path, and keeps what it is asked.
#[derive(Default)]
struct Client(Mutex<Vec<HttpRequest>>);

impl HttpClient for Client {
    fn send(&self, request: HttpRequest) -> polyextism::Result<HttpResponse> {
        let path = request
            .url
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let body = request.body.clone();
        self.0.lock().expect("no panic").push(request);
        let (status, location) = match path.as_str() {
            "fail" => return Err(Error::new(ErrorKind::Closed, "the client is out")),
            "panic" => panic!("the client panics"),
            "away" => (302, "http://b.test/"),
            "moved" => (307, "/there"),
            "none" => (0, ""),
            _ => (299, ""),
        };
        let location = (!location.is_empty()).then(|| ("Location".to_owned(), location.into()));
        Ok(HttpResponse::new(status)
            .with_headers(location.into_iter().collect())
            .with_body(body))
    }
}

#[test]
fn a_client_of_ones_own() {
    for choice in engines() {
        let client = Arc::new(Client::default());
        let mut plugin = guest(&choice, &["a.test"], |manifest, options: &mut Options| {
            manifest.memory.max_http_response_bytes = Some(4);
            options.http.client = Some(client.clone());
        });
        let mut ask = |url: &str, body: &[u8]| {
            let request = json!({"url": url, "method": "put", "headers": {"X-A": "b"}});
            let (outcome, status) = send(&mut plugin, &request.to_string(), body);
            let asked = std::mem::take(&mut *client.0.lock().expect("no panic"));
            let asked = asked
                .iter()
                .map(|request| format!("{} {}", request.method, request.url));
            format!("{outcome} {status} {:?}", asked.collect::<Vec<_>>())
        };
        for (url, body, expected) in [
            (
                "http://a.test/x",
                "body",
                r#"ok "body" 299 ["PUT http://a.test/x"]"#,
            ),
            (
                "https://A.test:1/",
                "",
                r#"ok "" 299 ["PUT https://a.test:1/"]"#,
            ),
            (
                "http://b.test/x",
                "",
                r#"error host-function "`http_request`: the host `b.test` is not allowed by allowed_hosts" 0 []"#,
            ),
            (
                "http://a.test/moved",
                "body",
                r#"ok "body" 299 ["PUT http://a.test/moved", "PUT http://a.test/there"]"#,
            ),
            (
                "http://a.test/away",
                "",
                r#"error host-function "`http_request`: the host `b.test` is not allowed by allowed_hosts" 0 ["PUT http://a.test/away"]"#,
            ),
            (
                "http://a.test/large",
                "12345",
                r#"error host-function "`http_request`: the response has more than 4 bytes, the limit of memory.max_http_response_bytes" 0 ["PUT http://a.test/large"]"#,
            ),
            (
                "http://a.test/none",
                "",
                r#"error host-function "`http_request`: the HTTP client answered with the status 0" 0 ["PUT http://a.test/none"]"#,
            ),
            (
                "http://a.test/fail",
                "",
                r#"error closed "the client is out" 0 ["PUT http://a.test/fail"]"#,
            ),
            (
                "http://a.test/x",
                "",
                r#"ok "" 299 ["PUT http://a.test/x"]"#,
            ),
        ] {
            assert_eq!(ask(url, body.as_bytes()), expected, "{choice:?} {url}");
        }
    }
}

#[test]
fn a_client_that_panics() {
    for choice in engines() {
        let mut plugin = guest(&choice, &["a.test"], |_, options: &mut Options| {
            options.http.client = Some(Arc::new(Client::default()));
        });
        let (outcome, status) = get(&mut plugin, "http://a.test/panic");
        let expected =
            "error host-function \"host function `http_request` panicked: the client panics\"";
        assert_eq!(outcome, expected, "{choice:?}");
        assert_eq!(status, 0);
    }
}

/// What a server wants to be kept is not: neither for the next hop nor for the next request.
#[test]
fn no_cookies_are_kept() {
    let server = Server::start(site);
    for choice in engines() {
        let mut plugin = guest(&choice, &["127.0.0.1"], |_, _| {});
        for path in ["/cookie", "/text", "/cookie"] {
            assert_eq!(get(&mut plugin, &server.url(path)).1, 200, "{choice:?}");
        }
        let seen = server.take_seen();
        assert_eq!(seen.len(), 5, "{choice:?}");
        for request in seen {
            assert_eq!(request.header("cookie"), None, "{choice:?}");
        }
    }
}

/// Sizes are looked at first, and what is quoted is cut.
#[test]
fn requests_that_are_too_long() {
    for choice in engines() {
        let mut plugin = guest(&choice, &["127.0.0.1"], |manifest, _| {
            manifest.memory.max_var_bytes = Some(4 << 20);
        });
        let mut fails = |request: String| {
            let (outcome, status) = send(&mut plugin, &request, b"");
            assert_eq!(status, 0);
            outcome.to_string()
        };
        let url = "x".repeat(1 << 20);
        let found = fails(format!("{{\"url\": \"http://127.0.0.1/{url}\"}}"));
        let expected = "the request has 1048604 bytes, at most 1048576 are allowed\"";
        assert_eq!(found, format!("{REFUSED}{expected}"), "{choice:?}");
        let found = fails(format!("{{\"{}\": 1}}", "y".repeat(1_000_000)));
        let expected = format!(
            "the request is wrong: unknown field `{}…\"",
            "y".repeat(185)
        );
        assert_eq!(found, format!("{REFUSED}{expected}"), "{choice:?}");
    }
}

#[test]
fn a_request_that_is_no_text() {
    for choice in engines() {
        let mut plugin = guest(&choice, &["*"], |_, _| {});
        let bytes: &[u8] = b"{\"url\": \"http://a.test/\xff\xfe\"}";
        let vars = plugin.host().vars_mut();
        vars.set("request!", bytes).expect("it fits");
        let error = plugin.call("send", b"").map(drop).expect_err("no JSON");
        let text = error.to_string();
        let expected = "`http_request`: the request is wrong: ";
        assert!(text.starts_with(expected), "{choice:?}: {text}");
    }
}
