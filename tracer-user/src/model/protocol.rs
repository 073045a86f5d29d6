//! What a peer's connections speak.

use serde::Serialize;
use tracer_ebpf::talk::protocol;

/// A protocol, as far as it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Protocol {
    /// HTTP/1.0 or HTTP/1.1 in clear.
    #[serde(rename = "http/1")]
    Http1,
    /// HTTP/2 in clear, gRPC included.
    #[serde(rename = "http/2")]
    Http2,
    /// TLS 1.2 or 1.3, with anything in it.
    #[serde(rename = "tls")]
    Tls,
    /// WebSocket in clear.
    #[serde(rename = "websocket")]
    WebSocket,
    /// AJP 1.3.
    #[serde(rename = "ajp")]
    Ajp,
    /// Redis.
    #[serde(rename = "redis")]
    Redis,
    /// PostgreSQL in clear.
    #[serde(rename = "postgresql")]
    PostgreSql,
    /// MySQL in clear.
    #[serde(rename = "mysql")]
    MySql,
    /// MQTT.
    #[serde(rename = "mqtt")]
    Mqtt,
    /// Something else.
    #[serde(rename = "other")]
    Other,
}

impl Protocol {
    /// The protocol with the programs' number; `None`: unknown.
    pub fn of(number: u32) -> Option<Self> {
        Some(match u8::try_from(number).ok()? {
            protocol::HTTP1 => Self::Http1,
            protocol::HTTP2 => Self::Http2,
            protocol::TLS | protocol::TLS_HTTP2 => Self::Tls,
            protocol::WEBSOCKET => Self::WebSocket,
            protocol::AJP => Self::Ajp,
            protocol::REDIS => Self::Redis,
            protocol::POSTGRESQL => Self::PostgreSql,
            protocol::MYSQL => Self::MySql,
            protocol::MQTT => Self::Mqtt,
            protocol::OTHER | protocol::SSH => Self::Other,
            _ => return None,
        })
    }
}
