//! Gives `tests/fuzz` access to the demo's HTTP, which is private. The program itself does not use it.

use super::http::{Request, read_reply};

/// Parses a request. Returns it as it would be sent, and its reply.
pub async fn request(mut bytes: &[u8]) -> Option<(String, String)> {
    let request = Request::read(&mut bytes).await.ok()??;
    Some((request.to_string(), request.reply()))
}

/// Whether this is a valid reply.
pub async fn reply(mut bytes: &[u8]) -> bool {
    read_reply(&mut bytes).await.is_ok()
}
