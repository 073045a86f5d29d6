//! PostgreSQL: a login with SCRAM, and simple queries.

use std::{
    io::{Error, ErrorKind, Result},
    num::NonZeroU32,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{digest, hmac, pbkdf2};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::unexpected;
use crate::{
    scenarios::connection::Wire,
    servers::databases::{PASSWORD, USER},
};

/// Terminate.
pub(in super::super) const GOODBYE: &[u8] = b"X\0\0\0\x04";

/// Version 3.0 of the protocol.
const VERSION: u32 = 3 << 16;

// Kinds of messages.
const AUTHENTICATION: u8 = b'R';
const ERROR: u8 = b'E';
const QUERY: u8 = b'Q';
const READY: u8 = b'Z';
const SASL: u8 = b'p';

/// The client's part of the nonce. It protects nothing here.
const NONCE: &str = "scenarios";

/// Asks for TLS, in clear.
pub(in super::super) async fn ask_for_tls(tcp: &mut TcpStream) -> Result<()> {
    tcp.write_all(b"\0\0\0\x08\x04\xd2\x16\x2f").await?;
    match tcp.read_u8().await? {
        b'S' => Ok(()),
        other => Err(unexpected(&[other])),
    }
}

pub(in super::super) async fn begin(wire: &mut Wire) -> Result<()> {
    let words = format!("user\0{USER}\0database\0postgres\0\0");
    let length = length(words.len() + 4);
    wire.write_all(&[&length[..], &VERSION.to_be_bytes(), words.as_bytes()].concat())
        .await?;
    // The methods on offer, of which there is one.
    until(wire, AUTHENTICATION).await?;
    let first = format!("n=,r={NONCE}");
    let hello = format!("n,,{first}");
    let begun = [b"SCRAM-SHA-256\0", &size(hello.len())[..], hello.as_bytes()].concat();
    send(wire, SASL, &begun).await?;
    let challenge = until(wire, AUTHENTICATION).await?;
    // After the number that says what it is.
    let challenge = challenge
        .get(4..)
        .map(String::from_utf8_lossy)
        .unwrap_or_default();
    let proof = prove(&first, &challenge).ok_or_else(|| unexpected(challenge.as_bytes()))?;
    send(wire, SASL, proof.as_bytes()).await?;
    until(wire, READY).await.map(drop)
}

/// Answers the server's challenge (RFC 5802).
fn prove(first: &str, challenge: &str) -> Option<String> {
    let part = |name: &str| challenge.split(',').find_map(|part| part.strip_prefix(name));
    let (nonce, salt, rounds) = (part("r=")?, part("s=")?, part("i=")?);
    let (salt, rounds) = (STANDARD.decode(salt).ok()?, rounds.parse::<NonZeroU32>().ok()?);
    let mut salted = [0; digest::SHA256_OUTPUT_LEN];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        &salt,
        PASSWORD.as_bytes(),
        &mut salted,
    );
    let sign = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    let key = sign(&salted, "Client Key");
    // Without a channel to bind to.
    let last = format!("c=biws,r={nonce}");
    let stored = digest::digest(&digest::SHA256, key.as_ref());
    let signature = sign(stored.as_ref(), &format!("{first},{challenge},{last}"));
    let proof: Vec<u8> = key
        .as_ref()
        .iter()
        .zip(signature.as_ref())
        .map(|(a, b)| a ^ b)
        .collect();
    Some(format!("{last},p={}", STANDARD.encode(proof)))
}

/// Asks the server to wait.
pub(in super::super) async fn poll(wire: &mut Wire, hold: Duration) -> Result<()> {
    let query = format!("select pg_sleep({})\0", hold.as_secs_f64());
    send(wire, QUERY, query.as_bytes()).await?;
    until(wire, READY).await.map(drop)
}

async fn send(wire: &mut Wire, kind: u8, body: &[u8]) -> Result<()> {
    wire.write_all(&[&[kind], &length(body.len())[..], body].concat())
        .await
}

/// Reads up to a message of this kind and returns its body.
async fn until(wire: &mut Wire, wanted: u8) -> Result<Vec<u8>> {
    loop {
        let mut start = [0; 5];
        wire.read_exact(&mut start).await?;
        let [kind, length @ ..] = start;
        let length = u32::from_be_bytes(length).checked_sub(4);
        let length = length.ok_or_else(|| Error::from(ErrorKind::InvalidData))?;
        let mut body = vec![0; length as usize];
        wire.read_exact(&mut body).await?;
        match kind {
            ERROR => return Err(unexpected(&body)),
            _ if kind == wanted => return Ok(body),
            _ => {}
        }
    }
}

/// The length of a message, which includes itself.
fn length(of_body: usize) -> [u8; 4] {
    size(of_body + 4)
}

fn size(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).expect("a small message").to_be_bytes()
}
