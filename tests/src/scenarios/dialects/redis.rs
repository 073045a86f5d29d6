//! Redis, with a password and a database of its own.

use std::{io::Result, time::Duration};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::unexpected;
use crate::{scenarios::connection::Wire, servers::databases::PASSWORD};

pub(in super::super) async fn begin(wire: &mut Wire) -> Result<()> {
    ask(wire, &["AUTH", PASSWORD], "+OK\r\n").await?;
    ask(wire, &["SELECT", "1"], "+OK\r\n").await
}

/// Asks for a value, or waits for one that never comes.
pub(in super::super) async fn poll(wire: &mut Wire, hold: Duration) -> Result<()> {
    match hold {
        Duration::ZERO => ask(wire, &["GET", "key"], "$-1\r\n").await,
        _ => {
            ask(
                wire,
                &["BLPOP", "list", &hold.as_secs_f64().to_string()],
                "*-1\r\n",
            )
            .await
        }
    }
}

async fn ask(wire: &mut Wire, words: &[&str], expected: &str) -> Result<()> {
    let words: String = words
        .iter()
        .map(|word| format!("${}\r\n{word}\r\n", word.len()))
        .collect();
    let count = words.matches('$').count();
    wire.write_all(format!("*{count}\r\n{words}").as_bytes()).await?;
    let mut reply = vec![0; expected.len()];
    wire.read_exact(&mut reply).await?;
    if reply == expected.as_bytes() {
        Ok(())
    } else {
        Err(unexpected(&reply))
    }
}
