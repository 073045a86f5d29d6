//! What a peer's connections speak.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tracer_ebpf::talk::protocol;

macro_rules! protocols {
    ($($(#[$doc:meta])* $protocol:ident = $name:literal,)+) => {
        /// A protocol, as far as the programs can tell.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Protocol {
            $($(#[$doc])* $protocol,)+
        }

        impl Protocol {
            /// All of them.
            const ALL: &'static [Self] = &[$(Self::$protocol),+];

            /// Its name in JSON and on the screen.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$protocol => $name,)+
                }
            }
        }
    };
}

protocols! {
    /// HTTP/1.0 or HTTP/1.1 in clear.
    Http1 = "http/1",
    /// HTTP/2 in clear, gRPC included.
    Http2 = "http/2",
    /// TLS 1.2 or 1.3, with anything in it.
    Tls = "tls",
    /// WebSocket in clear.
    WebSocket = "websocket",
    /// AJP 1.3.
    Ajp = "ajp",
    /// Redis.
    Redis = "redis",
    /// PostgreSQL in clear.
    PostgreSql = "postgresql",
    /// MySQL in clear.
    MySql = "mysql",
    /// MQTT.
    Mqtt = "mqtt",
    /// Something else.
    Other = "other",
}

impl Protocol {
    /// The protocol of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|protocol| protocol.name() == name)
    }

    /// The protocol with the programs' number, one of [`tracer_ebpf::talk::protocol`]; `None`: unknown.
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

    /// Whether a database speaks it. Its clients have a pool by habit.
    pub const fn is_of_database(self) -> bool {
        matches!(self, Self::Redis | Self::PostgreSql | Self::MySql)
    }

    /// Whether the server ends a connection only for a reason of its own, or when the client has said goodbye.
    pub const fn says_goodbye(self) -> bool {
        self.is_of_database() || matches!(self, Self::Mqtt)
    }

    /// Whether a connection begins with a handshake or a login, which are no requests.
    pub const fn has_login(self) -> bool {
        matches!(
            self,
            Self::Tls | Self::Redis | Self::PostgreSql | Self::MySql | Self::Mqtt
        )
    }
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        // A newer version may know more of them.
        Ok(Self::named(&name).unwrap_or(Self::Other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_again() {
        for protocol in Protocol::ALL {
            let written = serde_json::to_string(protocol).unwrap();
            assert_eq!(serde_json::from_str::<Protocol>(&written).unwrap(), *protocol);
        }
        assert_eq!(
            serde_json::from_str::<Protocol>("\"quic\"").unwrap(),
            Protocol::Other
        );
        assert_eq!(Protocol::named("quic"), None);
    }

    #[test]
    fn every_number_of_the_programs_has_a_name() {
        let named = (0..u32::try_from(protocol::COUNT).unwrap())
            .filter_map(Protocol::of)
            .count();
        // All but the unknown.
        assert_eq!(named, protocol::COUNT - 1);
        assert_eq!(Protocol::of(0), None);
        assert_eq!(Protocol::of(u32::MAX), None);
    }
}
