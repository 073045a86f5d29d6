//! Texts for unknown software, by protocol.

use super::{
    clients::{AJP, AMQP, CACHE, Client, DATABASE, HTTP, MQTT, SSH, UNKNOWN},
    protocol::Protocol,
    servers::{self, Server},
};

pub(super) const NOTHING: &str = "Nothing to change.";

pub(super) const TRACE_LONGER: &str =
    "Trace for longer: as long as several of this client's requests and the pauses between them take.";

pub(super) const DECIDE_INBOUND: &str = "Nobody is accused; decide. If many clients or a pool sit behind this address, \
    give `--expect-peer ADDR=N` with their number. If it is one client, give `--expect N` with the number one client \
    may hold; what is above that then counts as piled up.";

pub(super) const DECIDE_OUTBOUND: &str = "Nobody is accused; decide. If this host's pool, or its processes together, may \
    hold that many, give `--expect-peer ADDR=N`. If not, give `--expect N` with the number that would do, and limit the \
    pool to it.";

pub(super) const WHY_CLOSED: &str = "If that is not it, look in the server's log at these times: errors, reloads and restarts end connections too.";

/// A server on this host with an unknown process.
pub(super) fn server(protocol: Option<Protocol>) -> &'static Server {
    match protocol {
        Some(Protocol::Http) => &servers::HTTP,
        other => of_port(other),
    }
}

/// A server on another host.
pub(super) fn remote_server(protocol: Option<Protocol>) -> &'static Server {
    match protocol {
        Some(Protocol::Http) => &servers::REMOTE_HTTP,
        None => &servers::REMOTE,
        other => of_port(other),
    }
}

fn of_port(protocol: Option<Protocol>) -> &'static Server {
    match protocol {
        Some(Protocol::Ajp) => &servers::TOMCAT_AJP,
        Some(Protocol::Postgresql) => &servers::POSTGRESQL,
        Some(Protocol::Mysql) => &servers::MYSQL,
        Some(Protocol::Mongodb) => &servers::MONGODB,
        Some(Protocol::Redis) => &servers::REDIS,
        Some(Protocol::Memcached) => &servers::MEMCACHED,
        Some(Protocol::Mqtt) => &servers::MQTT,
        Some(Protocol::Amqp) => &servers::RABBITMQ,
        Some(Protocol::Ssh) => &servers::SSHD,
        Some(Protocol::Http) | None => &servers::UNKNOWN,
    }
}

/// The server texts for a protocol other than HTTP.
pub(super) fn server_of(protocol: Protocol) -> Option<&'static Server> {
    (protocol != Protocol::Http).then(|| of_port(Some(protocol)))
}

/// A client of which only the protocol is known.
pub(super) fn client(protocol: Option<Protocol>) -> &'static Client {
    match protocol {
        Some(Protocol::Http) => &HTTP,
        Some(Protocol::Ajp) => &AJP,
        Some(Protocol::Postgresql | Protocol::Mysql | Protocol::Mongodb) => &DATABASE,
        Some(Protocol::Redis | Protocol::Memcached) => &CACHE,
        Some(Protocol::Mqtt) => &MQTT,
        Some(Protocol::Amqp) => &AMQP,
        Some(Protocol::Ssh) => &SSH,
        None => &UNKNOWN,
    }
}
