//! A server for what neither Apache nor the demo's server does: it streams, closes connections at a constant
//! age, and restarts.

use std::{
    future::pending,
    io::{ErrorKind, Result},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until},
};

use super::websocket;

/// Its port, the same as Apache's, on all addresses.
const PORT: u16 = 8080;

/// Larger than the number of connections that ever wait.
const BACKLOG: u32 = 1024;

/// How long the port is closed during a restart.
const RESTARTS_WITHIN: Duration = Duration::from_millis(400);

/// Upper limit for the size of a request's head.
const MAX_HEAD: u64 = 4096;

/// How the server treats its clients.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// The age at which it closes a connection, whether used or not.
    pub age: Option<Duration>,
}

/// A running server; dropping it ends it.
#[derive(Debug)]
pub(super) struct Own {
    manner: Manner,
    serving: JoinHandle<()>,
}

impl Own {
    /// Starts the server in the network namespace of the current runtime.
    pub(super) fn start(manner: Manner) -> Result<Self> {
        let listener = listen()?;
        Ok(Self {
            manner,
            serving: tokio::spawn(accept(listener, manner)),
        })
    }

    /// Ends the server and all its connections, whatever they are doing, and starts it again.
    pub(super) fn restart(&mut self) {
        self.serving.abort();
        let manner = self.manner;
        self.serving = tokio::spawn(async move {
            sleep(RESTARTS_WITHIN).await;
            match listen() {
                Ok(listener) => accept(listener, manner).await,
                Err(error) => panic!("cannot listen again: {error}"),
            }
        });
    }

    /// The address that clients connect to.
    pub(super) fn address() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, PORT).into()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn listen() -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::UNSPECIFIED, PORT).into())?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, manner: Manner) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                // Errors on a connection are ignored; the tracer sees how it ends.
                connections.spawn(serve(stream, manner));
            },
        }
    }
}

async fn serve(stream: TcpStream, manner: Manner) -> Result<()> {
    let ends = manner.age.map(|age| Instant::now() + age);
    let mut stream = BufReader::new(stream);
    while ends.is_none_or(|ends| Instant::now() < ends) {
        let request = tokio::select! {
            request = Request::read(&mut stream) => request?,
            () = at(ends) => break,
        };
        match request {
            None => break,
            Some(Request {
                path: Path::Poll,
                time,
            }) => {
                sleep(time).await;
                let reply = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
                stream.write_all(reply.as_bytes()).await?;
            }
            Some(Request {
                path: Path::Events,
                time,
            }) => {
                return tokio::select! {
                    sent = send_events(&mut stream, time) => sent,
                    () = at(ends) => Ok(()),
                };
            }
            Some(Request {
                path: Path::WebSocket,
                time,
            }) => {
                stream.write_all(websocket::ACCEPTED.as_bytes()).await?;
                tokio::select! {
                    talked = websocket::talk(&mut stream, websocket::Side::Server, time) => return talked,
                    () = at(ends) => return websocket::close(&mut stream, websocket::Side::Server).await,
                }
            }
        }
    }
    Ok(())
}

/// Waits until `time`, or forever if there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// Sends server-sent events until the client closes.
async fn send_events(stream: &mut BufReader<TcpStream>, every: Duration) -> Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let mut byte = [0];
    loop {
        tokio::select! {
            read = stream.read(&mut byte) => if read? == 0 { return Ok(()) },
            () = sleep(every) => stream.write_all(b"data: news\n\n").await?,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    Poll,
    Events,
    WebSocket,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    path: Path,
    /// How long to hold a poll, or the interval between two messages.
    time: Duration,
}

impl Request {
    /// Reads the next request; `None` if the client has closed the connection.
    async fn read(from: &mut BufReader<TcpStream>) -> Result<Option<Self>> {
        let (mut head, mut limited) = (String::new(), from.take(MAX_HEAD));
        while !head.ends_with("\r\n\r\n") {
            if limited.read_line(&mut head).await? == 0 {
                return Ok(None);
            }
        }
        let request = Self::parse(&head).ok_or(ErrorKind::InvalidData)?;
        Ok(Some(request))
    }

    fn parse(head: &str) -> Option<Self> {
        let target = head.lines().next()?.split(' ').nth(1)?;
        let (path, time) = target.split_once("?hold=")?;
        let path = match path {
            "/poll" => Path::Poll,
            "/events" => Path::Events,
            "/socket" => Path::WebSocket,
            _ => return None,
        };
        let time = Duration::from_millis(time.parse().ok()?);
        Some(Self { path, time })
    }
}
