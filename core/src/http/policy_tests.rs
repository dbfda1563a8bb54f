//! The policy as data: patterns and URLs, addresses and what allows them.

use std::net::IpAddr;

use url::{Host, Url};

use super::{Permission, Policy, host_text, refusal};
use crate::http::request;

const LITERAL: Option<Permission> = Some(Permission::Literal);
const WILDCARD: Option<Permission> = Some(Permission::Wildcard);

/// Patterns, a URL, and how it is allowed.
const HOSTS: &[(&[&str], &str, Option<Permission>)] = &[
    (&[], "http://a.test", None),
    (&["a.test"], "http://a.test", LITERAL),
    (&["a.test"], "https://a.test/p?q#f", LITERAL),
    (&["a.test"], "http://b.test", None),
    (&["a.test"], "http://a.test.evil.test", None),
    (&["a.test"], "http://nota.test", None),
    (&["a.test"], "http://sub.a.test", None),
    (&["b.test", "a.test"], "http://a.test", LITERAL),
    // A literal wins over a wildcard, in any order.
    (&["*", "a.test"], "http://a.test", LITERAL),
    (&["*"], "http://a.test", WILDCARD),
    (&["*"], "http://[::1]", WILDCARD),
    (&["**"], "http://a.test", WILDCARD),
    (&["*.test"], "http://a.test", WILDCARD),
    (&["*.test"], "http://b.a.test", WILDCARD),
    (&["*.test"], "http://test", None),
    (&["*.test"], "http://a.test.evil", None),
    (&["a?.test"], "http://ab.test", WILDCARD),
    (&["a?.test"], "http://a.test", None),
    (&["[ab].test"], "http://b.test", WILDCARD),
    (&["[ab].test"], "http://c.test", None),
    (&["[!ab].test"], "http://c.test", WILDCARD),
    // A pattern that is not a glob is compared literally.
    (&["[ab"], "http://a", None),
    (&["{a,b}.test"], "http://a.test", None),
    (&[""], "http://a.test", None),
    // Case.
    (&["A.TEST"], "http://a.test", LITERAL),
    (&["a.test"], "http://A.Test", LITERAL),
    (&["*.TEST"], "http://a.test", WILDCARD),
    // Dots at the end.
    (&["a.test"], "http://a.test.", LITERAL),
    (&["a.test."], "http://a.test", LITERAL),
    (&["a.test"], "http://a.test..", None),
    // Ports and user information are ignored, and cannot pass as a host.
    (&["a.test"], "http://a.test:8080", LITERAL),
    (&["a.test:8080"], "http://a.test:8080", None),
    (&["a.test"], "http://a.test@evil.test", None),
    (&["a.test"], "http://a.test:80@evil.test", None),
    (&["a.test"], "http://evil.test@a.test", LITERAL),
    (&["a.test"], "http://evil.test:80@a.test:81", LITERAL),
    (&["a.test"], "http://evil.test#@a.test", None),
    (&["a.test"], "http://evil.test?@a.test", None),
    (&["a.test"], "http://evil.test/@a.test", None),
    (&["a.test"], "http://evil.test\\@a.test", None),
    (&["a.test"], "http://a.test\\@evil.test", LITERAL),
    (&["a.test"], "http:\\\\a.test", LITERAL),
    // Spellings that the URL standard normalises.
    (&["a.test"], "ht\ntp://a.\ttest", LITERAL),
    (&["a.test"], "http://evil.test\t.a.test", None),
    (&["a.test"], "  http://a.test  ", LITERAL),
    (&["a.test"], "http:///a.test", LITERAL),
    (&["a.test"], "http:a.test", LITERAL),
    (&["a.test"], "http://%61.test", LITERAL),
    (&["a.test"], "http://a%2Etest", LITERAL),
    (&["a.test"], "http://a。test", LITERAL),
    (&["a.test"], "http://ａ.test", LITERAL),
    // International names.
    (&["xn--bcher-kva.test"], "http://bücher.test", LITERAL),
    (&["bücher.test"], "http://xn--bcher-kva.test", LITERAL),
    (&["BÜCHER.test"], "http://bücher.test", LITERAL),
    (&["*.bücher.test"], "http://a.bücher.test", WILDCARD),
    // A letter that only looks the same.
    (&["a.test"], "http://а.test", None),
    // Addresses, in any spelling.
    (&["127.0.0.1"], "http://127.0.0.1", LITERAL),
    (&["127.0.0.1"], "http://2130706433", LITERAL),
    (&["127.0.0.1"], "http://0x7f.1", LITERAL),
    (&["127.0.0.1"], "http://0177.0.0.1.", LITERAL),
    (&["127.1"], "http://127.0.0.1", LITERAL),
    (&["localhost"], "http://127.0.0.1", None),
    (&["127.*"], "http://127.0.0.1", WILDCARD),
    (&["::1"], "http://[::1]:80", LITERAL),
    (&["[::1]"], "http://[0:0:0:0:0:0:0:1]", LITERAL),
    (&["[0:0::1]"], "http://[::1]", LITERAL),
    (&["127.0.0.1"], "http://[::ffff:127.0.0.1]", None),
    (&["fd00:*"], "http://[fd00::1]", WILDCARD),
];

#[test]
fn hosts() {
    for (patterns, url, expected) in HOSTS {
        let patterns = patterns.iter().map(|text| (*text).to_owned());
        let policy = Policy::listed(&patterns.collect::<Vec<_>>()).expect("all are short");
        let parsed = request::parse(url).unwrap_or_else(|why| panic!("{url}: {why}"));
        assert_eq!(policy.permission(&parsed), *expected, "{policy:?} {url}");
    }
}

#[test]
fn patterns_are_bounded() {
    for wildcard in ["?", "*", "[a-z]"] {
        let longest = wildcard.repeat(1024 / wildcard.len());
        assert!(Policy::listed(std::slice::from_ref(&longest)).is_ok());
        let found = Policy::listed(&["*".to_owned(), longest + "xxxxx"]).map(drop);
        let found = found.expect_err("it is too long");
        assert!(
            found.starts_with("allowed_hosts[1]: the pattern has 102"),
            "{found}"
        );
        assert!(
            found.ends_with(" bytes, at most 1024 are allowed"),
            "{found}"
        );
    }
}

#[test]
fn what_is_no_url_of_http() {
    for (url, expected) in [
        ("", "`` is no URL: relative URL without a base"),
        ("a.test", "`a.test` is no URL: relative URL without a base"),
        (
            "//a.test",
            "`//a.test` is no URL: relative URL without a base",
        ),
        ("http://", "`http://` is no URL: empty host"),
        ("http://?", "`http://?` is no URL: empty host"),
        (
            "http://a b",
            "`http://a b` is no URL: invalid international domain name",
        ),
        (
            "http://a.test%40evil.test",
            "`http://a.test%40evil.test` is no URL: invalid international domain name",
        ),
        (
            "http://a:99999",
            "`http://a:99999` is no URL: invalid port number",
        ),
        ("http://a.test:0", "the URL has the port 0"),
        (
            "http://[::1%25lo]",
            "`http://[::1%25lo]` is no URL: invalid IPv6 address",
        ),
        (
            "http://999.0.0.1",
            "`http://999.0.0.1` is no URL: invalid IPv4 address",
        ),
        (
            "file:///etc/passwd",
            "the URL has the scheme `file`, allowed are `http` and `https`",
        ),
        (
            "ftp://a.test",
            "the URL has the scheme `ftp`, allowed are `http` and `https`",
        ),
        (
            "data:text/plain,x",
            "the URL has the scheme `data`, allowed are `http` and `https`",
        ),
        (
            "a.test:80/p",
            "the URL has the scheme `a.test`, allowed are `http` and `https`",
        ),
    ] {
        assert_eq!(request::parse(url).map(String::from), Err(expected.into()));
    }
}

/// Addresses with their classes.
const ADDRESSES: &[(&str, Option<&str>)] = &[
    ("8.8.8.8", None),
    ("127.0.0.1", None),
    ("10.0.0.1", None),
    ("192.168.0.1", None),
    ("172.16.0.1", None),
    ("100.64.0.1", None),
    ("::1", None),
    ("fd00::1", None),
    ("2606:4700::1111", None),
    ("::ffff:127.0.0.1", None),
    ("0.0.0.0", Some("an unspecified address")),
    ("0.1.2.3", Some("an unspecified address")),
    ("169.254.169.254", Some("a link-local address")),
    ("169.254.0.1", Some("a link-local address")),
    ("224.0.0.1", Some("a multicast address")),
    ("255.255.255.255", Some("a reserved address")),
    ("240.0.0.1", Some("a reserved address")),
    ("100.100.100.200", Some("a metadata address")),
    ("168.63.129.16", Some("a metadata address")),
    ("::", Some("an unspecified address")),
    ("fe80::1", Some("a link-local address")),
    ("febf::1", Some("a link-local address")),
    ("ff02::1", Some("a multicast address")),
    ("fd00:ec2::254", Some("a metadata address")),
    ("::ffff:169.254.169.254", Some("a link-local address")),
    ("::169.254.169.254", Some("a link-local address")),
    ("64:ff9b::a9fe:a9fe", Some("a link-local address")),
    ("2002:a9fe:a9fe::1", Some("a link-local address")),
    ("::ffff:0.0.0.0", Some("an unspecified address")),
];

#[test]
fn addresses() {
    for (text, expected) in ADDRESSES {
        let address: IpAddr = text.parse().expect("an address");
        let literal = match address {
            IpAddr::V4(address) => Host::Ipv4(address),
            IpAddr::V6(address) => Host::Ipv6(address),
        };
        let name = Host::Domain("a.test".to_owned());
        // A name never leads to a special address. A literal does if it was allowed literally.
        assert_eq!(
            refusal(address, &name, Permission::Literal),
            *expected,
            "{text}"
        );
        assert_eq!(
            refusal(address, &name, Permission::Wildcard),
            *expected,
            "{text}"
        );
        assert_eq!(
            refusal(address, &literal, Permission::Wildcard),
            *expected,
            "{text}"
        );
        assert_eq!(
            refusal(address, &literal, Permission::Literal),
            None,
            "{text}"
        );
    }
}

#[test]
fn a_named_url_allows_everything_else_by_wildcard() {
    let url = |text| Url::parse(text).expect("a URL");
    let policy = Policy::named(&url("http://169.254.1.1/module.wasm"));
    assert_eq!(policy.permission(&url("http://169.254.1.1/other")), LITERAL);
    assert_eq!(policy.permission(&url("https://a.test")), WILDCARD);
    assert_eq!(host_text(&url("http://[::1]")).as_deref(), Some("::1"));
}
