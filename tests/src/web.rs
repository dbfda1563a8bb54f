//! A guest that sends requests, and a site that answers them.

use polyextism::{Choice, Manifest, Options, Plugin};

use crate::{
    outcome::Outcome,
    quote::quote,
    server::{Reply, Seen, head, response},
};

/// `send` requests what the variable `request` says with the input as the body, and outputs the
/// response; `status` and `headers` output what is left of it.
pub const GUEST: &str = r#"
(module
  (import "extism:host/env" "http_request" (func $request (param i64 i64) (result i64)))
  (import "extism:host/env" "http_status_code" (func $status (result i32)))
  (import "extism:host/env" "http_headers" (func $headers (result i64)))
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $input (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func $key (result i64) (local $block i64)
    (local.set $block (call $alloc (i64.const 8)))
    (call $store (local.get $block) (i64.const 0x2174736575716572))
    (local.get $block))
  (func $put (param $block i64)
    (call $output (local.get $block) (call $length (local.get $block))))
  (func (export "send")
    (call $put (call $request (call $var_get (call $key)) (call $input))))
  (func (export "bad") (drop (call $request (i64.const 1000) (i64.const 0))))
  (func (export "headers") (call $put (call $headers)))
  (func (export "status") (local $block i64)
    (local.set $block (call $alloc (i64.const 8)))
    (call $store (local.get $block) (i64.extend_i32_u (call $status)))
    (call $put (local.get $block))))
"#;

/// A site with something of everything, wrong things too.
///
/// # Panics
/// If a path that needs a number has none.
pub fn site(seen: &Seen) -> Reply {
    let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
    let words: Vec<_> = path.split('/').skip(1).collect();
    let number = |at: usize| words[at].parse::<usize>().expect("a number");
    match words[..] {
        ["text"] => response(200, &[], seen.text().as_bytes()),
        ["echo"] => response(200, &[], &seen.body),
        ["status", _] => response(number(1) as u16, &[], b"body"),
        ["bytes", _] => response(200, &[], &vec![b'x'; number(1)]),
        ["unframed", _] => {
            let mut bytes = head(200, &[]);
            bytes.extend(vec![b'x'; number(1)]);
            Reply::Bytes(bytes)
        }
        ["chunked", _] => {
            let mut bytes = head(200, &[("transfer-encoding", "chunked")]);
            for chunk in vec![b'x'; number(1)].chunks(1000) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
            Reply::Bytes(bytes)
        }
        ["to", _] => response(number(1) as u16, &[("Location", query)], b"moved"),
        ["cookie"] => response(302, &[("Set-Cookie", "a=b"), ("Location", "/text")], b""),
        ["hops", "0"] => response(200, &[], b"arrived"),
        ["hops", _] => {
            let next = format!("/hops/{}", number(1) - 1);
            response(302, &[("location", &next)], b"")
        }
        ["headers"] => {
            let mut bytes = b"HTTP/1.1 200 OK\r\nX-Twice: 1\r\nx-twice: 2\r\n".to_vec();
            bytes.extend(b"X-Bytes: \xff\xfe\r\nX-Umlaut: \xc3\xa4\r\nX-Tab: a\tb\r\n");
            bytes.extend(b"Content-Length: 0\r\n\r\n");
            Reply::Bytes(bytes)
        }
        ["raw", "short"] => {
            Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc".into())
        }
        ["raw", "chunk"] => {
            Reply::Bytes(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc".into())
        }
        ["raw", "chunks"] => {
            Reply::Bytes(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab".into())
        }
        ["raw", "lengths"] => Reply::Bytes(
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".into(),
        ),
        ["raw", "gzip"] => response(
            200,
            &[("content-encoding", "gzip")],
            b"this is no gzip at all",
        ),
        ["raw", "nothing"] => Reply::Bytes(Vec::new()),
        ["raw", "noise"] => Reply::Bytes(b"\0\x01\x02 what?\r\n\r\n".into()),
        ["raw", "head"] => {
            let value = "y".repeat(1000);
            Reply::Bytes(head(200, &[("x", value.as_str()); 100]))
        }
        _ => response(404, &[], b"not found"),
    }
}

/// A plug-in of [`GUEST`] that may reach these hosts.
///
/// # Panics
/// If it cannot be made.
pub fn guest(
    choice: &Choice,
    hosts: &[&str],
    change: impl FnOnce(&mut Manifest, &mut Options),
) -> Plugin {
    let mut manifest = Manifest::of(GUEST.as_bytes());
    manifest.allowed_hosts = Some(hosts.iter().map(|&host| host.into()).collect());
    let mut options = Options::default();
    change(&mut manifest, &mut options);
    let compiled = choice.compile(&manifest, &options);
    let plugin = compiled.and_then(|compiled| Plugin::new(&compiled));
    plugin.unwrap_or_else(|error| panic!("{choice:?}: {error:?}"))
}

/// Sends a request; how it ended, and the status afterwards.
///
/// # Panics
/// If the status cannot be had.
pub fn send(plugin: &mut Plugin, request: &str, body: &[u8]) -> (Outcome, u64) {
    let vars = plugin.host().vars_mut();
    vars.set("request!", request).expect("it fits");
    let outcome = Outcome::of(plugin.call("send", body));
    let status = plugin.call("status", b"").expect("it cannot fail");
    let status = status.try_into().map(u64::from_le_bytes);
    (outcome, status.expect("eight bytes"))
}

/// Sends a plain request.
///
/// # Panics
/// As [`send`].
pub fn get(plugin: &mut Plugin, url: &str) -> (String, u64) {
    let request = format!("{{\"url\": {}}}", quote(url.as_bytes()));
    let (outcome, status) = send(plugin, &request, b"");
    (outcome.to_string(), status)
}
