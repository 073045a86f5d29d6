//! The client's side of a connection.

mod stream;

use std::{
    io::Result,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpSocket,
};
use tokio_rustls::TlsConnector;

pub(super) use self::stream::Stream;
use super::{
    dialects::{http1, http2, mqtt, postgresql, redis},
    door::{Dialect, Door},
    websocket,
};

/// A poll to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poll {
    /// Used by HTTP only.
    pub(super) path: &'static str,
    pub(super) hold: Duration,
    /// Asks the server to close after the reply; HTTP/1.1 only.
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

    /// What HTTP asks for.
    pub(super) fn target(&self) -> String {
        format!("{}?hold={}", self.path, self.hold.as_millis())
    }
}

/// What the server does with the connection after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Keeps it open.
    Keep,
    /// Closes it, as announced.
    Close,
}

/// A door at an address.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) address: SocketAddr,
    pub(crate) door: Door,
    pub(crate) tls: Option<TlsConnector>,
}

/// What a dialect reads from and writes to.
pub(super) type Wire = BufReader<Stream>;

/// A connection. Dropping it says goodbye, if this client does so, and sends a FIN.
#[derive(Debug)]
pub(super) struct Connection {
    wire: Wire,
    dialect: Dialect,
    says_goodbye: bool,
    /// Number of polls sent.
    polls: u16,
}

impl Connection {
    /// Opens a connection from the given source address, up to the point where requests may be sent.
    pub(super) async fn open(source: IpAddr, way: &Way) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source, 0))?;
        let mut tcp = socket.connect(way.address).await?;
        if way.tls.is_some() && way.door.dialect == Dialect::PostgreSql {
            postgresql::ask_for_tls(&mut tcp).await?;
        }
        let mut connection = Self {
            wire: BufReader::new(Stream::begin(tcp, way.tls.as_ref()).await?),
            dialect: way.door.dialect,
            says_goodbye: way.door.says_goodbye(),
            polls: 0,
        };
        let wire = &mut connection.wire;
        match way.door.dialect {
            Dialect::Http1 => {}
            Dialect::Http2 => http2::begin(wire).await?,
            Dialect::WebSocket => websocket::begin(wire).await?,
            Dialect::Redis => redis::begin(wire).await?,
            Dialect::PostgreSql => postgresql::begin(wire).await?,
            Dialect::Mqtt => mqtt::begin(wire).await?,
        }
        Ok(connection)
    }

    /// Polls once and reads the complete reply.
    pub(super) async fn poll(&mut self, poll: Poll) -> Result<Then> {
        let (wire, before) = (&mut self.wire, self.polls);
        self.polls = self.polls.wrapping_add(1);
        match self.dialect {
            Dialect::Http1 => return http1::poll(wire, poll).await,
            Dialect::Http2 => return http2::poll(wire, poll, before).await,
            Dialect::WebSocket => websocket::ask(wire).await?,
            Dialect::Redis => redis::poll(wire, poll.hold).await?,
            Dialect::PostgreSql => postgresql::poll(wire, poll.hold).await?,
            Dialect::Mqtt => mqtt::poll(wire, before).await?,
        }
        Ok(Then::Keep)
    }

    /// Sends bytes.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.wire.write_all(bytes).await?;
        self.wire.flush().await
    }

    /// Requests server-sent events and reads them until the server closes.
    pub(super) async fn listen(&mut self, every: Duration) -> Result<()> {
        let poll = Poll {
            path: "/events",
            ..Poll::held(every)
        };
        self.send(http1::request(&poll).as_bytes()).await?;
        self.ended().await;
        Ok(())
    }

    /// Upgrades to a WebSocket and exchanges pings until the server closes.
    pub(super) async fn talk(&mut self, every: Duration) -> Result<()> {
        websocket::upgrade(&mut self.wire, every).await?;
        websocket::talk(&mut self.wire, websocket::Side::Client, every).await?;
        self.ended().await;
        Ok(())
    }

    /// Waits until the connection has ended.
    pub(super) async fn ended(&mut self) {
        let mut byte = [0];
        // An error means that it has ended, too.
        while self.wire.read(&mut byte).await.is_ok_and(|n| n > 0) {}
        // Over TLS, the server's goodbye comes a moment before its FIN, which between hosts is on its way
        // by the time that a client reacts.
        self.wire.get_ref().wait_for_fin().await;
    }

    /// Closes with an RST.
    pub(super) fn reset(mut self) {
        self.says_goodbye = false;
        let _ = SockRef::from(self.wire.get_ref().tcp()).set_linger(Some(Duration::ZERO));
    }

    /// The local port.
    pub(super) fn port(&self) -> Result<u16> {
        Ok(self.wire.get_ref().tcp().local_addr()?.port())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.says_goodbye {
            return;
        }
        let goodbye = match self.dialect {
            Dialect::Http1 | Dialect::WebSocket | Dialect::Redis => &[][..],
            Dialect::Http2 => http2::GOODBYE,
            Dialect::PostgreSql => postgresql::GOODBYE,
            Dialect::Mqtt => mqtt::GOODBYE,
        };
        // In one packet with the FIN, as the two reach a server on another host together. The server may have
        // closed already.
        let _ = SockRef::from(self.wire.get_ref().tcp()).set_tcp_cork(true);
        let _ = self.wire.get_mut().say_goodbye(goodbye);
    }
}
