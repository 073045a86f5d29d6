//! Bytes over TCP, with TLS or without.

use std::{
    io::{Result, Write},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
    time::sleep,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// The name in the servers' certificates.
const NAME: &str = "localhost";

#[derive(Debug)]
pub(in super::super) enum Stream {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Wraps a TCP connection in TLS if there is a connector.
    pub(super) async fn begin(tcp: TcpStream, tls: Option<&TlsConnector>) -> Result<Self> {
        Ok(match tls {
            None => Self::Clear(tcp),
            Some(tls) => {
                let name = ServerName::try_from(NAME).expect("a name");
                Self::Tls(Box::new(tls.connect(name, tcp).await?))
            }
        })
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Clear(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }

    /// Waits for the server's FIN, or an error.
    pub(super) async fn wait_for_fin(&self) {
        while let Ok(ready) = self.tcp().ready(Interest::READABLE).await
            && !ready.is_read_closed()
        {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Sends these bytes and the goodbye of TLS, without waiting.
    pub(super) fn say_goodbye(&mut self, goodbye: &[u8]) -> Result<()> {
        match self {
            Self::Clear(tcp) if !goodbye.is_empty() => tcp.try_write(goodbye).map(drop),
            Self::Clear(_) => Ok(()),
            Self::Tls(tls) => {
                let (tcp, session) = tls.get_mut();
                session.writer().write_all(goodbye)?;
                session.send_close_notify();
                session.write_tls(&mut AtOnce(tcp)).map(drop)
            }
        }
    }
}

/// Writes without waiting.
struct AtOnce<'a>(&'a TcpStream);

impl Write for AtOnce<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_read(cx, into),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Clear(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}
