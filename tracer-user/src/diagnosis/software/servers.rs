//! Servers: the names each has for its timeouts and limits.
//!
//! One table for each server and nothing else. Defaults are those of current versions. For a setting a server
//! does not have, the text of `UNKNOWN` or `HTTP` is used, or the text says that there is none.

mod runtimes;
mod stores;
mod web;

pub(super) use self::{
    runtimes::{
        BEAM, DOTNET, GUNICORN, JAVA, NODE, PHP_FPM, PUMA, PYTHON, RUBY, TOMCAT_AJP, UNICORN, UVICORN,
    },
    stores::{MEMCACHED, MONGODB, MOSQUITTO, MQTT, MYSQL, PGBOUNCER, POSTGRESQL, RABBITMQ, REDIS, SSHD},
    web::{
        CADDY, ENVOY, ENVOY_TCP, HAPROXY, HAPROXY_TCP, HTTPD, LIGHTTPD, LITESPEED, NGINX, NGINX_STREAM,
        SQUID, TRAEFIK, VARNISH,
    },
};
use super::Setting;

/// The texts for one server.
#[derive(Debug)]
pub(super) struct Server {
    /// Its idle timeout.
    pub(super) idle: Setting,
    /// Remedy for a limit of requests per connection, a sentence.
    pub(super) limit: &'static str,
    /// Remedy for a limit of a connection's age, a sentence.
    pub(super) age: &'static str,
    /// Remedy for needless closing after a reply, a sentence.
    pub(super) close: &'static str,
    /// Remedy for an exhausted server, once its workers are free, a sentence.
    pub(super) accept: &'static str,
    /// How it probes for dead connections, to follow a colon.
    pub(super) probe: &'static str,
    /// The name of its timeout for the first request, to follow "shorten".
    pub(super) header: &'static str,
    /// Where it logs why a handshake failed, a sentence.
    pub(super) log: &'static str,
    /// Remedy for connections it never closes, a sentence.
    pub(super) leak: &'static str,
    /// How long it holds a request, a sentence; empty if that is up to the application.
    pub(super) hold: &'static str,
}

/// Any protocol, on this host.
pub(super) const UNKNOWN: Server = Server {
    idle: Setting::Raise("the server's idle timeout"),
    limit: "Raise or remove the server's limit of requests per connection, or set it far above what a client sends in an \
            hour.",
    age: "Raise the server's maximum connection age far above the time between requests, or remove it.",
    close: "See why the server closes after a reply: a setting, or a protocol without persistent connections.",
    accept: "Then raise its workers or connection limit and, for bursts, its listen backlog with `net.core.somaxconn`.",
    probe: "enable `SO_KEEPALIVE` in the server and set `net.ipv4.tcp_keepalive_time` to 60",
    header: "the server's timeout for a first request",
    log: "The server's log says what it rejected.",
    leak: "Fix this process: it must close a connection once a read returns end of file, on error and timeout paths too.",
    hold: "",
};

/// HTTP, on this host.
pub(super) const HTTP: Server = Server {
    idle: Setting::Raise("the server's keep-alive timeout"),
    close: "See that the server allows keep-alive: its replies must not say `Connection: close` and need a \
            `Content-Length` or chunked encoding.",
    ..UNKNOWN
};

/// Any protocol, on another host.
pub(super) const REMOTE: Server = Server {
    log: "The server's log says what it rejected.",
    accept: "Until then, retry with growing pauses instead of at once.",
    ..UNKNOWN
};

/// HTTP, on another host.
pub(super) const REMOTE_HTTP: Server = Server {
    log: "`curl -v` or `openssl s_client -connect HOST:PORT` from here shows where it stops.",
    accept: REMOTE.accept,
    ..HTTP
};
