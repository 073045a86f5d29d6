//! A door for `tests/fuzz` to the HTTP of the demo, which is private otherwise. Nothing of the program uses it.

use super::http::{Request, read_reply};

/// Reads a request; as it would be sent, and its reply.
pub async fn request(mut bytes: &[u8]) -> Option<(String, String)> {
    let request = Request::read(&mut bytes).await.ok()??;
    Some((request.to_string(), request.reply()))
}

/// Whether this is a reply.
pub async fn reply(mut bytes: &[u8]) -> bool {
    read_reply(&mut bytes).await.is_ok()
}
