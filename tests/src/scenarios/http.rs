//! The client's side of an HTTP/1.1 connection.

use std::{
    io::{Error, ErrorKind, Result},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
};

use super::websocket;

/// Upper limit for the size of a reply.
const MAX_REPLY: u64 = 64 << 10;

/// A poll to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poll {
    pub(super) path: &'static str,
    pub(super) hold: Duration,
    /// Asks the server to close after the reply.
    pub(super) close: bool,
}

impl Poll {
    pub(super) const fn held(hold: Duration) -> Self {
        Self {
            path: "/poll",
            hold,
            close: false,
        }
    }

    /// The request as sent.
    pub(super) fn request(&self) -> String {
        let close = if self.close { "Connection: close\r\n" } else { "" };
        format!(
            "GET {}?hold={} HTTP/1.1\r\nHost: localhost\r\n{close}\r\n",
            self.path,
            self.hold.as_millis()
        )
    }
}

/// What the server does with the connection after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Keeps it open.
    Keep,
    /// Closes it, as announced by `Connection: close`.
    Close,
}

/// A connection. Dropping it sends a FIN.
#[derive(Debug)]
pub(super) struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Opens a connection from the given source address.
    pub(super) async fn open(source: IpAddr, server: SocketAddr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source, 0))?;
        Ok(Self(BufReader::new(socket.connect(server).await?)))
    }

    /// Sends bytes.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).await
    }

    /// Polls once and reads the complete reply.
    pub(super) async fn poll(&mut self, poll: Poll) -> Result<Then> {
        self.send(poll.request().as_bytes()).await?;
        let (mut then, mut length, mut line, mut ok) = (Then::Keep, None, String::new(), false);
        let mut head = (&mut self.0).take(MAX_REPLY);
        loop {
            line.clear();
            if head.read_line(&mut line).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            ok |= line.starts_with("http/1.1 200");
            match line.split_once(':').map(|(name, value)| (name, value.trim())) {
                Some(("connection", "close")) => then = Then::Close,
                Some(("content-length", value)) => length = value.parse().ok(),
                _ => {}
            }
        }
        let length = length.filter(|length| *length <= MAX_REPLY);
        let (true, Some(length)) = (ok, length) else {
            return Err(Error::new(ErrorKind::InvalidData, "not the reply to a poll"));
        };
        let mut body = (&mut self.0).take(length);
        if tokio::io::copy(&mut body, &mut tokio::io::sink()).await? < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(then)
    }

    /// Requests server-sent events and reads them until the server closes.
    pub(super) async fn listen(&mut self, every: Duration) -> Result<()> {
        let poll = Poll {
            path: "/events",
            ..Poll::held(every)
        };
        self.send(poll.request().as_bytes()).await?;
        self.ended().await;
        Ok(())
    }

    /// Upgrades to a WebSocket and exchanges pings until the server closes.
    pub(super) async fn talk(&mut self, every: Duration) -> Result<()> {
        let time = every.as_millis();
        let request = format!(
            "GET /socket?hold={time} HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
            websocket::ASKED
        );
        self.send(request.as_bytes()).await?;
        let mut accepted = [0; websocket::ACCEPTED.len()];
        self.0.read_exact(&mut accepted).await?;
        websocket::talk(&mut self.0, websocket::Side::Client, every).await?;
        self.ended().await;
        Ok(())
    }

    /// Waits until the connection has ended.
    pub(super) async fn ended(&mut self) {
        let mut byte = [0];
        // An error means that it has ended, too.
        while self.0.read(&mut byte).await.is_ok_and(|n| n > 0) {}
    }

    /// Closes with an RST.
    pub(super) fn reset(self) {
        let _ = SockRef::from(self.0.get_ref()).set_linger(Some(Duration::ZERO));
    }

    /// The local port.
    pub(super) fn port(&self) -> Result<u16> {
        Ok(self.0.get_ref().local_addr()?.port())
    }
}
