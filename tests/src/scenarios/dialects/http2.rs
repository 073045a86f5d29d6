//! HTTP/2 over TLS, one request at a time.

use std::io::{ErrorKind, Result};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::unexpected;
use crate::scenarios::connection::{Poll, Then, Wire};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Types of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

// Flags of frames. An acknowledgement has the same bit as the end of a stream.
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status: 200`, an entry of HPACK's static table.
const OK: u8 = 0x88;

/// An update of the size of HPACK's dynamic table, which may precede the first entry.
const TABLE_SIZE: u8 = 0x20;

/// GOAWAY without an error.
pub(in super::super) const GOODBYE: &[u8] = &[0, 0, 8, GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A larger window for the connection, as clients usually announce.
const WINDOW: u32 = 1 << 20;

pub(in super::super) async fn begin(wire: &mut Wire) -> Result<()> {
    let settings = frame(SETTINGS, 0, 0, &[]);
    let window = frame(WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes());
    wire.write_all(&[PREFACE, &settings, &window].concat()).await?;
    wire.flush().await
}

/// Polls for the `before + 1`-th time.
pub(in super::super) async fn poll(wire: &mut Wire, poll: Poll, before: u16) -> Result<Then> {
    let stream = 2 * u32::from(before) + 1;
    let asked = frame(HEADERS, END_STREAM | END_HEADERS, stream, &head(&poll.target()));
    wire.write_all(&asked).await?;
    wire.flush().await?;
    let mut then = Then::Keep;
    loop {
        let mut start = [0; 9];
        wire.read_exact(&mut start).await?;
        let [a, b, c, kind, flags, id @ ..] = start;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        wire.read_exact(&mut payload).await?;
        let is_ours = u32::from_be_bytes(id) == stream;
        match kind {
            SETTINGS | PING if flags & ACK == 0 => {
                let payload = if kind == PING { &payload[..] } else { &[] };
                wire.write_all(&frame(kind, ACK, 0, payload)).await?;
                wire.flush().await?;
            }
            GOAWAY => then = Then::Close,
            RST_STREAM if is_ours => return Err(ErrorKind::ConnectionReset.into()),
            HEADERS if is_ours && payload.iter().find(|byte| **byte != TABLE_SIZE) != Some(&OK) => {
                return Err(unexpected(&payload));
            }
            HEADERS | DATA if is_ours && flags & END_STREAM != 0 => return Ok(then),
            _ => {}
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A request's header block, without a dynamic table and Huffman's code.
fn head(target: &str) -> Vec<u8> {
    // Entries of the static table: `:method: GET` and `:scheme: https`, and the names of `:authority` and
    // `:path`.
    let (get, https, authority, path) = (0x82, 0x87, 1, 4);
    let text = |name: u8, value: &str| {
        let length = u8::try_from(value.len()).expect("a short text");
        [&[name, length], value.as_bytes()].concat()
    };
    [vec![get, https], text(authority, "localhost"), text(path, target)].concat()
}
