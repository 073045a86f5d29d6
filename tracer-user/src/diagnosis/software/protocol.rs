//! Protocols that have words of their own.

/// What two ends speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP, with or without TLS.
    Http,
    /// What httpd speaks to Tomcat.
    Ajp,
    /// PostgreSQL.
    Postgresql,
    /// MySQL and MariaDB.
    Mysql,
    /// MongoDB.
    Mongodb,
    /// Redis and Valkey.
    Redis,
    /// Memcached.
    Memcached,
    /// MQTT.
    Mqtt,
    /// AMQP, as RabbitMQ speaks it.
    Amqp,
    /// SSH.
    Ssh,
}

impl Protocol {
    /// What a port is used for nearly everywhere.
    pub(super) fn of_port(port: u16) -> Option<Self> {
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
