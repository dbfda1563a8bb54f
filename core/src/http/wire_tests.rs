//! Lying name servers: a name is looked up once, and the checked address is the one that is connected to.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::Duration,
};

use ureq::{Agent, unversioned::transport::DefaultConnector};
use url::Host;

use super::{Lookup, Permission, config};

/// Requests a URL. The lookup of its host returns this address.
fn get(url: &str, address: &str, port: u16) -> Result<u16, String> {
    // The system resolves an address in text without a name server.
    let lookup = Lookup {
        host: Host::Domain(address.to_owned()),
        port,
        permission: Permission::Literal,
    };
    let config = config(Duration::from_secs(30));
    let agent = Agent::with_parts(config, DefaultConnector::new(), lookup);
    let response = agent.get(url).call();
    response
        .map(|response| response.status().as_u16())
        .map_err(|error| error.to_string())
}

#[test]
fn names_that_lead_to_special_addresses() {
    for (address, class) in [
        ("169.254.169.254", "a link-local address"),
        ("0.0.0.0", "an unspecified address"),
        ("100.100.100.200", "a metadata address"),
        ("fe80::1", "a link-local address"),
        ("::ffff:169.254.169.254", "a link-local address"),
        ("224.0.0.1", "a multicast address"),
    ] {
        let found = get("http://a.test/", address, 1).expect_err("it is special");
        let expected = format!("at {address}, {class}, which only a pattern");
        assert!(found.contains(&expected), "{address}: {found}");
    }
}

/// The host name is not looked up a second time.
#[test]
fn what_was_looked_up_is_connected_to() {
    let server = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = server.local_addr().expect("it is bound").port();
    let answering = thread::spawn(move || {
        let (mut connection, _) = server.accept().expect("a request comes");
        let mut request = [0; 1000];
        let length = connection.read(&mut request).expect("it can be read");
        let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
        connection.write_all(answer).expect("it can be written");
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let found = get("http://169.254.169.254:1/path", "127.0.0.1", port);
    assert_eq!(found, Ok(204));
    let request = answering.join().expect("it ends");
    assert!(request.starts_with("GET /path HTTP/1.1\r\n"), "{request}");
}
