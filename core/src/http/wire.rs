//! Sends one request over the network with the library `ureq`. It follows no redirects.
//!
//! The library blocks, so it runs on a thread of its own. The caller waits in short steps, so neither a server nor
//! a name server can hold it longer than it wants. The connection of an abandoned request is closed, so its thread
//! ends soon, at the latest after its own timeouts.
//!
//! Invariant: connections go only to addresses that [`Lookup`] has checked.

use std::{
    fmt,
    io::{self, Read as _},
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use ureq::{
    Agent, AsSendBody, Body,
    config::Config,
    http::{self, Method, Uri, header},
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};
use url::Host;

use super::{
    HttpResponse,
    fetch::{Failure, Patience},
    policy::{self, Permission},
    request::Request,
    shown,
};

/// How long connecting may take, including the TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How much later than the caller the library gives up.
const GRACE: Duration = Duration::from_secs(1);

/// The longest timeout for the library. The caller's own may be longer than clocks can represent.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The most bytes of the head of a response.
const LARGEST_HEAD: usize = 64 << 10;

/// How much is read at once, in bytes.
const PIECE: usize = 64 << 10;

/// How many addresses of a host are tried.
const MOST_ADDRESSES: usize = 8;

/// No total is announced.
const UNKNOWN: u64 = u64::MAX;

/// The conditions of a request.
pub(super) struct Wire {
    /// How the host was allowed.
    pub(super) permission: Permission,
    /// The most bytes of the body.
    pub(super) most: u64,
    /// The time limit.
    pub(super) left: Duration,
}

/// The end of a transfer without a failure.
pub(super) enum Outcome {
    Response(HttpResponse),
    /// The body has more bytes than allowed.
    TooLarge,
    /// The time limit has passed.
    TooLate,
}

/// The progress of a transfer, written by its thread and read by the caller.
struct Counters {
    received: AtomicU64,
    total: AtomicU64,
}

/// Sends a request and waits for the response.
///
/// # Errors
/// If there is no whole response, or if the patience of the caller ends.
pub(super) fn send(
    request: &Request,
    wire: &Wire,
    patience: &dyn Patience,
) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let Some(uri) = request.uri() else {
        return Err("the URL has characters that cannot be sent"
            .to_owned()
            .into());
    };
    let lookup = Lookup::new(request, wire.permission)?;
    let agent = Agent::with_parts(config(wire.left), DefaultConnector::new(), lookup);
    let counters = Arc::new(Counters {
        received: AtomicU64::new(0),
        total: AtomicU64::new(UNKNOWN),
    });
    let (sender, receiver) = mpsc::sync_channel(1);
    let job = {
        let (agent, request, counters) = (agent.clone(), request.clone(), counters.clone());
        let most = wire.most;
        move || {
            let result = exchange(&agent, request, uri, most, &counters);
            // If the request is abandoned, there is no receiver.
            let _ = sender.send(result);
        }
    };
    let thread = thread::Builder::new().name("http".to_owned());
    thread.spawn(job).map_err(|error| Failure::Failed {
        why: "no thread can be started for it".to_owned(),
        source: Some(error.into()),
    })?;
    loop {
        let left = wire.left.saturating_sub(started.elapsed());
        let received = receiver.recv_timeout(patience.slice().min(left));
        let total = Some(counters.total.load(Ordering::Relaxed)).filter(|&total| total != UNKNOWN);
        if let Err(error) =
            patience.check_interrupt(counters.received.load(Ordering::Relaxed), total)
        {
            agent.shutdown();
            return Err(Failure::Stopped(error));
        }
        match received {
            Ok(result) => return result.map_err(|error| failure(request, error)),
            Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                agent.shutdown();
                return Ok(Outcome::TooLate);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err("the thread of the request has ended".to_owned().into());
            }
        }
    }
}

fn config(left: Duration) -> Config {
    Config::builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .max_idle_connections(0)
        .max_response_header_size(LARGEST_HEAD)
        .user_agent(concat!("polyextism/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(left.min(LONGEST) + GRACE))
        .build()
}

/// The blocking part.
fn exchange(
    agent: &Agent,
    request: Request,
    uri: Uri,
    most: u64,
    counters: &Counters,
) -> Result<Outcome, ureq::Error> {
    // These methods always have a body, at least an empty one. Without a length it would be sent in chunks.
    let bodied = [Method::PATCH, Method::POST, Method::PUT].contains(&request.method);
    let mut head = http::Request::new(());
    *head.method_mut() = request.method;
    *head.uri_mut() = uri;
    *head.headers_mut() = request.headers;
    match request.body {
        None if !bodied => receive(run(agent, head, ())?, most, counters),
        None => receive(run(agent, head, &[][..])?, most, counters),
        Some(body) => receive(run(agent, head, &body[..])?, most, counters),
    }
}

fn run(
    agent: &Agent,
    head: http::Request<()>,
    body: impl AsSendBody,
) -> Result<http::Response<Body>, ureq::Error> {
    agent.run(head.map(|()| body))
}

fn receive(
    response: http::Response<Body>,
    most: u64,
    counters: &Counters,
) -> Result<Outcome, ureq::Error> {
    let (head, body) = response.into_parts();
    let headers = head.headers.iter().map(|(name, value)| {
        let name = name.as_str().to_owned();
        (name, value.as_bytes().to_vec())
    });
    let mut response = HttpResponse {
        status: head.status.as_u16(),
        headers: headers.collect(),
        body: Vec::new(),
    };
    // The body of a redirect is not used.
    if head.status.is_redirection() && head.headers.contains_key(header::LOCATION) {
        return Ok(Outcome::Response(response));
    }
    if let Some(total) = body.content_length() {
        if total > most {
            return Ok(Outcome::TooLarge);
        }
        counters.total.store(total, Ordering::Relaxed);
    }
    let mut reader = body.into_reader();
    let mut piece = vec![0; PIECE];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(Outcome::Response(response)),
            Ok(length) => {
                let room = response.body.try_reserve(length);
                room.map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
                response.body.extend_from_slice(&piece[..length]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
        let received = response.body.len() as u64;
        if received > most {
            return Ok(Outcome::TooLarge);
        }
        counters.received.store(received, Ordering::Relaxed);
    }
}

/// The addresses of the checked host. The name that the library passes is ignored.
struct Lookup {
    host: Host,
    port: u16,
    permission: Permission,
}

/// Why a host is not connected to.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the host is at {address}, {class}, which only a pattern without wildcards allows")]
    Forbidden {
        address: IpAddr,
        class: &'static str,
    },
    #[error("the host has no address")]
    Unknown(#[source] io::Error),
}

impl From<Refusal> for ureq::Error {
    fn from(refusal: Refusal) -> Self {
        Self::Other(refusal.into())
    }
}

impl Lookup {
    fn new(request: &Request, permission: Permission) -> Result<Self, Failure> {
        let host = request.url.host().map(|host| host.to_owned());
        match (host, request.url.port_or_known_default()) {
            (Some(host), Some(port)) => Ok(Self {
                host,
                port,
                permission,
            }),
            _ => Err("the URL has no host".to_owned().into()),
        }
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, ureq::Error> {
        let port = self.port;
        Ok(match &self.host {
            Host::Ipv4(address) => vec![(*address, port).into()],
            Host::Ipv6(address) => vec![(*address, port).into()],
            Host::Domain(name) => {
                let addresses = (name.as_str(), port).to_socket_addrs();
                addresses.map_err(Refusal::Unknown)?.collect()
            }
        })
    }
}

impl Resolver for Lookup {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut allowed = self.empty();
        let mut forbidden = None;
        for address in self.addresses()?.into_iter().take(MOST_ADDRESSES) {
            match policy::refusal(address.ip(), &self.host, self.permission) {
                None => allowed.push(address),
                Some(class) => {
                    let address = address.ip();
                    forbidden = Some(Refusal::Forbidden { address, class });
                }
            }
        }
        match (allowed.is_empty(), forbidden) {
            (false, _) => Ok(allowed),
            (true, Some(forbidden)) => Err(forbidden.into()),
            (true, None) => Err(ureq::Error::HostNotFound),
        }
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lookup({})", self.host)
    }
}

/// The message for a failure of the library.
#[cold]
fn failure(request: &Request, error: ureq::Error) -> Failure {
    let place = request.place();
    let error = match error {
        ureq::Error::Io(error) => {
            let why = match broken(&error) {
                Some(what) => format!("{place}: {what}"),
                // The library wraps TLS failures in this way.
                None if error.kind() == io::ErrorKind::InvalidData => {
                    format!("{place}: no secure connection: {error}")
                }
                None => format!("{place}: {error}"),
            };
            let source = Some(error.into());
            return Failure::Failed { why, source };
        }
        ureq::Error::Other(error) => {
            let why = format!("{place}: {error}");
            let source = error.downcast::<Refusal>().ok();
            let source = source.and_then(|refusal| match *refusal {
                Refusal::Unknown(error) => Some(error.into()),
                Refusal::Forbidden { .. } => None,
            });
            return Failure::Failed { why, source };
        }
        error => error,
    };
    let what = match &error {
        ureq::Error::HostNotFound => "the host has no address".to_owned(),
        ureq::Error::Timeout(ureq::Timeout::Connect) => {
            format!("no connection after {CONNECT_TIMEOUT:?}")
        }
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::LargeResponseHeader(..) => {
            format!("the head of the response has more than {LARGEST_HEAD} bytes")
        }
        ureq::Error::Decompress(..) => "the response is not compressed as it says".to_owned(),
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => {
            format!("no secure connection: {}", shown(&error.to_string()))
        }
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => {
            "the response is not HTTP/1.1".to_owned()
        }
        error => shown(&error.to_string()),
    };
    let why = format!("{place}: {what}");
    let source = Some(error.into());
    Failure::Failed { why, source }
}

/// Messages for connection failures whose texts differ between systems.
fn broken(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable,
        NetworkUnreachable, OutOfMemory, UnexpectedEof,
    };
    Some(match error.kind() {
        ConnectionRefused => "the connection is refused",
        HostUnreachable | NetworkUnreachable => "the host is out of reach",
        OutOfMemory => "the host has no memory for the response",
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => {
            "the connection ended before the response was complete"
        }
        _ => return None,
    })
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
