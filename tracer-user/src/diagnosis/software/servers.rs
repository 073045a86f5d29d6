//! Servers: the names each has for its timeouts and limits.
//!
//! One table for each server and nothing else, hence the length of this file. Defaults are those of current
//! versions. For a setting a server does not have, the text of `UNKNOWN` or `HTTP` is used, or the text says
//! that there is none.

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

/// Apache httpd.
pub(super) const HTTPD: Server = Server {
    idle: Setting::Raise("`KeepAliveTimeout` in Apache httpd (default 5 s)"),
    limit: "In Apache httpd, set `MaxKeepAliveRequests 0` (no limit; default 100).",
    age: "Apache httpd has no maximum age: look for `MaxConnectionsPerChild` (set it to 0) or a reload at that interval.",
    close: "In Apache httpd, set `KeepAlive On` and look for `SetEnvIf … nokeepalive`.",
    accept: "Then raise `MaxRequestWorkers` (with `ServerLimit`) and, for bursts, `ListenBackLog` with \
             `net.core.somaxconn`; the event MPM needs no worker for an idle connection.",
    probe: "Apache httpd has it on, so set `net.ipv4.tcp_keepalive_time` to 60",
    header: "`RequestReadTimeout` in Apache httpd",
    log: "`LogLevel ssl:info` in Apache httpd says what it rejected.",
    leak: "`server-status` shows what the workers of Apache httpd wait for: usually a backend without `ProxyTimeout` \
           (mod_proxy) or `reply_timeout` (mod_jk).",
    hold: "As a proxy, Apache httpd gives up after `ProxyTimeout`, mod_jk after `reply_timeout`.",
};

/// nginx, where it speaks HTTP.
pub(super) const NGINX: Server = Server {
    idle: Setting::Raise(
        "`keepalive_timeout` in nginx (default 75s; for WebSocket `proxy_read_timeout`, default 60s)",
    ),
    limit: "In nginx, raise `keepalive_requests` (default 1000) far above what a client sends in an hour.",
    age: "In nginx, raise `keepalive_time` (default 1h).",
    close: "In nginx, see that `keepalive_timeout` is not 0 and `keepalive_disable` does not name this client.",
    accept: "Then raise `worker_connections` and `worker_rlimit_nofile` in nginx and, for bursts, `backlog=` on `listen` \
             with `net.core.somaxconn`.",
    probe: "in nginx, add `so_keepalive=60s:10s:6` to `listen`",
    header: "`client_header_timeout` in nginx (default 60s)",
    log: "`error_log … info` in nginx says what it rejected.",
    leak: "Connections that nginx never closes belong to old workers (`worker_shutdown_timeout`) or to upstreams: see \
           `proxy_read_timeout` and `proxy_ignore_client_abort`.",
    hold: "As a proxy, nginx gives up after `proxy_read_timeout` (default 60s).",
};

/// nginx relaying another protocol.
pub(super) const NGINX_STREAM: Server = Server {
    idle: Setting::Raise("`proxy_timeout` in nginx's `stream` block (default 10m)"),
    accept: NGINX.accept,
    probe: NGINX.probe,
    log: NGINX.log,
    ..UNKNOWN
};

/// HAProxy, where it speaks HTTP.
pub(super) const HAPROXY: Server = Server {
    idle: Setting::Raise(
        "`timeout http-keep-alive` in HAProxy, and `timeout client`, which caps it (for WebSocket `timeout \
         tunnel`)",
    ),
    limit: "HAProxy limits no requests in HTTP/1; look for `tune.h2.fe.max-total-streams`, then at the servers behind it.",
    age: "HAProxy has no maximum age: look for reloads with `hard-stop-after`.",
    close: "In HAProxy, remove `option httpclose` and see that `timeout http-keep-alive` is not close to 0.",
    accept: "Then raise `maxconn` in HAProxy (global and frontend) and, for bursts, `backlog` with `net.core.somaxconn`.",
    probe: "in HAProxy, set `option clitcpka` and `clitcpka-idle 60s`",
    header: "`timeout http-request` in HAProxy",
    log: "HAProxy logs the handshake failures of its frontend unless `option dontlognull` hides them.",
    leak: "In HAProxy, set `timeout client-fin` and `timeout server-fin` to about 30s: they end half-closed connections.",
    hold: "As a proxy, HAProxy gives up after `timeout server`.",
};

/// HAProxy in TCP mode.
pub(super) const HAPROXY_TCP: Server = Server {
    idle: Setting::Raise(
        "`timeout client` and `timeout server` in HAProxy, both (in TCP mode also `timeout tunnel`)",
    ),
    accept: HAPROXY.accept,
    probe: HAPROXY.probe,
    log: HAPROXY.log,
    leak: HAPROXY.leak,
    hold: HAPROXY.hold,
    ..UNKNOWN
};

/// Envoy, where it speaks HTTP.
pub(super) const ENVOY: Server = Server {
    idle: Setting::Raise(
        "`idle_timeout` in Envoy's `common_http_protocol_options` (default 1h; for held requests \
         `stream_idle_timeout`, 5m)",
    ),
    limit: "In Envoy, raise `max_requests_per_connection` in the listener's `common_http_protocol_options`, or remove it.",
    age: "In Envoy, raise `max_connection_duration` in the listener's `common_http_protocol_options`, or remove it.",
    close: "In Envoy, look for draining (a listener update, hot restart) and the overload action \
            `disable_http_keepalive`.",
    accept: "Then raise the downstream connection limit in Envoy's overload manager and, for bursts, `tcp_backlog_size` \
             with `net.core.somaxconn`.",
    probe: "in Envoy, set `SO_KEEPALIVE` in the listener's `socket_options` and `net.ipv4.tcp_keepalive_time` to 60",
    header: "`request_headers_timeout` in Envoy",
    log: "Envoy counts them in `ssl.connection_error` and `ssl.fail_verify_*`, and names the reason in the access log.",
    leak: "In Envoy, see that `idle_timeout` is not 0: it ends connections whose end was missed.",
    hold: "As a proxy, Envoy gives up after the route's `timeout` (default 15s) or `stream_idle_timeout`.",
};

/// Envoy as a TCP proxy.
pub(super) const ENVOY_TCP: Server = Server {
    idle: Setting::Raise("`idle_timeout` of Envoy's TCP proxy (default 1h)"),
    age: "In Envoy's TCP proxy, raise `max_downstream_connection_duration`, or remove it.",
    accept: ENVOY.accept,
    probe: ENVOY.probe,
    log: ENVOY.log,
    ..UNKNOWN
};

/// Java: Tomcat or any other server that runs as `java`.
pub(super) const JAVA: Server = Server {
    idle: Setting::Raise(
        "the server's keep-alive timeout (Tomcat `keepAliveTimeout` in ms, Jetty `idleTimeout`, WildFly \
           `no-request-timeout`)",
    ),
    limit: "In Tomcat, set `maxKeepAliveRequests=\"-1\"` (no limit; default 100); other Java servers limit them only where \
            told to.",
    age: "Tomcat, Jetty and Undertow have no maximum age: look in the application and its framework for one.",
    close: "In Tomcat, see that `maxKeepAliveRequests` is not 1; an error status such as 400 or 500 closes too.",
    accept: "Then raise `maxThreads` and `maxConnections` in Tomcat (in others the worker pool) and, for bursts, \
             `acceptCount` with `net.core.somaxconn`. `jstack PID` shows what the threads wait for.",
    probe: "in Tomcat, set `socket.soKeepAlive=\"true\"` on the connector, and `net.ipv4.tcp_keepalive_time` to 60",
    header: "the server's timeout for a first request (Tomcat `connectionTimeout`)",
    log: "`-Djavax.net.debug=ssl:handshake` shows what Java rejects.",
    leak: "Fix the application: close sockets and streams in try-with-resources, and complete each `AsyncContext` in \
           `onTimeout` and `onError` too. `jstack PID` shows threads that are stuck.",
    hold: "The application sets it: `AsyncContext.setTimeout`, in Spring `DeferredResult`.",
};

/// Tomcat's AJP connector.
pub(super) const TOMCAT_AJP: Server = Server {
    idle: Setting::Raise("`keepAliveTimeout` of Tomcat's AJP connector (in ms; none by default)"),
    limit: "Tomcat's AJP connector limits no requests: look for errors in its log.",
    accept: "Then raise `maxThreads` and `maxConnections` of Tomcat's AJP connector to what all web server processes \
             together may hold, and `acceptCount` for bursts.",
    close: "See in Tomcat's log why it closes: an aborted reply, a wrong `secret` or an oversized packet.",
    log: "See that `secret` (or `secretRequired=\"false\"`) of Tomcat's AJP connector agrees with the web server.",
    header: "`connectionTimeout` of Tomcat's AJP connector",
    hold: "",
    ..JAVA
};

pub(super) const NODE: Server = Server {
    idle: Setting::Raise(
        "`server.keepAliveTimeout` in Node.js (default 5000 ms), with `server.headersTimeout` above it",
    ),
    limit: "In Node.js, set `server.maxRequestsPerSocket = 0` (no limit, the default).",
    age: "Node.js has no maximum age: look in the application and its framework for one.",
    close: "In Node.js, see that nothing sets `Connection: close` or `server.keepAliveTimeout = 0`.",
    accept: "Then see what blocks the event loop (`--cpu-prof`), raise `server.maxConnections` if set, run more \
             processes and, for bursts, pass `backlog` to `listen()` with `net.core.somaxconn`.",
    probe: "in Node.js, pass `{keepAlive: true, keepAliveInitialDelay: 60000}` to `http.createServer()`",
    header: "`server.headersTimeout` in Node.js (default 60000 ms)",
    log: "In Node.js, log the server's `tlsClientError` and `clientError` events.",
    leak: "Fix the application: with `allowHalfOpen: true` each socket needs `end()` on its `end` event, and every \
           response must be ended; upgraded sockets are its own to close.",
    hold: "Node.js itself holds a reply without limit; watch `close` of the response to stop the work.",
};

pub(super) const GUNICORN: Server = Server {
    idle: Setting::Raise("`--keep-alive` in Gunicorn (default 2 s; sync workers ignore it, use `gthread`)"),
    limit: "Raise `--max-requests` in Gunicorn, or set it to 0: it restarts the worker and ends its connections.",
    age: "Gunicorn has no maximum age: look at `--max-requests` and `--timeout`, which restart workers.",
    close: "In Gunicorn, use `--worker-class gthread` or an async one: sync workers close after every reply.",
    accept: "Then raise `--workers` and `--threads` in Gunicorn (async: `--worker-connections`) and, for bursts, \
             `--backlog` with `net.core.somaxconn`.",
    log: "`--log-level debug` in Gunicorn says what it rejected.",
    leak: "Fix the application: a worker that is stuck in a request closes nothing. Put a limit on it with `--timeout` \
           and on every outgoing call.",
    hold: "Gunicorn kills a sync worker after `--timeout` (default 30 s).",
    ..HTTP
};

pub(super) const UVICORN: Server = Server {
    idle: Setting::Raise("`--timeout-keep-alive` in Uvicorn (default 5 s)"),
    limit: "Raise `--limit-max-requests` in Uvicorn, or leave it out: it restarts the process and ends its connections.",
    age: "Uvicorn has no maximum age: look at `--limit-max-requests` and at reloads.",
    close: "In Uvicorn, see that `--timeout-keep-alive` is not 0 and the application sets no `Connection: close`.",
    accept: "Then look for blocking calls in `async` handlers, raise `--workers` and `--limit-concurrency` in Uvicorn \
             and, for bursts, `--backlog` with `net.core.somaxconn`.",
    probe: "for WebSocket, Uvicorn has `--ws-ping-interval 20`; else enable `SO_KEEPALIVE` and set \
            `net.ipv4.tcp_keepalive_time` to 60",
    log: "`--log-level debug` in Uvicorn says what it rejected.",
    leak: "Fix the application: a handler that waits without a limit keeps its connection. Watch `http.disconnect` and \
           `websocket.disconnect`.",
    ..HTTP
};

/// Python, with any server.
pub(super) const PYTHON: Server = Server {
    idle: Setting::Raise(
        "the server's keep-alive timeout (Uvicorn `--timeout-keep-alive`, Gunicorn `--keep-alive`, aiohttp \
           `keepalive_timeout`)",
    ),
    close: "See that the server allows keep-alive: `http.server` needs `protocol_version = \"HTTP/1.1\"`, Gunicorn \
            `--worker-class gthread`.",
    accept: "Then raise the server's workers or threads, look for blocking calls in `async` code and, for bursts, raise \
             the backlog with `net.core.somaxconn`. `py-spy dump --pid PID` shows what it waits for.",
    leak: "Fix the application: close sockets with `with` or `writer.close()` once a read returns `b\"\"`, on errors and \
           timeouts too.",
    ..UNKNOWN
};

/// PHP-FPM, to which a web server speaks FastCGI.
pub(super) const PHP_FPM: Server = Server {
    close: "PHP-FPM keeps connections only where asked: in nginx, set `fastcgi_keep_conn on` and `keepalive` in the \
            upstream.",
    limit: "Raise `pm.max_requests` of PHP-FPM, or set it to 0: it restarts the child and ends its connection.",
    age: "PHP-FPM has no maximum age: look at `pm.max_requests` and `pm.process_idle_timeout`, which end children.",
    accept: "Then raise `pm.max_children` of PHP-FPM and, for bursts, `listen.backlog` with `net.core.somaxconn`; \
             `request_slowlog_timeout` shows what the children wait for.",
    hold: "PHP-FPM kills a request after `request_terminate_timeout`.",
    leak: "Children of PHP-FPM that are stuck close nothing: set `request_terminate_timeout`, and see \
           `request_slowlog_timeout` for what they wait for.",
    ..UNKNOWN
};

pub(super) const CADDY: Server = Server {
    idle: Setting::Raise("`idle` in Caddy's `servers { timeouts { … } }` (default 5m)"),
    limit: "Caddy limits no requests per connection: look at the servers behind it and at its reloads.",
    age: "Caddy has no maximum age: look at its reloads, and for WebSocket at `stream_timeout` of `reverse_proxy`.",
    probe: "Caddy has it on; `keepalive_interval` in `servers` sets how often",
    header: "`read_header` in Caddy's `servers { timeouts { … } }`",
    log: "`debug` in Caddy's global options says what it rejected.",
    hold: "As a proxy, Caddy gives up after `response_header_timeout` of `transport http`.",
    ..HTTP
};

pub(super) const TRAEFIK: Server = Server {
    idle: Setting::Raise(
        "`entryPoints.NAME.transport.respondingTimeouts.idleTimeout` in Traefik (default 180s)",
    ),
    limit: "In Traefik, set `entryPoints.NAME.transport.keepAliveMaxRequests` to 0 (no limit, the default).",
    age: "In Traefik, raise `entryPoints.NAME.transport.keepAliveMaxTime`, or set it to 0 (no limit, the default).",
    close: "In Traefik, see that `keepAliveMaxRequests` and `keepAliveMaxTime` of the entry point are 0.",
    probe: "Traefik has it on, at an interval of its own",
    header: "`respondingTimeouts.readTimeout` of Traefik's entry point (default 60s)",
    log: "`log.level: DEBUG` in Traefik says what it rejected.",
    hold: "As a proxy, Traefik gives up after `forwardingTimeouts.responseHeaderTimeout` of its `serversTransport`.",
    ..HTTP
};

pub(super) const LIGHTTPD: Server = Server {
    idle: Setting::Raise("`server.max-keep-alive-idle` in lighttpd (default 5 s)"),
    limit: "In lighttpd, raise `server.max-keep-alive-requests` far above what a client sends in an hour.",
    close: "In lighttpd, see that `server.max-keep-alive-requests` is not 0.",
    accept: "Then raise `server.max-fds` and `server.max-connections` in lighttpd and, for bursts, \
             `server.listen-backlog` with `net.core.somaxconn`.",
    header: "`server.max-read-idle` in lighttpd (default 60 s)",
    ..HTTP
};

pub(super) const LITESPEED: Server = Server {
    idle: Setting::Raise("`keepAliveTimeout` in LiteSpeed's tuning (default 5 s)"),
    limit: "In LiteSpeed, raise `maxKeepAliveReq` far above what a client sends in an hour.",
    accept: "Then raise `maxConnections` and `maxSSLConnections` in LiteSpeed: at the limit it also closes keep-alive \
             connections.",
    close: "In LiteSpeed, see that `maxKeepAliveReq` is above 1 and `maxConnections` is not reached.",
    header: "`connTimeout` in LiteSpeed",
    ..HTTP
};

pub(super) const VARNISH: Server = Server {
    idle: Setting::Raise("`timeout_idle` in Varnish (default 5 s; in pipe mode `pipe_timeout`)"),
    limit: "Varnish limits no requests per connection: look at its VCL for `Connection: close`.",
    accept: "Then raise `thread_pool_max` in Varnish and, for bursts, `listen_depth` with `net.core.somaxconn`.",
    close: "In Varnish, look in the VCL for `Connection: close`, and for `return (pipe)`.",
    probe: "Varnish has it on; set `tcp_keepalive_time` of `varnishd` to 60",
    hold: "As a proxy, Varnish gives up after `first_byte_timeout` (default 60 s).",
    ..HTTP
};

pub(super) const SQUID: Server = Server {
    idle: Setting::Raise("`client_idle_pconn_timeout` in Squid (default 2 minutes)"),
    age: "In Squid, raise `pconn_lifetime`, or set it to 0 (no limit, the default).",
    close: "In Squid, set `client_persistent_connections on`.",
    accept: "Then raise `max_filedescriptors` in Squid, and `workers` if one process is at its limit.",
    header: "`request_start_timeout` in Squid (default 5 minutes)",
    leak: "In Squid, set `half_closed_clients off` (the default).",
    ..HTTP
};

pub(super) const PUMA: Server = Server {
    idle: Setting::Raise("`persistent_timeout` in Puma (20 s, since version 7 65 s)"),
    limit: "In Puma, raise `max_keep_alive` (since version 7; before, `max_fast_inline`).",
    close: "In Puma, see that `enable_keep_alives` is true.",
    accept: "Then raise `threads` and `workers` in Puma and, for bursts, `?backlog=1024` on `bind` with \
             `net.core.somaxconn`.",
    header: "`first_data_timeout` in Puma (default 30 s)",
    ..HTTP
};

pub(super) const UNICORN: Server = Server {
    idle: Setting::Instead(
        "Unicorn keeps no connection: put nginx in front of it and raise its `keepalive_timeout`, or use \
         Puma.",
    ),
    limit: "Unicorn closes after every reply by design: put nginx in front of it, or use Puma.",
    close: "Unicorn closes after every reply by design: put nginx in front of it, or use Puma.",
    accept: "Then raise `worker_processes` in Unicorn and, for bursts, `:backlog` of `listen` with `net.core.somaxconn`.",
    hold: "Unicorn kills a worker after `timeout` (default 60 s).",
    ..HTTP
};

/// Ruby, with any server.
pub(super) const RUBY: Server = Server {
    idle: Setting::Raise("the server's keep-alive timeout (Puma `persistent_timeout`)"),
    close: "See that the server allows keep-alive: Unicorn has none, Puma has `enable_keep_alives`.",
    accept: "Then raise the server's workers or threads (Puma `threads` and `workers`) and, for bursts, its backlog with \
             `net.core.somaxconn`.",
    ..UNKNOWN
};

/// ASP.NET Core.
pub(super) const DOTNET: Server = Server {
    idle: Setting::Raise("`Limits.KeepAliveTimeout` of Kestrel (default 130 s)"),
    limit: "Kestrel limits no requests per connection: look in the application for `Connection: close`.",
    age: "Kestrel has no maximum age: look in the application, or at a proxy in front.",
    accept: "Then look for a starved thread pool (`dotnet-counters`), raise `Limits.MaxConcurrentConnections` if set and, \
             for bursts, `Backlog` of the socket transport with `net.core.somaxconn`.",
    header: "`Limits.RequestHeadersTimeout` of Kestrel (default 30 s)",
    log: "Log level `Debug` for `Microsoft.AspNetCore.Server.Kestrel` says what it rejected.",
    leak: "Fix the application: requests that never complete keep their connections. Pass `HttpContext.RequestAborted` \
           to everything they wait for.",
    hold: "Watch `HttpContext.RequestAborted` to stop the work when the client has gone.",
    ..HTTP
};

/// The Erlang VM: RabbitMQ, Cowboy and others.
pub(super) const BEAM: Server = Server {
    idle: Setting::Raise("the server's idle timeout (Cowboy `idle_timeout`, Bandit `read_timeout`)"),
    limit: "Raise the limit of requests per connection (Cowboy `max_keepalive`, Bandit `max_requests`).",
    accept: "Then raise the listener's connection limit and acceptors (Ranch `max_connections`, `num_acceptors`) and, for \
             bursts, its `backlog` with `net.core.somaxconn`.",
    probe: "pass `{keepalive, true}` to the listener's `socket_opts` and set `net.ipv4.tcp_keepalive_time` to 60",
    ..UNKNOWN
};

pub(super) const POSTGRESQL: Server = Server {
    idle: Setting::Raise(
        "`idle_session_timeout` of PostgreSQL (0, no limit, by default; `server_idle_timeout` and \
           `client_idle_timeout` in PgBouncer)",
    ),
    limit: "PostgreSQL limits no queries per connection: look at the pool (`maxUses` and the like).",
    age: "PostgreSQL has no maximum age: look at PgBouncer's `server_lifetime` and the pool's `maxLifetime`.",
    close: "See PostgreSQL's log with `log_disconnections = on`: an error of level FATAL or an administrator ends \
            sessions.",
    accept: "Then put PgBouncer in front rather than raise `max_connections` of PostgreSQL far; `pg_stat_activity` shows \
             who holds sessions.",
    probe: "in PostgreSQL, set `tcp_keepalives_idle = 60` and, against queries whose client has gone, \
            `client_connection_check_interval = 10s`",
    header: "`authentication_timeout` of PostgreSQL (default 1min)",
    log: "PostgreSQL's log says what it rejected: `pg_hba.conf`, `sslmode` or a password.",
    leak: "A backend of PostgreSQL notices a client that has gone only when it reads or writes: set \
           `client_connection_check_interval = 10s` and `statement_timeout`.",
    hold: "PostgreSQL ends a query after `statement_timeout`.",
};

pub(super) const PGBOUNCER: Server = Server {
    idle: Setting::Raise("`client_idle_timeout` of PgBouncer (0, no limit, by default)"),
    age: "PgBouncer limits the age only of its own connections to the server: `server_lifetime` (default 3600 s).",
    accept: "Then raise `max_client_conn` of PgBouncer, and `default_pool_size` if its clients wait for a server.",
    probe: "in PgBouncer, set `tcp_keepidle = 60`",
    header: "`client_login_timeout` of PgBouncer (default 60 s)",
    close: "See PgBouncer's log: it names the reason of each close.",
    log: "PgBouncer's log says what it rejected: `auth_type`, `client_tls_sslmode` or a password.",
    hold: "PgBouncer ends a query after `query_timeout`, a wait for a server after `query_wait_timeout`.",
    ..UNKNOWN
};

pub(super) const MYSQL: Server = Server {
    idle: Setting::Raise("`wait_timeout` of MySQL (default 28800 s)"),
    limit: "MySQL limits no queries per connection: look at the pool and at a proxy between.",
    age: "MySQL has no maximum age: look at the pool's `maxLifetime` and at a proxy between.",
    close: "See MySQL's error log with `log_error_verbosity = 3`: it notes aborted connections.",
    accept: "Then raise `max_connections` of MySQL and, for bursts, `back_log` with `net.core.somaxconn`; \
             `SHOW PROCESSLIST` shows who holds sessions.",
    probe: "MySQL has it on, so set `net.ipv4.tcp_keepalive_time` to 60",
    header: "`connect_timeout` of MySQL (default 10 s)",
    log: "`SHOW STATUS LIKE 'Aborted_connects'` counts them; the error log says why.",
    hold: "MySQL ends a SELECT after `max_execution_time`.",
    ..UNKNOWN
};

pub(super) const MONGODB: Server = Server {
    idle: Setting::Instead(
        "MongoDB has no idle timeout: look at a proxy or balancer between, and set `maxIdleTimeMS` of the \
         client below its timeout.",
    ),
    accept: "Then raise `net.maxIncomingConnections` of MongoDB and its open files, and lower `maxPoolSize` of its \
             clients.",
    probe: "MongoDB has it on (after 300 s at most), so set `net.ipv4.tcp_keepalive_time` to 60",
    ..UNKNOWN
};

pub(super) const REDIS: Server = Server {
    idle: Setting::Instead(
        "Set `timeout` of Redis to 0 (no limit, the default), or above the client's longest pause.",
    ),
    limit: "Redis limits no commands per connection: look at the client library and at a proxy between.",
    age: "Redis has no maximum age: look at the client library and at a proxy between.",
    close: "See Redis's log and `client-output-buffer-limit`: it ends clients that read too slowly.",
    accept: "Then raise `maxclients` of Redis and, for bursts, `tcp-backlog` with `net.core.somaxconn`; `SLOWLOG GET` \
             shows commands that block it.",
    probe: "Redis has it on; set `tcp-keepalive 60` (default 300)",
    log: "See `requirepass`, ACLs, `protected-mode` and `tls-port` of Redis.",
    ..UNKNOWN
};

pub(super) const MEMCACHED: Server = Server {
    idle: Setting::Instead(
        "Leave `-o idle_timeout` of Memcached out (no limit, the default), or raise it above the client's \
         longest pause.",
    ),
    accept: "Then raise `-c` of Memcached (default 1024) and, for bursts, `-b` with `net.core.somaxconn`.",
    ..UNKNOWN
};

/// Any MQTT broker.
pub(super) const MQTT: Server = Server {
    idle: Setting::Instead(
        "Have the client send MQTT pings: a broker closes after one and a half of the keep-alive interval \
         without a packet.",
    ),
    limit: "MQTT has no limit of messages per connection: see the broker's log for its reason.",
    close: "See the broker's log: a second client with the same client ID ends the first one's connection.",
    probe: "have the client set an MQTT keep-alive of 30-60 s, which the broker supervises",
    log: "See the broker's log for the CONNACK code: client ID, credentials, protocol version.",
    ..UNKNOWN
};

pub(super) const MOSQUITTO: Server = Server {
    accept: "Then raise `max_connections` of Mosquitto's listener and its open files.",
    probe: "have the client set an MQTT keep-alive of 30-60 s; Mosquitto's `max_keepalive` caps it",
    ..MQTT
};

/// RabbitMQ, where it speaks AMQP.
pub(super) const RABBITMQ: Server = Server {
    idle: Setting::Instead(
        "Have the client send AMQP heartbeats: RabbitMQ closes a connection that misses two of them \
         (`heartbeat`, default 60 s; the lower of both sides' values counts).",
    ),
    close: "See RabbitMQ's log: it names the reason of each close.",
    accept: "Then raise the open files of RabbitMQ and, for bursts, `tcp_listen_options.backlog` with \
             `net.core.somaxconn`; a memory or disk alarm blocks publishers.",
    probe: "keep AMQP heartbeats on (RabbitMQ `heartbeat = 60`, and the client's not 0)",
    header: "`handshake_timeout` of RabbitMQ (default 10 s)",
    log: "RabbitMQ's log says what it rejected.",
    ..UNKNOWN
};

/// OpenSSH.
pub(super) const SSHD: Server = Server {
    idle: Setting::Instead(
        "The server closes idle connections only where `ChannelTimeout` or `UnusedConnectionTimeout` says \
         so: raise those, and look for `TMOUT` in the shell.",
    ),
    accept: "Then raise `MaxStartups` of sshd (default 10:30:100).",
    close: "See sshd's log with `LogLevel VERBOSE` for the reason.",
    probe: "in sshd, set `ClientAliveInterval 30`",
    header: "`LoginGraceTime` of sshd (default 120 s)",
    log: "`LogLevel VERBOSE` in sshd says what it rejected.",
    ..UNKNOWN
};
