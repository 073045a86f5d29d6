//! MQTT 3.1.1.

use std::io::Result;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::unexpected;
use crate::scenarios::connection::Wire;

/// DISCONNECT.
pub(in super::super) const GOODBYE: &[u8] = &[0xe0, 0];

/// The client's keep-alive time, s. The broker closes when it hears nothing for half as long again.
const KEEP_ALIVE: u8 = 1;

/// Connects with a clean session and without a name.
pub(in super::super) async fn begin(wire: &mut Wire) -> Result<()> {
    let connect = [0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, KEEP_ALIVE, 0, 0];
    ask(wire, &connect, [0x20, 2, 0, 0]).await
}

/// Publishes a message that the broker has to acknowledge.
pub(in super::super) async fn poll(wire: &mut Wire, before: u16) -> Result<()> {
    let [high, low] = before.max(1).to_be_bytes();
    let publish = [0x32, 9, 0, 1, b'a', high, low, b'n', b'e', b'w', b's'];
    ask(wire, &publish, [0x40, 2, high, low]).await
}

async fn ask(wire: &mut Wire, packet: &[u8], expected: [u8; 4]) -> Result<()> {
    wire.write_all(packet).await?;
    let mut reply = [0; 4];
    wire.read_exact(&mut reply).await?;
    if reply == expected {
        Ok(())
    } else {
        Err(unexpected(&reply))
    }
}
