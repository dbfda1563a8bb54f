//! Requests and redirects: what is refused and what is sent.

use std::collections::BTreeMap;

use super::{Request, redirect};

fn request(url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Request, String> {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    let headers = headers.collect::<BTreeMap<_, _>>();
    Request::new(Some("post"), url, &headers, Some(body.to_vec())).map_err(|wrong| wrong.why)
}

#[test]
fn headers_that_are_refused() {
    let url = "http://a.test:81/";
    for ((name, value), expected) in [
        (("a\r\nb", "x"), "not a name that a header can have"),
        (("a: b", "x"), "not a name that a header can have"),
        (("", "x"), "not a name that a header can have"),
        (("ä", "x"), "not a name that a header can have"),
        (
            ("a", "x\r\nb: c"),
            "the value has a line break or another control character",
        ),
        (
            ("a", "x\nb"),
            "the value has a line break or another control character",
        ),
        (
            ("a", "x\0"),
            "the value has a line break or another control character",
        ),
        (("Host", "a.test"), "it is not the host of the URL"),
        (("host", "b.test:81"), "it is not the host of the URL"),
        (("Content-Length", "3"), "it is not the length of the body"),
        (
            ("Content-Length", "2, 2"),
            "it is not the length of the body",
        ),
        (
            ("Connection", "upgrade"),
            "only `close` and `keep-alive` are allowed",
        ),
        (
            ("Upgrade", "h2c"),
            "it belongs to the connection, which is the host's",
        ),
        (
            ("Transfer-Encoding", "chunked"),
            "it belongs to the connection, which is the host's",
        ),
        (
            ("TE", "trailers"),
            "it belongs to the connection, which is the host's",
        ),
        (
            ("Expect", "100-continue"),
            "it belongs to the connection, which is the host's",
        ),
        (
            ("Proxy-Authorization", "x"),
            "it belongs to the connection, which is the host's",
        ),
    ] {
        let found = request(url, &[(name, value)], b"ab").map(|request| request.headers);
        let expected = format!("header `{name}`: {expected}");
        assert_eq!(found, Err(expected), "{name}: {value}");
    }
    let large = "x".repeat(70_000);
    let expected = "the URL and the headers have 70018 bytes, at most 65536 are allowed";
    let found = request(url, &[("a", &large)], b"").map(|request| request.headers);
    assert_eq!(found, Err(expected.to_owned()));
}

#[test]
fn headers_that_are_the_hosts_own() {
    let given = [
        ("HOST", "A.test:81"),
        ("Content-Length", "2"),
        ("connection", "Keep-Alive"),
        ("X-Own", "ä\tb"),
    ];
    let request = request("http://a.test:81/", &given, b"ab").expect("all are allowed");
    let names = request.headers.keys().map(|name| name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["x-own"]);
    assert_eq!(request.headers["x-own"].as_bytes(), "ä\tb".as_bytes());
}

#[test]
fn what_is_sent_is_what_was_parsed() {
    for (url, expected) in [
        ("http://a.test", "http://a.test/"),
        (
            "http://A.test.:80/x y?q=1 2#f",
            "http://a.test./x%20y?q=1%202",
        ),
        (
            "http://u:p@a.test:81\\@b.test/",
            "http://a.test:81/@b.test/",
        ),
        ("http://bücher.test/ü", "http://xn--bcher-kva.test/%C3%BC"),
        ("https://[::1]:8443/a/../b", "https://[::1]:8443/b"),
        ("http://0x7f.1/|^`{}", "http://127.0.0.1/|^%60%7B%7D"),
        ("http://a.test/\r\nX: y", "http://a.test/X:%20y"),
    ] {
        let request = request(url, &[], b"").expect(url);
        let uri = request.uri().expect(url).to_string();
        assert_eq!(uri, expected, "{url}");
        assert_eq!(
            request
                .uri()
                .and_then(|uri| Some(uri.host()?.to_owned()))
                .as_deref(),
            request.url.host_str()
        );
    }
    let secret = request("http://us%20er:p%40ss@a.test/", &[], b"").expect("a URL");
    assert_eq!(secret.headers["authorization"], "Basic dXMgZXI6cEBzcw==");
    assert_eq!(secret.place(), "http://a.test");
    let own = request("http://u:p@a.test/", &[("Authorization", "own")], b"").expect("a URL");
    assert_eq!(own.headers["authorization"], "own");
}

/// URLs of pieces on which parsers disagree: parsing the sent URL again finds the host that was checked.
#[test]
fn no_text_is_understood_in_two_ways() {
    const PARTS: &[&str] = &[
        "a.test", "b.test", "@", ":", ":80", "/", "\\", "#", "?", "%40", "%2f", "%00", "\t",
        "\r\n", ".", "[::1]", "127.1", "ü",
    ];
    let mut sent = 0;
    let count = PARTS.len();
    for number in 0..count.pow(4) {
        let mut url = String::from("http://");
        for place in 0..4 {
            url.push_str(PARTS[number / count.pow(place) % count]);
        }
        let Ok(request) = request(&url, &[], b"") else {
            continue;
        };
        let Some(uri) = request.uri() else {
            continue;
        };
        let again = url::Url::parse(&uri.to_string()).expect(&url);
        assert_eq!(again.host(), request.url.host(), "{url:?}");
        assert_eq!(again.port(), request.url.port(), "{url:?}");
        assert_eq!(again.username(), "", "{url:?}");
        assert_eq!(again, request.url, "{url:?}");
        assert!(!uri.to_string().contains(char::is_control), "{url:?}");
        sent += 1;
    }
    assert!(sent > 1000, "{sent}");
}

#[test]
fn methods() {
    let new = |method| {
        let request = Request::new(Some(method), "http://a.test", &BTreeMap::new(), None);
        request.map_err(|wrong| wrong.why)
    };
    for method in [
        "get", "Post", "PUT", "delete", "head", "options", "patch", "trace", "connect",
    ] {
        let found = new(method).map(|request| request.method.to_string());
        assert_eq!(found, Ok(method.to_uppercase()));
    }
    for method in ["FOO", "", "GET /", "PROPFIND", "GET\r\n"] {
        let found = new(method).map(|request| request.method.to_string());
        let expected = format!(
            "the method is `{method}`, allowed are CONNECT, DELETE, GET, HEAD, OPTIONS, PATCH, \
             POST, PUT, TRACE"
        );
        assert_eq!(found, Err(expected));
    }
}

/// Method, URL, status and location, and the expected next request: method, URL, headers, whether there is a body.
#[test]
fn redirects() {
    let all = "authorization content-type cookie x";
    let bodiless = "authorization cookie x";
    type Row<'a> = (&'a str, &'a str, u16, &'a str, Result<&'a str, &'a str>);
    let rows: &[Row<'_>] = &[
        (
            "GET",
            "http://a.test/x/y",
            302,
            "z",
            Ok("GET http://a.test/x/z {all} body"),
        ),
        (
            "GET",
            "http://a.test/x/y",
            301,
            "/z?q#f",
            Ok("GET http://a.test/z?q {all} body"),
        ),
        (
            "POST",
            "http://a.test/",
            301,
            "/z",
            Ok("GET http://a.test/z {bodiless} none"),
        ),
        (
            "POST",
            "http://a.test/",
            302,
            "/z",
            Ok("GET http://a.test/z {bodiless} none"),
        ),
        (
            "PUT",
            "http://a.test/",
            302,
            "/z",
            Ok("PUT http://a.test/z {all} body"),
        ),
        (
            "PUT",
            "http://a.test/",
            303,
            "/z",
            Ok("GET http://a.test/z {bodiless} none"),
        ),
        (
            "HEAD",
            "http://a.test/",
            303,
            "/z",
            Ok("HEAD http://a.test/z {all} body"),
        ),
        (
            "POST",
            "http://a.test/",
            307,
            "/z",
            Ok("POST http://a.test/z {all} body"),
        ),
        (
            "POST",
            "http://a.test/",
            308,
            "/z",
            Ok("POST http://a.test/z {all} body"),
        ),
        (
            "POST",
            "http://a.test/",
            307,
            "//b.test/z",
            Ok("POST http://b.test/z content-type x body"),
        ),
        (
            "GET",
            "http://a.test/",
            302,
            "http://a.test:81/",
            Ok("GET http://a.test:81/ content-type x body"),
        ),
        (
            "GET",
            "http://a.test/",
            302,
            "https://a.test/",
            Ok("GET https://a.test/ content-type x body"),
        ),
        (
            "POST",
            "http://a.test/",
            303,
            "//b.test",
            Ok("GET http://b.test/ x none"),
        ),
        (
            "GET",
            "https://a.test/",
            302,
            "http://a.test/",
            Err("a redirect leads to `http://a.test/`: it leaves https"),
        ),
        (
            "GET",
            "http://a.test/",
            302,
            "http://u@a.test/",
            Err("a redirect leads to `http://u@a.test/`: it has user information"),
        ),
        (
            "GET",
            "http://a.test/",
            302,
            "file:///etc/passwd",
            Err(
                "a redirect leads to `file:///etc/passwd`: the URL has the scheme `file`, allowed are `http` and `https`",
            ),
        ),
        (
            "GET",
            "http://a.test/",
            302,
            "http://[",
            Err("a redirect leads to `http://[`: it is no URL: invalid IPv6 address"),
        ),
        (
            "GET",
            "http://a.test/",
            302,
            "http://a.test:0",
            Err("a redirect leads to `http://a.test:0`: the URL has the port 0"),
        ),
    ];
    for (method, url, status, location, expected) in rows {
        let headers = ["authorization", "content-type", "cookie", "x"];
        let headers = headers.map(|name| (name.to_owned(), "v".to_owned()));
        let body = Some(b"body".to_vec());
        let mut request =
            Request::new(Some(method), url, &headers.into(), body).expect("a request");
        let followed = redirect::follow(&mut request, *status, Some(location.as_bytes()));
        let found = followed.map(|followed| {
            assert!(followed);
            let mut names: Vec<_> = request.headers.keys().map(|name| name.as_str()).collect();
            names.sort_unstable();
            let (method, url, names) = (&request.method, &request.url, names.join(" "));
            let body = request.body.map_or("none", |_| "body");
            format!("{method} {url} {names} {body}")
        });
        let expected =
            expected.map(|text| text.replace("{all}", all).replace("{bodiless}", bodiless));
        assert_eq!(
            found,
            expected.map_err(str::to_owned),
            "{method} {url} {status} {location}"
        );
    }
}

#[test]
fn what_is_no_redirect() {
    let plain = request("http://a.test/", &[], b"").expect("a request");
    for (status, location) in [
        (200, Some(&b"/z"[..])),
        (300, Some(b"/z")),
        (304, Some(b"/z")),
        (305, Some(b"/z")),
        (302, None),
    ] {
        let mut request = plain.clone();
        assert_eq!(
            redirect::follow(&mut request, status, location),
            Ok(false),
            "{status}"
        );
        assert_eq!(request.url, plain.url);
    }
    let found = redirect::follow(&mut plain.clone(), 302, Some(b"/\xff"));
    assert_eq!(
        found,
        Err("the target of a redirect is not UTF-8".to_owned())
    );
}
