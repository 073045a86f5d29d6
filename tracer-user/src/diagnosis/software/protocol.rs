//! Protocols with specific texts.

use super::{At, Spoken};

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP, with or without TLS.
    Http,
    /// AJP, which httpd speaks to Tomcat.
    Ajp,
    Postgresql,
    Mysql,
    Mongodb,
    Redis,
    Memcached,
    Mqtt,
    /// AMQP, as spoken by RabbitMQ.
    Amqp,
    Ssh,
}

impl Protocol {
    /// What is spoken, or what the port is for if that does not say.
    pub(super) fn of(at: &At<'_>) -> Option<Self> {
        Some(match at.spoken {
            Some(Spoken::Http1 | Spoken::Http2 | Spoken::WebSocket) => Self::Http,
            Some(Spoken::Ajp) => Self::Ajp,
            Some(Spoken::Redis) => Self::Redis,
            Some(Spoken::PostgreSql) => Self::Postgresql,
            Some(Spoken::MySql) => Self::Mysql,
            Some(Spoken::Mqtt) => Self::Mqtt,
            Some(Spoken::Tls | Spoken::Other) | None => return Self::of_port(at.port),
        })
    }

    /// The protocol a port is nearly always used for.
    fn of_port(port: u16) -> Option<Self> {
        Some(match port {
            80 | 443 | 8000 | 8008 | 8080 | 8081 | 8088 | 8443 | 8888 => Self::Http,
            8009 => Self::Ajp,
            5432 | 6432 => Self::Postgresql,
            3306 | 33060 => Self::Mysql,
            27017 => Self::Mongodb,
            6379 | 6380 => Self::Redis,
            11211 => Self::Memcached,
            1883 | 8883 => Self::Mqtt,
            5671 | 5672 => Self::Amqp,
            22 => Self::Ssh,
            _ => return None,
        })
    }
}
