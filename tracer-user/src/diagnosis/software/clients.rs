//! Clients: the names each library has for its pool and timeouts.
//!
//! One table for each library and nothing else, hence the length of this file.

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

pub(super) const JAVA: Clients = Clients {
    http: Some(&Client {
        reuse: "Share one `HttpClient` in the whole process and read or close each body; with `HttpURLConnection`, read \
                to the end and do not call `disconnect()`.",
        size: "the pool of the HTTP client (Apache HttpClient `setMaxConnPerRoute` and `setMaxConnTotal`, OkHttp \
               `ConnectionPool`)",
        idle: "the idle timeout of the HTTP client (`-Djdk.httpclient.keepalive.timeout` in s, Apache HttpClient \
               `evictIdleConnections`, OkHttp `ConnectionPool`)",
        age: Setting::Raise(
            "the lifetime in the HTTP client's pool (Apache HttpClient `setConnectionTimeToLive`)",
        ),
        leak: "Close each response (try-with-resources) and let the pool drop what the server has closed: Apache \
               HttpClient `evictExpiredConnections()` and `evictIdleConnections()`, one shared client.",
        wait: "the client's timeout (`HttpRequest.timeout`, Apache HttpClient `setResponseTimeout`)",
        ..HTTP
    }),
    database: Some(&Client {
        reuse: "Use one pool (HikariCP) per database and close each `Connection` to give it back, instead of \
                `DriverManager.getConnection` for each query.",
        size: "HikariCP `maximumPoolSize` and `minimumIdle`",
        idle: "HikariCP `idleTimeout` and `maxLifetime` (MongoDB: `maxIdleTimeMS`)",
        age: Setting::Raise("HikariCP `maxLifetime`"),
        one: "Share one `DataSource`, limit HikariCP `maximumPoolSize`, and find what is not given back with \
              `leakDetectionThreshold`.",
        leak: "Close each `Connection` (try-with-resources), share one `DataSource` and close it when done; HikariCP \
               `leakDetectionThreshold` names the code.",
        probe: "set HikariCP `keepaliveTime` to 60000 and, for PostgreSQL, `tcpKeepAlive=true` in the JDBC URL",
        wait: "`socketTimeout` in the JDBC URL or `setQueryTimeout`",
    }),
    cache: Some(&Client {
        reuse: "Keep one `JedisPool` (with `close()` on each `Jedis`) or one Lettuce client for the life of the process.",
        size: "`maxTotal` and `maxIdle` of `JedisPool`",
        idle: "`JedisPool` `minEvictableIdleDuration`",
        one: "Share one `JedisPool` or Lettuce client, limit `maxTotal`, and give each `Jedis` back with `close()`.",
        leak: "Give each `Jedis` back with `close()` (try-with-resources), and set `testWhileIdle` in the pool.",
        ..CACHE
    }),
};

pub(super) const PYTHON: Clients = Clients {
    http: Some(&Client {
        reuse: "Use one `requests.Session` (or `httpx.Client`, `aiohttp.ClientSession`) for the life of the process \
                instead of `requests.get()` each time, and read each body; with `stream=True`, close it.",
        size: "`pool_maxsize` of `HTTPAdapter` (default 10; with `pool_block=True` the surplus waits; httpx: \
               `max_keepalive_connections`)",
        idle: "the idle timeout of the session (httpx `keepalive_expiry`, default 5 s; aiohttp `keepalive_timeout`, \
               default 15 s; requests has none)",
        leak: "Close each response and session (`with`); an idle `requests.Session` notices a close only at its next \
               request, so do not keep unused ones.",
        wait: "`timeout=` of the request",
        ..HTTP
    }),
    database: Some(&Client {
        reuse: "Use one pool (SQLAlchemy `create_engine` once, psycopg `ConnectionPool`; Django `CONN_MAX_AGE` above 0) \
                instead of `connect()` for each query.",
        size: "SQLAlchemy `pool_size` (default 5; what `max_overflow` allows above it is closed after use)",
        idle: "the pool's idle timeout (psycopg `max_idle`; SQLAlchemy has only `pool_recycle` and `pool_pre_ping=True`)",
        age: Setting::Raise("SQLAlchemy `pool_recycle` or Django `CONN_MAX_AGE`"),
        one: "Create one engine per process, limit `pool_size` and `max_overflow`, and give connections back with \
              `with engine.connect()`.",
        leak: "Give connections back with `with engine.connect()`, create one engine per process, and set \
               `pool_pre_ping=True` and `pool_recycle` below the server's timeout.",
        probe: "for psycopg, set `keepalives_idle=60` in the connection string; else enable `SO_KEEPALIVE` and set \
                `net.ipv4.tcp_keepalive_time` to 60",
        ..DATABASE
    }),
    cache: Some(&Client {
        reuse: "Create one `redis.Redis` (it has a pool) for the life of the process instead of one for each request.",
        size: "redis-py `max_connections` of `ConnectionPool`",
        one: "Share one `redis.Redis` per process, and set `max_connections` (with `BlockingConnectionPool` the surplus \
              waits).",
        leak: "Share one `redis.Redis` per process and set `health_check_interval=30`, which replaces dead connections \
               before use.",
        probe: "set `socket_keepalive=True` and `health_check_interval=30` in redis-py",
        ..CACHE
    }),
};

pub(super) const NODE: Clients = Clients {
    http: Some(&Client {
        reuse: "Pass one shared `new http.Agent({keepAlive: true})` (`https.Agent` for TLS) to all requests, and consume \
                each response (`res.resume()`); with `fetch`, read or cancel the body.",
        size: "`maxFreeSockets` (default 256) and `maxSockets` of `http.Agent`",
        idle: "`timeout` of `http.Agent` (with `fetch`, undici's `keepAliveTimeout`, default 4 s)",
        one: "Limit `maxSockets` of `http.Agent`, and abort the old request (`AbortController`) or `close()` the old \
              `EventSource` or `WebSocket` before starting another.",
        leak: "Consume each response (`res.resume()` or `destroy()`), and give sockets of your own an `end` handler that \
               ends them.",
        probe: "use `http.Agent({keepAlive: true, keepAliveMsecs: 30000})`, which turns it on",
        wait: "`timeout` of the request or its `AbortSignal.timeout()`",
        ..HTTP
    }),
    database: Some(&Client {
        reuse: "Create one pool (`pg.Pool`, `mysql2` `createPool()`, one `MongoClient`) for the life of the process, and \
                `release()` each client.",
        size: "the pool's limit (`pg.Pool` `max`, default 10; mysql2 `connectionLimit`; MongoDB `maxPoolSize`)",
        idle: "the pool's idle timeout (`pg.Pool` `idleTimeoutMillis`, default 10000; mysql2 `idleTimeout`)",
        age: Setting::Raise("the pool's maximum lifetime (`pg.Pool` `maxLifetimeSeconds`)"),
        one: "Share one pool per process, limit it (`pg.Pool` `max`, mysql2 `connectionLimit`), and `release()` each \
              client.",
        leak: "`release()` each client in `finally`, share one pool per process and `end()` it when done.",
        probe: "set `keepAlive: true` in `pg.Pool`, `enableKeepAlive: true` in mysql2",
        ..DATABASE
    }),
    cache: Some(&Client {
        reuse: "Create one `ioredis` or `redis` client for the life of the process: it pipelines commands over one \
                connection.",
        one: "Share one `ioredis` or `redis` client per process, and `quit()` the old one before creating another.",
        leak: "`quit()` each `ioredis` or `redis` client that is no longer used.",
        ..CACHE
    }),
};

pub(super) const PHP: Clients = Clients {
    http: Some(&Client {
        reuse: "Use one curl handle (`curl_init` once, `curl_setopt` for each URL) or one Guzzle client within a \
                request. PHP drops it at the end of the request: a local proxy with keep-alive spans requests.",
        size: "`CURLOPT_MAXCONNECTS` of curl",
        idle: "`CURLOPT_MAXAGE_CONN` of curl (default 118 s)",
        age: Setting::Raise("`CURLOPT_MAXLIFETIME_CONN` of curl"),
        leak: "Close curl handles and sockets in long-running scripts; children of PHP-FPM that are stuck end with \
               `request_terminate_timeout`.",
        probe: "set `CURLOPT_TCP_KEEPALIVE` and `CURLOPT_TCP_KEEPIDLE` of curl",
        wait: "`CURLOPT_TIMEOUT` of curl",
        ..HTTP
    }),
    database: Some(&Client {
        reuse: "Use persistent connections (`PDO::ATTR_PERSISTENT`, mysqli host `p:HOST`, `pg_pconnect`), at most \
                `pm.max_children` of them, or PgBouncer or ProxySQL in front.",
        size: "the pool of PgBouncer or ProxySQL in front (PHP has none; a persistent connection is one per child)",
        one: "A persistent connection is one per child and set of credentials: lower `pm.max_children`, or put PgBouncer \
              or ProxySQL in front.",
        leak: "Do not keep persistent connections in children that never use them again: lower `pm.max_requests`, or put \
               PgBouncer or ProxySQL in front.",
        ..DATABASE
    }),
    cache: Some(&Client {
        reuse: "Use `pconnect()` of phpredis instead of `connect()` (Memcached: a `persistent_id`).",
        size: "the number of persistent connections (phpredis `redis.pconnect.connection_limit`)",
        one: "Use `pconnect()` of phpredis with `redis.pconnect.pooling_enabled=1`; lower `pm.max_children` if there are \
              too many.",
        ..CACHE
    }),
};

/// .NET.
pub(super) const DOTNET: Clients = Clients {
    http: Some(&Client {
        reuse: "Keep one static `HttpClient` or use `IHttpClientFactory` instead of a new one for each request, and \
                dispose each `HttpResponseMessage`.",
        size: "`MaxConnectionsPerServer` of `SocketsHttpHandler`",
        idle: "`PooledConnectionIdleTimeout` of `SocketsHttpHandler` (default 1 min)",
        age: Setting::Raise(
            "`PooledConnectionLifetime` of `SocketsHttpHandler` (no limit by default) or `SetHandlerLifetime` of \
              `IHttpClientFactory` (default 2 min)",
        ),
        leak: "Dispose each `HttpResponseMessage` and share one `HttpClient`; `PooledConnectionIdleTimeout` drops idle \
               connections.",
        wait: "`HttpClient.Timeout` (default 100 s)",
        ..HTTP
    }),
    database: Some(&Client {
        reuse: "Leave `Pooling=true` in the connection string, keep the string the same, and dispose each connection to \
                give it back.",
        size: "`Minimum Pool Size` and `Maximum Pool Size` in the connection string",
        idle: "`Connection Idle Lifetime` in the connection string of Npgsql (default 300 s)",
        age: Setting::Raise("`Connection Lifetime` in the connection string"),
        one: "Dispose each connection (`using`), keep one connection string, and limit `Maximum Pool Size`.",
        leak: "Dispose each connection (`using` or `await using`).",
        probe: "set `Keepalive=60` in the connection string of Npgsql or MySqlConnector",
        wait: "`Command Timeout` in the connection string",
    }),
    cache: Some(&Client {
        reuse: "Share one `ConnectionMultiplexer` of StackExchange.Redis for the life of the process.",
        one: "Share one `ConnectionMultiplexer` per process, and dispose the old one before creating another.",
        leak: "Share one `ConnectionMultiplexer` per process, and dispose those no longer used.",
        ..CACHE
    }),
};

pub(super) const RUBY: Clients = Clients {
    http: Some(&Client {
        reuse: "Send all requests within one `Net::HTTP.start` block or use `net-http-persistent` (Faraday: its \
                `net_http_persistent` adapter) instead of `Net::HTTP.get` each time.",
        size: "`pool_size` of `net-http-persistent`",
        idle: "`keep_alive_timeout` of `Net::HTTP` (default 2 s) or `idle_timeout` of `net-http-persistent` (default 5 s)",
        leak: "`finish` each `Net::HTTP` session; idle ones notice a close only at their next request.",
        wait: "`read_timeout` of `Net::HTTP` (default 60 s)",
        ..HTTP
    }),
    database: Some(&Client {
        reuse: "Let Active Record's pool hold the connections instead of connecting for each query.",
        size: "`pool` in `database.yml` (as many as threads)",
        idle: "`idle_timeout` in `database.yml` (default 300 s)",
        one: "Set `pool` in `database.yml` to the number of threads, and use `with_connection` in threads of your own.",
        leak: "Use `with_connection` in threads of your own; Active Record's reaper (`reaping_frequency`) frees the rest.",
        ..DATABASE
    }),
    cache: Some(&Client {
        reuse: "Keep one `Redis` client or `ConnectionPool` for the life of the process.",
        size: "`size` of `ConnectionPool`",
        one: "Share one `ConnectionPool` of `Redis` clients per process and set its `size`.",
        ..CACHE
    }),
};

/// curl and wget, as commands.
pub(super) const CURL: Clients = Clients {
    http: Some(&Client {
        reuse: "Give one `curl` all URLs (`curl URL1 URL2` or `--config FILE`): each run connects anew. For a loop, use a \
                client that stays.",
        age: Setting::Raise("`--max-time` of curl"),
        one: "Start the next `curl` only when the last one has ended, and bound each with `--max-time`.",
        probe: "curl has it on (`--keepalive-time`, default 60 s), so nothing has to be set",
        wait: "`--max-time` of curl",
        ..HTTP
    }),
    ..NONE
};

/// nginx, to its upstreams.
pub(super) const NGINX: Clients = Clients {
    http: Some(&Client {
        reuse: "In nginx, set `keepalive 32` in the `upstream` block (after the balancing method), `proxy_http_version \
                1.1` and `proxy_set_header Connection \"\"`.",
        size: "`keepalive` in nginx's `upstream` block (idle connections per worker process)",
        idle: "`keepalive_timeout` in nginx's `upstream` block (default 60s)",
        age: Setting::Raise(
            "`keepalive_time` in nginx's `upstream` block (default 1h) and `keepalive_requests` (default \
             1000)",
        ),
        one: "Each request in progress has its own upstream connection in nginx: limit them with `max_conns=` on \
              `server`, and see `proxy_read_timeout`.",
        leak: "In nginx, see `proxy_read_timeout` and `worker_shutdown_timeout`: old workers keep connections after a \
               reload.",
        probe: "in nginx, set `proxy_socket_keepalive on` and `net.ipv4.tcp_keepalive_time` to 60",
        wait: "`proxy_read_timeout` in nginx (default 60s)",
    }),
    ..NONE
};

/// Apache httpd, to its backends.
pub(super) const HTTPD: Clients = Clients {
    http: Some(&Client {
        reuse: "In Apache httpd, use `<Proxy>` or `ProxyPass` with a fixed backend (a `RewriteRule` with `[P]` pools \
                nothing), and remove `disablereuse=On`, `proxy-nokeepalive` and `force-proxy-request-1.0`.",
        size: "`max=` on `ProxyPass` in Apache httpd (per process; by default its threads)",
        idle: "`ttl=` on `ProxyPass` in Apache httpd (in s)",
        age: Setting::Instead(
            "Apache httpd has no maximum age for backend connections: look at `MaxConnectionsPerChild` and \
             reloads.",
        ),
        one: "Apache httpd holds one connection per busy thread: limit them with `max=` on `ProxyPass`, let them shrink \
              with `ttl=`, and end stuck requests with `timeout=`.",
        leak: "In Apache httpd, set `ttl=` on `ProxyPass` below the backend's keep-alive timeout: idle connections are \
               only looked at when they are used again.",
        probe: "set `keepalive=On` on `ProxyPass` in Apache httpd, and `net.ipv4.tcp_keepalive_time` to 60",
        wait: "`timeout=` on `ProxyPass` or `ProxyTimeout` in Apache httpd",
    }),
    ..NONE
};

/// HAProxy, to its servers.
pub(super) const HAPROXY: Clients = Clients {
    http: Some(&Client {
        reuse: "In HAProxy, set `http-reuse safe` (or `always`), and remove `option http-server-close` and `option \
                httpclose`.",
        size: "`pool-max-conn` on `server` in HAProxy (unlimited by default)",
        idle: "`pool-purge-delay` on `server` in HAProxy (default 5s)",
        age: Setting::Instead(
            "HAProxy has no maximum age for server connections: look at `max-reuse` on `server` and at \
             reloads.",
        ),
        one: "Each request in progress has its own connection in HAProxy: limit them with `maxconn` on `server`, and see \
              `timeout server` and `timeout tunnel`.",
        leak: "In HAProxy, set `timeout server-fin` and `timeout client-fin` to about 30s.",
        probe: "in HAProxy, set `option srvtcpka` and `srvtcpka-idle 60s`",
        wait: "`timeout server` in HAProxy",
    }),
    ..NONE
};

/// Envoy, to its clusters.
pub(super) const ENVOY: Clients = Clients {
    http: Some(&Client {
        reuse: "In Envoy, see that the cluster's `max_requests_per_connection` is not 1; `connection_pool_per_downstream_\
                connection` also keeps connections apart.",
        size: "`max_connections` in the `circuit_breakers` of Envoy's cluster (default 1024)",
        idle: "`idle_timeout` in `common_http_protocol_options` of Envoy's cluster (default 1h)",
        age: Setting::Raise("`max_requests_per_connection` and `max_connection_duration` of Envoy's cluster"),
        one: "HTTP/1 needs a connection per request in progress: limit them with `circuit_breakers` in Envoy's cluster, \
              or use HTTP/2 to it.",
        leak: "In Envoy, see that the cluster's `idle_timeout` is not 0: it ends connections whose end was missed.",
        probe: "in Envoy, set `upstream_connection_options.tcp_keepalive` of the cluster (`keepalive_time: 60`)",
        wait: "the route's `timeout` in Envoy (default 15s)",
    }),
    ..NONE
};

/// Caddy, to its upstreams.
pub(super) const CADDY: Clients = Clients {
    http: Some(&Client {
        reuse: "In Caddy, see that `transport http` of `reverse_proxy` has no `keepalive off`.",
        size: "`keepalive_idle_conns_per_host` in Caddy's `transport http` (default 32)",
        idle: "`keepalive` in Caddy's `transport http` (default 2m)",
        one: "Each request in progress has its own connection in Caddy: limit them with `max_conns_per_host` in \
              `transport http`.",
        probe: "Caddy has it on, so nothing has to be set",
        wait: "`response_header_timeout` in Caddy's `transport http`",
        ..HTTP
    }),
    ..NONE
};

/// Traefik, to its services.
pub(super) const TRAEFIK: Clients = Clients {
    http: Some(&Client {
        reuse: "In Traefik, see that `maxIdleConnsPerHost` of `serversTransport` is not negative and the service sends no \
                `Connection: close`.",
        size: "`maxIdleConnsPerHost` of Traefik's `serversTransport` (default 200)",
        idle: "`forwardingTimeouts.idleConnTimeout` of Traefik's `serversTransport` (default 90s)",
        one: "Each request in progress has its own connection in Traefik: limit them with the `inFlightReq` middleware.",
        probe: "Traefik has it on, so nothing has to be set",
        wait: "`forwardingTimeouts.responseHeaderTimeout` of Traefik's `serversTransport`",
        ..HTTP
    }),
    ..NONE
};

/// Varnish, to its backends.
pub(super) const VARNISH: Clients = Clients {
    http: Some(&Client {
        reuse: "In Varnish, look in the VCL for `Connection: close` on `bereq` and for `return (pipe)`.",
        idle: "`backend_idle_timeout` in Varnish (default 60 s)",
        one: "Each fetch in progress has its own connection in Varnish: limit them with `.max_connections` of the \
              backend.",
        wait: "`first_byte_timeout` in Varnish (default 60 s)",
        ..HTTP
    }),
    ..NONE
};

/// Squid, to its servers.
pub(super) const SQUID: Clients = Clients {
    http: Some(&Client {
        reuse: "In Squid, set `server_persistent_connections on` (the default).",
        idle: "`server_idle_pconn_timeout` in Squid (default 1 minute)",
        age: Setting::Instead("In Squid, raise `pconn_lifetime`, or set it to 0 (no limit, the default)."),
        wait: "`read_timeout` in Squid (default 15 minutes)",
        ..HTTP
    }),
    ..NONE
};

/// PgBouncer, to PostgreSQL.
pub(super) const PGBOUNCER: Clients = Clients {
    database: Some(&Client {
        reuse: "In PgBouncer, raise `server_idle_timeout` and `server_lifetime`, and set `min_pool_size`.",
        size: "`default_pool_size` of PgBouncer (default 20; `reserve_pool_size` above it is for bursts)",
        idle: "`server_idle_timeout` of PgBouncer (default 600 s)",
        age: Setting::Raise("`server_lifetime` of PgBouncer (default 3600 s)"),
        one: "PgBouncer has a pool for each user and database: limit them with `default_pool_size` and \
              `max_db_connections`.",
        leak: "In PgBouncer, see its log: `server_check_delay` and `server_idle_timeout` drop what PostgreSQL has closed.",
        probe: "in PgBouncer, set `tcp_keepidle = 60`",
        wait: "`query_timeout` of PgBouncer (0, no limit, by default)",
    }),
    ..NONE
};
