//! The small part of HTTP/1.1 that a long poll needs, for both ends: a GET without a body, answered by a
//! reply with a Content-Length. Timing is left to the callers.
//!
//! Anything unexpected is an error, after which the connection is closed. What is rejected at once cannot be
//! misinterpreted.

use std::{fmt, io, time::Duration};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// Maximum size of the head of a request or reply, including the blank line, bytes.
pub(super) const MAX_HEAD: u64 = 8 * 1024;

/// Maximum size of a reply's body, bytes. The demo server's take about 20.
const MAX_BODY: u64 = 64 * 1024;

/// Longest hold a request may ask for, so that a server task is not blocked for hours.
const MAX_HOLD: Duration = Duration::from_secs(60);

/// What a request asks for, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// A reply after the hold.
    Poll,
    /// A reply after the hold, from a server that never closes its end.
    Leak,
}

/// A poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// What the server is to do.
    pub(super) path: Path,
    /// How long the server holds the request before it replies.
    pub(super) hold: Duration,
    /// Whether the connection ends after the reply.
    pub(super) close: bool,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self.path {
            Path::Poll => "/poll",
            Path::Leak => "/leak",
        };
        let close = if self.close { "Connection: close\r\n" } else { "" };
        let hold = self.hold.as_millis();
        write!(
            f,
            "GET {path}?hold={hold} HTTP/1.1\r\nHost: localhost\r\n{close}\r\n"
        )
    }
}

impl Request {
    /// Reads the next request; `None` if the client closed the connection instead.
    pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Self>> {
        match Head::read(from).await? {
            None => Ok(None),
            Some(head) => Self::parse(&head).map(Some).ok_or_else(|| refused("not a poll")),
        }
    }

    /// The reply as sent over the wire.
    pub(super) fn reply(&self) -> String {
        let body = format!("{{\"held_ms\":{}}}\n", self.hold.as_millis());
        let close = if self.close { "Connection: close\r\n" } else { "" };
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{close}\r\n{body}",
            body.len()
        )
    }

    fn parse(head: &Head) -> Option<Self> {
        let target = head.start.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = match path {
            "/poll" => Path::Poll,
            "/leak" => Path::Leak,
            _ => return None,
        };
        let hold = match query.split('&').find_map(|pair| pair.strip_prefix("hold=")) {
            Some(ms) => Duration::from_millis(number(ms)?),
            None => Duration::ZERO,
        };
        let close = head.close;
        (hold <= MAX_HOLD && head.body == 0).then_some(Self { path, hold, close })
    }
}

/// Reads a whole reply, so that the connection is ready for the next request.
pub(super) async fn read_reply(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<()> {
    let head = Head::read(from).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    if !head.start.starts_with("HTTP/1.1 200 ") || head.body > MAX_BODY {
        return Err(refused("not the reply to a poll"));
    }
    let read = tokio::io::copy(&mut from.take(head.body), &mut tokio::io::sink()).await?;
    if read < head.body {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// The parts of the start line and headers that matter.
struct Head {
    start: String,
    close: bool,
    /// Content-Length, or 0 if there is none.
    body: u64,
}

impl Head {
    /// Reads up to the blank line; `None` if the other end closed before the first byte.
    async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Self>> {
        let mut text = String::new();
        let mut limited = from.take(MAX_HEAD);
        while !text.ends_with("\r\n\r\n") {
            if limited.read_line(&mut text).await? == 0 {
                return match (text.is_empty(), limited.limit()) {
                    (true, _) => Ok(None),
                    (false, 0) => Err(refused("the head is too long")),
                    (false, _) => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
        Self::parse(&text)
            .map(Some)
            .ok_or_else(|| refused("not an HTTP head"))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix("\r\n\r\n")?.split("\r\n");
        let mut head = Self {
            start: lines.next()?.to_owned(),
            close: false,
            body: 0,
        };
        let mut sized = false;
        for line in lines {
            let (name, value) = line.split_once(':')?;
            // Parsers disagree about folded lines and `Name :`, so both are rejected.
            if name.is_empty() || name.contains(char::is_whitespace) || value.contains(['\r', '\n']) {
                return None;
            }
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "connection" => {
                    head.close |= value.split(',').any(|v| v.trim().eq_ignore_ascii_case("close"));
                }
                "content-length" if !sized => (head.body, sized) = (number(value)?, true),
                "content-length" | "transfer-encoding" => return None,
                _ => {}
            }
        }
        (!head.start.contains(['\r', '\n'])).then_some(head)
    }
}

/// Digits only: `str::parse` would also accept a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn request(text: &str) -> io::Result<Option<Request>> {
        Request::read(&mut text.as_bytes()).await
    }

    #[tokio::test]
    async fn what_one_end_writes_the_other_reads() {
        for (path, close) in [(Path::Poll, false), (Path::Leak, false), (Path::Poll, true)] {
            let sent = Request {
                path,
                hold: Duration::from_millis(750),
                close,
            };
            assert_eq!(request(&sent.to_string()).await.unwrap(), Some(sent));
            read_reply(&mut sent.reply().as_bytes()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn requests_are_read_one_by_one() {
        let mut text: &[u8] = b"GET /poll?a=1&hold=5&b HTTP/1.1\r\n\r\nGET /leak HTTP/1.1\r\nX: y\r\n\r\n";
        assert_eq!(
            Request::read(&mut text).await.unwrap().unwrap().hold,
            Duration::from_millis(5)
        );
        assert_eq!(Request::read(&mut text).await.unwrap().unwrap().path, Path::Leak);
        assert_eq!(Request::read(&mut text).await.unwrap(), None);
    }

    #[tokio::test]
    async fn hostile_requests_are_refused() {
        for text in [
            "GET /poll",
            "\r\n\r\n",
            "GET /poll HTTP/1.0\r\n\r\n",
            "POST /poll HTTP/1.1\r\n\r\n",
            "GET /other HTTP/1.1\r\n\r\n",
            "GET /poll?hold=+5 HTTP/1.1\r\n\r\n",
            "GET /poll?hold=60001 HTTP/1.1\r\n\r\n",
            "GET /poll HTTP/1.1\r\nno colon\r\n\r\n",
            "GET /poll HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
            "GET /poll HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
            "GET /poll HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
            "GET /poll HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
            "GET /poll HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert!(request(text).await.is_err(), "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_head_may_fill_its_limit_and_not_a_byte_more() {
        let start = "GET /poll HTTP/1.1\r\nX: ";
        let rest = usize::try_from(MAX_HEAD).unwrap() - start.len() - 4;
        for (length, fits) in [(rest, true), (rest + 1, false)] {
            let text = format!("{start}{}\r\n\r\n", "x".repeat(length));
            assert_eq!(request(&text).await.is_ok(), fits, "{length}");
        }
    }

    #[tokio::test]
    async fn a_reply_that_is_cut_short_is_an_error() {
        let reply = Request {
            path: Path::Poll,
            hold: Duration::ZERO,
            close: false,
        }
        .reply();
        for length in 0..reply.len() {
            assert!(
                read_reply(&mut &reply.as_bytes()[..length]).await.is_err(),
                "{length}"
            );
        }
    }
}
