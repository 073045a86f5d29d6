//! Libraries of programming languages, and commands.

use super::{CACHE, Client, Clients, DATABASE, HTTP, NONE};
use crate::diagnosis::software::Setting;

pub(in crate::diagnosis::software) const JAVA: Clients = Clients {
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

pub(in crate::diagnosis::software) const PYTHON: Clients = Clients {
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

pub(in crate::diagnosis::software) const NODE: Clients = Clients {
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

pub(in crate::diagnosis::software) const PHP: Clients = Clients {
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
pub(in crate::diagnosis::software) const DOTNET: Clients = Clients {
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

pub(in crate::diagnosis::software) const RUBY: Clients = Clients {
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
pub(in crate::diagnosis::software) const CURL: Clients = Clients {
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
