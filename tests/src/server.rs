//! An HTTP/1.1 server on loopback, for tests. It answers with whatever bytes a test wants, so with
//! wrong ones too. It knows nothing of clients; each connection is one request on one thread.

use std::{
    fmt::Write as _,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// A server that runs as long as the process.
pub struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A request that came in.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// What was asked for, with the query.
    pub target: String,
    /// The headers, names as they were sent.
    pub headers: Vec<(String, String)>,
    /// The body, put together if it came in chunks.
    pub body: Vec<u8>,
}

/// What is done about a request. Afterwards the connection is closed.
pub enum Reply {
    /// These bytes are sent.
    Bytes(Vec<u8>),
    /// These bytes, then a piece again and again after a pause, until the client goes.
    Drip(Vec<u8>, &'static [u8], Duration),
    /// Nothing, until the client goes.
    Silence,
}

impl Server {
    /// Starts a server. A request to `/reset` is not read to its end: the connection is reset.
    ///
    /// # Panics
    /// If there is no free port.
    pub fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, list) = (Arc::new(answer), seen.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, list) = (answer.clone(), list.clone());
                // What the client makes of a broken connection is what is tested.
                thread::spawn(move || _ = serve(stream, &*answer, &list));
            }
        });
        Self { address, seen }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Takes the requests that came in since it was last asked.
    pub fn take_seen(&self) -> Vec<Seen> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut seen)
    }
}

impl Seen {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let header = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// The request as text: method, target, headers by name, body.
    pub fn text(&self) -> String {
        let mut headers = self.headers.clone();
        headers.sort();
        let mut text = format!("{} {}\n", self.method, self.target);
        for (name, value) in headers {
            _ = writeln!(text, "{name}: {value}");
        }
        text + "\n" + &String::from_utf8_lossy(&self.body)
    }
}

/// A whole response with a length.
pub fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let length = body.len().to_string();
    let mut bytes = head(status, headers);
    bytes.truncate(bytes.len() - 2);
    bytes.extend(format!("content-length: {length}\r\n\r\n").into_bytes());
    bytes.extend(body);
    Reply::Bytes(bytes)
}

/// The head of a response.
pub fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} Status\r\n");
    for (name, value) in headers {
        _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

fn serve(
    stream: TcpStream,
    answer: &dyn Fn(&Seen) -> Reply,
    list: &Mutex<Vec<Seen>>,
) -> io::Result<()> {
    let mut peeked = [0; 64];
    let length = stream.peek(&mut peeked)?;
    if peeked[..length].windows(7).any(|part| part == b" /reset") {
        // A socket that is closed while something is unread resets the connection.
        return Ok(());
    }
    let mut reader = BufReader::new(stream);
    let Ok(seen) = read(&mut reader) else {
        return reader.get_mut().write_all(&head(400, &[]));
    };
    let reply = answer(&seen);
    list.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(seen);
    let mut stream = reader.into_inner();
    match reply {
        Reply::Bytes(bytes) => stream.write_all(&bytes),
        Reply::Silence => stream.read(&mut [0]).map(drop),
        Reply::Drip(head, piece, pause) => {
            stream.write_all(&head)?;
            loop {
                thread::sleep(pause);
                stream.write_all(piece)?;
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Seen> {
    let mut seen = Seen::default();
    let first = line(reader)?;
    let mut words = first.split(' ').map(str::to_owned);
    seen.method = words.next().unwrap_or_default();
    seen.target = words.next().unwrap_or_default();
    loop {
        let text = line(reader)?;
        let Some((name, value)) = text.split_once(':') else {
            break;
        };
        let header = (name.to_owned(), value.trim().to_owned());
        seen.headers.push(header);
    }
    let length = seen.header("content-length").map(str::parse::<u64>);
    if let Some(Ok(length)) = length {
        reader.take(length).read_to_end(&mut seen.body)?;
    } else if seen.header("transfer-encoding") == Some("chunked") {
        while let Ok(length @ 1..) = u64::from_str_radix(&line(reader)?, 16) {
            reader.take(length).read_to_end(&mut seen.body)?;
            line(reader)?;
        }
    }
    Ok(seen)
}

fn line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
