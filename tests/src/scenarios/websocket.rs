//! The part of RFC 6455 needed for pings and short messages, for both sides. Control frames have no payload.

use std::{
    io::{Error, ErrorKind, Result},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep_until, timeout},
};

use super::{connection::Wire, dialects::http1::head};

/// Headers of the request, with the key from the RFC's example.
const ASKED: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The matching reply.
pub(super) const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Time limit for the answer to a close frame.
const AGREES_WITHIN: Duration = Duration::from_millis(200);

/// How long a server is to wait with its pings if it is not to send any.
const NEVER: Duration = Duration::from_secs(3600);

/// A message, and the reply to it.
const MESSAGE: &[u8] = &[TEXT, MASKED | 2, 1, 2, 3, 4, 5, 6];
const REPLY: &[u8] = &[TEXT, 2, b'o', b'k'];

/// First byte of each frame type, with the FIN bit set.
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// Flag in the second byte of a frame: a four-byte mask follows.
const MASKED: u8 = 0x80;

/// The sender of a frame. Clients mask their frames, servers do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    /// A frame without payload.
    fn frame(self, kind: u8) -> Vec<u8> {
        match self {
            Self::Client => vec![kind, MASKED, 1, 2, 3, 4],
            Self::Server => vec![kind, 0],
        }
    }
}

/// Upgrades a connection to a server that pings so often.
pub(super) async fn upgrade(wire: &mut Wire, pings: Duration) -> Result<()> {
    let target = format!("/socket?hold={}", pings.as_millis());
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{ASKED}\r\n");
    wire.write_all(request.as_bytes()).await?;
    wire.flush().await?;
    let head = head(wire).await?;
    if head.starts_with("http/1.1 101") {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::InvalidData, head))
    }
}

/// Upgrades a connection for messages.
pub(super) async fn begin(wire: &mut Wire) -> Result<()> {
    upgrade(wire, NEVER).await
}

/// Sends a message and reads its reply.
pub(super) async fn ask(wire: &mut Wire) -> Result<()> {
    wire.write_all(MESSAGE).await?;
    wire.flush().await?;
    let mut reply = [0; REPLY.len()];
    wire.read_exact(&mut reply).await?;
    if reply == REPLY {
        Ok(())
    } else {
        Err(ErrorKind::InvalidData.into())
    }
}

/// Sends pings and answers the other side's frames until the other side closes.
pub(super) async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    side: Side,
    every: Duration,
) -> Result<()> {
    let mut next = Instant::now() + every;
    loop {
        let mut start = [0; 2];
        tokio::select! {
            // Cancelling this read loses no data: both bytes of a frame come in one segment.
            read = stream.read(&mut start) => match read? {
                0 => return Ok(()),
                _ => if !answer(stream, side, start).await? { return Ok(()) },
            },
            () = sleep_until(next) => {
                stream.write_all(&side.frame(PING)).await?;
                next += every;
            }
        }
    }
}

/// Answers a frame; returns `false` if it was the last one.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    side: Side,
    [kind, length]: [u8; 2],
) -> Result<bool> {
    let mask = if length & MASKED == 0 { 0 } else { 4 };
    let mut rest = vec![0; mask + usize::from(length & !MASKED)];
    stream.read_exact(&mut rest).await?;
    match kind {
        TEXT => stream.write_all(REPLY).await?,
        PING => stream.write_all(&side.frame(PONG)).await?,
        CLOSE => stream.write_all(&side.frame(CLOSE)).await?,
        _ => {}
    }
    Ok(kind != CLOSE)
}

/// Closes as the RFC requires: one close frame each way, then the initiator closes the connection.
pub(super) async fn close<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, side: Side) -> Result<()> {
    stream.write_all(&side.frame(CLOSE)).await?;
    let agreed = async {
        let mut start = [0; 2];
        while stream.read(&mut start).await? > 0 && start[0] != CLOSE {}
        // The answer's mask.
        stream.read(&mut [0; 4]).await
    };
    let _ = timeout(AGREES_WITHIN, agreed).await;
    Ok(())
}
