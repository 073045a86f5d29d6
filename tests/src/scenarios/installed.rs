//! Servers that scenarios use besides Apache, and the ports on which each has its settings.

use std::path::Path;

use super::{
    door::{Dialect, Door, Version},
    own::Own,
};
use crate::servers::{
    Certificate, Server,
    databases::{self, POSTGRESQL, REDIS},
    messages::mosquitto,
    missing, web,
};

/// HTTPS. Idle connections are closed after the timeout.
pub const HTTPS: u16 = 8443;

/// HTTPS with a limit of [`REQUEST_LIMIT`] requests for each connection.
pub const LIMITED: u16 = 8444;

/// HTTPS without keep-alive.
pub const NO_KEEP_ALIVE: u16 = 8445;

/// HTTPS with TLS 1.3 alone.
pub const TLS13_ONLY: u16 = 8446;

/// The number of requests after which the server closes, at [`LIMITED`].
pub const REQUEST_LIMIT: u32 = 5;

/// HTTP/2 over TLS at nginx.
pub const NGINX_HTTP2: u16 = 8447;

/// WebSockets at nginx, in clear.
pub const NGINX_WEBSOCKET: u16 = 8081;

/// HTTP/2 over TLS at Node.js.
pub const NODE: Door = Door::secure(8448, Version::V13, Dialect::Http2);

/// Redis.
pub const REDIS_DOOR: Door = Door::clear(6379, Dialect::Redis);

/// PostgreSQL.
pub const POSTGRESQL_DOOR: Door = Door::clear(5432, Dialect::PostgreSql);

/// PostgreSQL within TLS, which clients ask for at the same port.
pub const SECURE_POSTGRESQL: Door = Door::secure(POSTGRESQL_DOOR.port, Version::V13, Dialect::PostgreSql);

/// mosquitto.
pub const MQTT_DOOR: Door = Door::clear(1883, Dialect::Mqtt);

/// The time after which these servers close idle connections. MQTT has one and a half times the time that the
/// client says, in seconds.
pub const TIMEOUT_MS: u32 = 1_200;

/// PostgreSQL's is longer, because on a busy machine a session takes hundreds of milliseconds to end.
const POSTGRESQL_TIMEOUT_MS: u32 = 2_600;

/// Redis's timeout, s. It takes up to a second more.
const REDIS_TIMEOUT: &str = "5";

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installed {
    /// nginx in front of our own server.
    Nginx,
    /// Redis.
    Redis,
    /// PostgreSQL.
    PostgreSql,
    /// mosquitto.
    Mosquitto,
    /// Node.js.
    Node,
}

impl Installed {
    /// The first program that is missing.
    pub(super) fn missing(self) -> Option<&'static str> {
        match self {
            Self::Nginx => missing(&["nginx"]),
            Self::Redis => missing(&[REDIS]),
            Self::PostgreSql => missing(&POSTGRESQL),
            Self::Mosquitto => missing(&["mosquitto"]),
            Self::Node => missing(&["node"]),
        }
    }

    /// Starts the server, which writes below `folder` only.
    pub(super) fn start(self, folder: &Path, certificate: &Certificate) -> Server {
        match self {
            Self::Nginx => Server::start(web::nginx(folder, &sites(certificate)), HTTPS),
            Self::Redis => Server::start(
                databases::redis(folder, REDIS_DOOR.port, &["--timeout", REDIS_TIMEOUT]),
                REDIS_DOOR.port,
            ),
            Self::PostgreSql => {
                let timeout = format!("idle_session_timeout={POSTGRESQL_TIMEOUT_MS}ms");
                databases::postgresql(folder, POSTGRESQL_DOOR.port, Some(certificate), &[&timeout])
            }
            Self::Mosquitto => Server::start(mosquitto(folder, MQTT_DOOR.port), MQTT_DOOR.port),
            Self::Node => Server::start(web::node(NODE.port, certificate, TIMEOUT_MS), NODE.port),
        }
    }
}

/// nginx's sites, all in front of our own server.
fn sites(Certificate { path, key, .. }: &Certificate) -> String {
    let site = |listen: &str, lines: &str| {
        format!(
            "server {{ listen {listen}; {lines}
location / {{ proxy_pass http://{upstream}; proxy_http_version 1.1; proxy_read_timeout {TIMEOUT_MS}ms;
proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection; }} }}\n",
            upstream = Own::address(),
        )
    };
    let timeout = format!("keepalive_timeout {TIMEOUT_MS}ms;");
    let limited = format!("{timeout} keepalive_requests {REQUEST_LIMIT};");
    let secure = |port: u16, more: &str, lines: &str| {
        let versions = if port == TLS13_ONLY {
            "TLSv1.3"
        } else {
            "TLSv1.2 TLSv1.3"
        };
        site(
            &format!("{port} ssl{more}"),
            &format!("ssl_certificate {path}; ssl_certificate_key {key}; ssl_protocols {versions}; {lines}"),
        )
    };
    [
        site(&NGINX_WEBSOCKET.to_string(), &timeout),
        secure(HTTPS, "", &timeout),
        secure(LIMITED, "", &limited),
        secure(NO_KEEP_ALIVE, "", "keepalive_timeout 0;"),
        secure(TLS13_ONLY, "", &timeout),
        secure(NGINX_HTTP2, " http2", &timeout),
    ]
    .concat()
}
