//! Which hosts and addresses a request may reach.
//!
//! It checks the parsed URL that is sent and the resolved addresses that are connected to. It sends nothing.
//!
//! Rules
//! - A host is allowed if a pattern matches its canonical form: lower case, IDN as punycode, numbers as addresses,
//!   no trailing dot. Ports and user information are ignored.
//! - Addresses that name no host of the network (link-local, where clouds keep their metadata, unspecified,
//!   multicast, reserved) are reached only if the URL has the address itself and a pattern without wildcards is
//!   that address. A host name never leads there.
//! - Any other address that an allowed host resolves to is allowed. Allowing a host name allows the private
//!   addresses it resolves to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use globset::{GlobBuilder, GlobMatcher};
use url::{Host, Url};

/// The most bytes of a pattern; a host has at most 255.
const LONGEST_PATTERN: usize = 1024;

/// Which hosts a request may reach.
#[derive(Debug)]
pub(crate) enum Policy {
    /// Hosts that one of the patterns matches.
    Listed(Vec<Pattern>),
    /// Every host, because the user chose the URL. This host was named.
    Named(String),
}

#[derive(Debug)]
pub(crate) enum Pattern {
    /// One host.
    Literal(String),
    /// Every host that matches.
    Glob(GlobMatcher),
}

/// How a host was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// By name or address.
    Literal,
    /// By a wildcard.
    Wildcard,
}

impl Default for Policy {
    /// Nothing is allowed.
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Policy {
    /// The policy of the manifest's `allowed_hosts`.
    ///
    /// # Errors
    /// The pattern that is too long.
    pub(crate) fn listed(patterns: &[String]) -> Result<Self, String> {
        let pattern = |(index, text): (usize, &String)| match text.len() {
            0..=LONGEST_PATTERN => Ok(Pattern::new(text)),
            length => Err(format!(
                "allowed_hosts[{index}]: the pattern has {length} bytes, at most \
                 {LONGEST_PATTERN} are allowed"
            )),
        };
        let patterns = patterns.iter().enumerate().map(pattern);
        patterns.collect::<Result<_, _>>().map(Self::Listed)
    }

    /// The policy for a URL that the user names.
    pub(crate) fn named(url: &Url) -> Self {
        Self::Named(host_text(url).unwrap_or_default())
    }

    /// How the URL is allowed; `None` if it is not.
    pub(crate) fn permission(&self, url: &Url) -> Option<Permission> {
        let host = host_text(url)?;
        match self {
            Self::Named(name) if *name == host => Some(Permission::Literal),
            Self::Named(_) => Some(Permission::Wildcard),
            Self::Listed(patterns) => {
                let permissions = patterns
                    .iter()
                    .filter_map(|pattern| pattern.permission(&host));
                permissions.min_by_key(|permission| *permission != Permission::Literal)
            }
        }
    }
}

impl Pattern {
    fn new(text: &str) -> Self {
        let text = text.strip_suffix('.').unwrap_or(text).to_lowercase();
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(&text).parse::<Ipv6Addr>() {
            return Self::Literal(address.to_string());
        }
        if !text.contains(['*', '?', '[']) {
            return Self::Literal(canonical(text));
        }
        let labels = text.split('.').map(|label| match label.is_ascii() {
            true => label.to_owned(),
            false => canonical(label.to_owned()),
        });
        let text = labels.collect::<Vec<_>>().join(".");
        let mut glob = GlobBuilder::new(&text);
        let glob = glob.case_insensitive(true).backslash_escape(false);
        match glob.literal_separator(false).build() {
            Ok(glob) => Self::Glob(glob.compile_matcher()),
            // A pattern that is not a glob is a name, though maybe not a valid host name.
            Err(_) => Self::Literal(text),
        }
    }

    fn permission(&self, host: &str) -> Option<Permission> {
        match self {
            Self::Literal(text) => (text == host).then_some(Permission::Literal),
            Self::Glob(glob) => glob.is_match(host).then_some(Permission::Wildcard),
        }
    }
}

/// A host name in canonical form, or the text itself if it is not a host name.
fn canonical(text: String) -> String {
    match Host::parse(&text) {
        Ok(host) => host.to_string(),
        Err(_) => text,
    }
}

/// The host of a URL in canonical form.
pub(crate) fn host_text(url: &Url) -> Option<String> {
    Some(match url.host()? {
        Host::Domain(name) => name.strip_suffix('.').unwrap_or(name).to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    })
}

/// Why an address is refused; `None` if it is allowed.
pub(crate) fn refusal(
    address: IpAddr,
    host: &Host,
    permission: Permission,
) -> Option<&'static str> {
    let named = !matches!(host, Host::Domain(_));
    match named && permission == Permission::Literal {
        true => None,
        false => special(address),
    }
}

/// Cloud metadata services whose addresses belong to no special class.
const METADATA: &[IpAddr] = &[
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// The class of an address that names no host of the network.
fn special(address: IpAddr) -> Option<&'static str> {
    if METADATA.contains(&address) {
        return Some("a metadata address");
    }
    match address {
        IpAddr::V4(v4) => match v4.octets() {
            [0, ..] => Some("an unspecified address"),
            [169, 254, ..] => Some("a link-local address"),
            [224..=239, ..] => Some("a multicast address"),
            [240..=255, ..] => Some("a reserved address"),
            _ => None,
        },
        IpAddr::V6(v6) if v6.is_unspecified() => Some("an unspecified address"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("a link-local address"),
        IpAddr::V6(v6) if v6.is_multicast() => Some("a multicast address"),
        IpAddr::V6(v6) => special(IpAddr::V4(embedded(v6)?)),
    }
}

/// The IPv4 address behind an IPv6 address: mapped, compatible, NAT64 and 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(v4(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
