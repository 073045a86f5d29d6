//! Clients: the names each library has for its pool and timeouts.
//!
//! One table for each library and nothing else.

mod relays;
mod runtimes;

pub(super) use self::{
    relays::{CADDY, ENVOY, HAPROXY, HTTPD, NGINX, PGBOUNCER, SQUID, TRAEFIK, VARNISH},
    runtimes::{CURL, DOTNET, JAVA, NODE, PHP, PYTHON, RUBY},
};
use super::Setting;

/// The texts for one client library.
#[derive(Debug)]
pub(super) struct Client {
    /// Remedy for a new connection per request, one or more sentences.
    pub(super) reuse: &'static str,
    /// The name of its pool size, to follow "Raise".
    pub(super) size: &'static str,
    /// The name of its idle timeout, to follow "Raise" or "Set".
    pub(super) idle: &'static str,
    /// The setting for the maximum age of pooled connections.
    pub(super) age: Setting,
    /// Remedy for connections opened in addition to earlier ones, a sentence.
    pub(super) one: &'static str,
    /// Remedy for connections it does not close after the server did, a sentence.
    pub(super) leak: &'static str,
    /// How it probes for dead connections, to follow a colon.
    pub(super) probe: &'static str,
    /// The name of its timeout for replies, to follow "raise".
    pub(super) wait: &'static str,
}

/// A program's texts for each kind of server; `None` if it has no specific ones.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) http: Option<&'static Client>,
    pub(super) database: Option<&'static Client>,
    pub(super) cache: Option<&'static Client>,
}

/// Any protocol, any library.
pub(super) const UNKNOWN: Client = Client {
    reuse: "Keep one client with a pool for all requests, give each connection back to it, and do not connect anew for \
            each request.",
    size: "the number of connections the client's pool keeps",
    idle: "the idle timeout of the client's pool",
    age: Setting::Raise("the maximum lifetime of connections in the client's pool"),
    one: "Let the client run one request at a time: it must wait for it, or cancel it and close its connection, before \
          it starts another.",
    leak: "Fix this process: it must close a connection once a read returns end of file, and its pool must drop \
           connections that the server has closed.",
    probe: "enable `SO_KEEPALIVE` in the client and set `net.ipv4.tcp_keepalive_time` to 60",
    wait: "the client's timeout for a reply",
};

/// HTTP, any library.
pub(super) const HTTP: Client = Client {
    reuse: "Share one client, read each reply to its end and send no `Connection: close` (Go `http.Client` with \
            `resp.Body.Close()`; Java, .NET one `HttpClient`; Python `requests.Session`; Node.js `http.Agent({keepAlive: \
            true})`; PHP one curl handle).",
    size: "the client's pool (Go `MaxIdleConnsPerHost`, default 2; Apache HttpClient `setMaxConnPerRoute`; urllib3 \
           `pool_maxsize` with `block=True`; Node.js `maxFreeSockets`)",
    idle: "the idle timeout of the client's pool (Go `IdleConnTimeout`, Java `jdk.httpclient.keepalive.timeout`, Apache \
           HttpClient `evictIdleConnections`, .NET `PooledConnectionIdleTimeout`)",
    age: Setting::Raise(
        "the maximum lifetime in the client's pool (Apache HttpClient `setConnectionTimeToLive`, .NET \
          `PooledConnectionLifetime`)",
    ),
    one: "Let the client run one request at a time: wait for it, or cancel it and close its connection, before starting \
          another. `EventSource` and `WebSocket` need `close()` before a new one is made.",
    ..UNKNOWN
};

/// A database, any library.
pub(super) const DATABASE: Client = Client {
    reuse: "Take connections from a pool and give them back instead of connecting for each query (HikariCP, SQLAlchemy \
            `QueuePool`, Go one `sql.DB`, PHP `PDO::ATTR_PERSISTENT`, or PgBouncer or ProxySQL in front).",
    size: "the client's pool (HikariCP `maximumPoolSize`, SQLAlchemy `pool_size`, Go `SetMaxIdleConns`, default 2)",
    idle: "the idle timeout of the client's pool (HikariCP `idleTimeout`, Go `SetConnMaxIdleTime`, node-postgres \
           `idleTimeoutMillis`)",
    age: Setting::Raise(
        "the maximum lifetime in the client's pool (HikariCP `maxLifetime`, SQLAlchemy `pool_recycle`, Go \
          `SetConnMaxLifetime`)",
    ),
    one: "Limit the client's pool to what it needs (HikariCP `maximumPoolSize`, SQLAlchemy `pool_size` and \
          `max_overflow`, Go `SetMaxOpenConns`), share one pool per process, and close what is taken from it.",
    wait: "the client's timeout for a query",
    ..UNKNOWN
};

/// Redis and Memcached, any library.
pub(super) const CACHE: Client = Client {
    reuse: "Keep one client or pool for the life of the process (`JedisPool`, redis-py `ConnectionPool`, one go-redis or \
            ioredis client, phpredis `pconnect()`).",
    size: "the client's pool (`JedisPool` `maxIdle`, redis-py `max_connections`, go-redis `PoolSize`)",
    idle: "the idle timeout of the client's pool (`JedisPool` `minEvictableIdleDuration`, go-redis `ConnMaxIdleTime`)",
    one: "Share one client or pool per process, limit it (`JedisPool` `maxTotal`, redis-py `max_connections`, go-redis \
          `PoolSize`), and give back what is taken from it.",
    ..UNKNOWN
};

/// MQTT, any library.
pub(super) const MQTT: Client = Client {
    reuse: "Keep one MQTT connection open for all messages instead of connecting for each, with a fixed client ID of its \
            own.",
    one: "Disconnect the old MQTT client before connecting a new one, and keep its client ID: the broker then ends the \
          older connection.",
    probe: "set the client's MQTT keep-alive to 30-60 s",
    ..UNKNOWN
};

/// AMQP, any library.
pub(super) const AMQP: Client = Client {
    reuse: "Open one AMQP connection per process and one channel per thread on it, instead of a connection for each \
            message.",
    size: "the number of channels on one connection",
    one: "Use channels on one AMQP connection, and close the old connection before connecting again.",
    probe: "keep AMQP heartbeats on (RabbitMQ proposes 60 s; a client that says 0 turns them off)",
    ..UNKNOWN
};

/// AJP, which httpd speaks to Tomcat.
pub(super) const AJP: Client = Client {
    reuse: "In the web server in front, remove `JkOptions +DisableReuse` (mod_jk) or `disablereuse=On` (mod_proxy_ajp).",
    size: "`connection_pool_size` of mod_jk (by default the threads per process) or `max=` of `ProxyPass`",
    idle: "`connection_pool_timeout` of mod_jk (in s; equal to Tomcat's `keepAliveTimeout` in ms) or `ttl=` of \
           `ProxyPass`",
    age: Setting::Instead(
        "Neither mod_jk nor `ProxyPass` has a maximum age: look at `MaxConnectionsPerChild` and reloads of \
         the web server.",
    ),
    one: "The web server holds one connection per busy thread: limit it with `connection_pool_size` of mod_jk or `max=` \
          of `ProxyPass`, and let it shrink with `connection_pool_timeout` or `ttl=`.",
    leak: "Let the web server drop what Tomcat has closed: set `connection_pool_timeout` of mod_jk (in s) to Tomcat's \
           `keepAliveTimeout` (in ms), or `ttl=` of `ProxyPass` below it.",
    probe: "set `socket_keepalive=1` and `ping_mode=A` in mod_jk, or `keepalive=On ping=5` on `ProxyPass`",
    wait: "`reply_timeout` of mod_jk (in ms) or `timeout=` of `ProxyPass`",
};

pub(super) const SSH: Client = Client {
    reuse: "Share one SSH connection: `ControlMaster auto`, `ControlPath ~/.ssh/%C` and `ControlPersist 10m` in \
            `ssh_config`.",
    idle: "`ControlPersist` of ssh",
    probe: "set `ServerAliveInterval 30` in `ssh_config`",
    ..UNKNOWN
};

/// Programs without specific texts for their client side.
pub(super) const NONE: Clients = Clients {
    http: None,
    database: None,
    cache: None,
};
