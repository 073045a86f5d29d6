//! Servers on loopback that misbehave as tests require.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use super::{super::url, *};

/// The page of a real server.
pub(super) const PAGE: &str = include_str!("../pages/worker.txt");

/// A server that handles each connection with `treat`, each in its own thread, until the tests end.
pub(super) fn serve(treat: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let treat = treat.clone();
            // Most of these end because the client goes away.
            thread::spawn(move || {
                let _ = stream.set_write_timeout(Some(Duration::from_secs(5)));
                treat(stream)
            });
        }
    });
    address
}

/// A server that reads a request and replies with these bytes.
pub(super) fn answering(reply: impl Into<Vec<u8>>) -> SocketAddr {
    let reply = reply.into();
    serve(move |mut stream| {
        head(&mut stream)?;
        stream.write_all(&reply)
    })
}

/// A reply with this status line and body. Each header has its line end.
pub(super) fn reply(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

/// Reads the head of a request.
pub(super) fn head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The status page of this server.
pub(super) fn page_of(address: SocketAddr) -> StatusUrl {
    url(&format!("http://{address}/server-status")).unwrap()
}

/// Fetches without counting connections.
pub(super) fn ask(url: &StatusUrl, limits: &Limits) -> Result<Status, StatusError> {
    fetch(url, limits, &AtomicU64::new(0))
}

/// Fetches with these CAs.
pub(super) fn ask_trusting(url: &StatusUrl, limits: &Limits, roots: Roots) -> Result<Status, StatusError> {
    fetch_trusting(url, limits, &AtomicU64::new(0), roots)
}
