//! Deadlines, timeouts and the user's own client, against servers that never finish.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use super::{Conditions, Failure, HttpClient, HttpRequest, HttpResponse, Policy, Request, fetch};
use crate::{
    base::error::{ErrorKind, Result},
    deadline::alarm::Alarm,
};

/// A generous bound: anything slower did not end at its deadline.
const SLACK: Duration = Duration::from_secs(4);

/// A server that reads a request and then runs this function on the connection.
fn serve(then: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has one");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            then(stream);
        }
    });
    address
}

fn get(address: SocketAddr, alarm: &Alarm, timeout: Duration) -> Result<HttpResponse, Failure> {
    let request = Request::new(None, &format!("http://{address}/"), &BTreeMap::new(), None);
    let request = request.expect("a request");
    let conditions = Conditions {
        policy: &Policy::listed(&["127.0.0.1".to_owned()]).expect("it is short"),
        client: None,
        max_bytes: 1 << 20,
        limit_name: "a test",
        timeout,
        grace: Duration::ZERO,
        patience: alarm,
    };
    fetch(request, &conditions)
}

fn hang(stream: TcpStream) {
    let mut stream = stream;
    // Until the other side closes.
    let _ = stream.read(&mut [0]);
}

fn drip(mut stream: TcpStream) {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
    let mut alive = stream.write_all(head.as_bytes()).is_ok();
    while alive {
        thread::sleep(Duration::from_millis(20));
        alive = stream.write_all(b"x").is_ok();
    }
}

fn drip_head(mut stream: TcpStream) {
    let mut alive = stream.write_all(b"HTTP/1.1 200 OK\r\n").is_ok();
    while alive {
        thread::sleep(Duration::from_millis(20));
        alive = stream.write_all(b"x: y\r\n").is_ok();
    }
}

const SERVERS: &[fn(TcpStream)] = &[hang, drip, drip_head];

#[test]
fn a_deadline_ends_a_request() {
    for server in SERVERS {
        let address = serve(server);
        let alarm = Alarm::after(Duration::from_millis(150));
        let started = Instant::now();
        let found = get(address, &alarm, Duration::from_secs(60));
        assert!(
            matches!(&found, Err(Failure::Stopped(error)) if error.kind() == ErrorKind::Timeout),
            "{found:?}"
        );
        assert!(started.elapsed() >= Duration::from_millis(150));
        assert!(started.elapsed() < SLACK, "{:?}", started.elapsed());
    }
}

#[test]
fn a_timeout_ends_a_request_without_a_deadline() {
    for server in SERVERS {
        let started = Instant::now();
        let found = get(serve(server), &Alarm::default(), Duration::from_millis(150));
        let Err(Failure::Failed { why, .. }) = found else {
            panic!("{found:?}");
        };
        assert_eq!(why, "there is no complete response after 150 ms");
        assert!(started.elapsed() < SLACK, "{:?}", started.elapsed());
    }
}

/// An abandoned connection is closed at once, not after its own timeouts.
#[test]
fn an_abandoned_connection_is_closed() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let address = serve(move |stream| {
        hang(stream);
        let _ = sender.send(());
    });
    let found = get(
        address,
        &Alarm::after(Duration::from_millis(100)),
        SLACK * 10,
    );
    assert!(found.is_err());
    assert_eq!(receiver.recv_timeout(SLACK), Ok(()));
}

/// Answers each request with the next of its responses, and keeps the requests.
struct Script {
    responses: Mutex<Vec<HttpResponse>>,
    requests: Mutex<Vec<HttpRequest>>,
}

impl HttpClient for Script {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        self.requests.lock().expect("no panic").push(request);
        Ok(self.responses.lock().expect("no panic").remove(0))
    }
}

#[test]
fn an_own_client_gets_every_hop_that_is_allowed() {
    let redirect = |status, location: &str| HttpResponse {
        status,
        headers: vec![("Location".to_owned(), location.into())],
        body: Vec::new(),
    };
    let script = Script {
        responses: Mutex::new(vec![
            redirect(307, "//b.test/2"),
            redirect(303, "https://a.test/3"),
            redirect(302, "https://c.test/4"),
        ]),
        requests: Mutex::default(),
    };
    let conditions = Conditions {
        policy: &Policy::listed(&["a.test".to_owned(), "b.test".to_owned()]).expect("short"),
        client: Some(&script),
        max_bytes: 10,
        limit_name: "a test",
        timeout: Duration::from_secs(5),
        grace: Duration::ZERO,
        patience: &Alarm::default(),
    };
    let headers = BTreeMap::from([("X-Y".to_owned(), "z".to_owned())]);
    let (url, body) = ("http://u:p@a.test/1#f", b"body".to_vec());
    let request = Request::new(Some("post"), url, &headers, Some(body)).expect("a request");
    let found = fetch(request, &conditions);
    let Err(Failure::Failed { why, .. }) = found else {
        panic!("{found:?}");
    };
    assert_eq!(why, "the host `c.test` is not allowed by allowed_hosts");
    let requests = script.requests.lock().expect("no panic");
    let found: Vec<_> = requests
        .iter()
        .map(|request| {
            assert!(request.timeout <= conditions.timeout);
            let names: Vec<_> = request
                .headers
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            let body = String::from_utf8_lossy(&request.body);
            format!("{} {} {names:?} {body:?}", request.method, request.url)
        })
        .collect();
    assert_eq!(
        found,
        [
            r#"POST http://a.test/1 ["x-y", "authorization"] "body""#,
            r#"POST http://b.test/2 ["x-y"] "body""#,
            r#"GET https://a.test/3 ["x-y"] """#,
        ]
    );
}
