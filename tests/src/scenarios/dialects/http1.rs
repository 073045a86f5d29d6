//! HTTP/1.1.

use std::io::{ErrorKind, Result};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

use super::unexpected;
use crate::scenarios::connection::{Poll, Then, Wire};

/// Upper limit for the size of a reply.
const MAX_REPLY: u64 = 64 << 10;

/// The request as sent.
pub(in super::super) fn request(poll: &Poll) -> String {
    let close = if poll.close { "Connection: close\r\n" } else { "" };
    format!("GET {} HTTP/1.1\r\nHost: localhost\r\n{close}\r\n", poll.target())
}

pub(in super::super) async fn poll(wire: &mut Wire, poll: Poll) -> Result<Then> {
    wire.write_all(request(&poll).as_bytes()).await?;
    wire.flush().await?;
    let (mut then, mut length) = (Then::Keep, None);
    let head = head(wire).await?;
    for line in head.lines() {
        match line.split_once(':').map(|(name, value)| (name, value.trim())) {
            Some(("connection", "close")) => then = Then::Close,
            Some(("content-length", value)) => length = value.parse().ok(),
            _ => {}
        }
    }
    let length = length.filter(|length| *length <= MAX_REPLY);
    let (true, Some(length)) = (head.starts_with("http/1.1 200"), length) else {
        return Err(unexpected(head.as_bytes()));
    };
    let mut body = wire.take(length);
    if tokio::io::copy(&mut body, &mut tokio::io::sink()).await? < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(then)
}

/// Reads the head of a reply, in lower case.
pub(in super::super) async fn head(wire: &mut Wire) -> Result<String> {
    let (mut head, mut limited) = (String::new(), wire.take(MAX_REPLY));
    while !head.ends_with("\r\n\r\n") {
        if limited.read_line(&mut head).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head.to_ascii_lowercase())
}
