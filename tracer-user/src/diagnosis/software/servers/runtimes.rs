//! Servers that run an application, by its language.

use super::{HTTP, Server, UNKNOWN};
use crate::diagnosis::software::Setting;

/// Java: Tomcat or any other server that runs as `java`.
pub(in crate::diagnosis::software) const JAVA: Server = Server {
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
pub(in crate::diagnosis::software) const TOMCAT_AJP: Server = Server {
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

pub(in crate::diagnosis::software) const NODE: Server = Server {
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

pub(in crate::diagnosis::software) const GUNICORN: Server = Server {
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

pub(in crate::diagnosis::software) const UVICORN: Server = Server {
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
pub(in crate::diagnosis::software) const PYTHON: Server = Server {
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
pub(in crate::diagnosis::software) const PHP_FPM: Server = Server {
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

pub(in crate::diagnosis::software) const PUMA: Server = Server {
    idle: Setting::Raise("`persistent_timeout` in Puma (20 s, since version 7 65 s)"),
    limit: "In Puma, raise `max_keep_alive` (since version 7; before, `max_fast_inline`).",
    close: "In Puma, see that `enable_keep_alives` is true.",
    accept: "Then raise `threads` and `workers` in Puma and, for bursts, `?backlog=1024` on `bind` with \
             `net.core.somaxconn`.",
    header: "`first_data_timeout` in Puma (default 30 s)",
    ..HTTP
};

pub(in crate::diagnosis::software) const UNICORN: Server = Server {
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
pub(in crate::diagnosis::software) const RUBY: Server = Server {
    idle: Setting::Raise("the server's keep-alive timeout (Puma `persistent_timeout`)"),
    close: "See that the server allows keep-alive: Unicorn has none, Puma has `enable_keep_alives`.",
    accept: "Then raise the server's workers or threads (Puma `threads` and `workers`) and, for bursts, its backlog with \
             `net.core.somaxconn`.",
    ..UNKNOWN
};

/// ASP.NET Core.
pub(in crate::diagnosis::software) const DOTNET: Server = Server {
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
pub(in crate::diagnosis::software) const BEAM: Server = Server {
    idle: Setting::Raise("the server's idle timeout (Cowboy `idle_timeout`, Bandit `read_timeout`)"),
    limit: "Raise the limit of requests per connection (Cowboy `max_keepalive`, Bandit `max_requests`).",
    accept: "Then raise the listener's connection limit and acceptors (Ranch `max_connections`, `num_acceptors`) and, for \
             bursts, its `backlog` with `net.core.somaxconn`.",
    probe: "pass `{keepalive, true}` to the listener's `socket_opts` and set `net.ipv4.tcp_keepalive_time` to 60",
    ..UNKNOWN
};
