//! Web servers, proxies and caches.

use super::{HTTP, Server, UNKNOWN};
use crate::diagnosis::software::Setting;

/// Apache httpd.
pub(in crate::diagnosis::software) const HTTPD: Server = Server {
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
pub(in crate::diagnosis::software) const NGINX: Server = Server {
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
pub(in crate::diagnosis::software) const NGINX_STREAM: Server = Server {
    idle: Setting::Raise("`proxy_timeout` in nginx's `stream` block (default 10m)"),
    accept: NGINX.accept,
    probe: NGINX.probe,
    log: NGINX.log,
    ..UNKNOWN
};

/// HAProxy, where it speaks HTTP.
pub(in crate::diagnosis::software) const HAPROXY: Server = Server {
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
pub(in crate::diagnosis::software) const HAPROXY_TCP: Server = Server {
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
pub(in crate::diagnosis::software) const ENVOY: Server = Server {
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
pub(in crate::diagnosis::software) const ENVOY_TCP: Server = Server {
    idle: Setting::Raise("`idle_timeout` of Envoy's TCP proxy (default 1h)"),
    age: "In Envoy's TCP proxy, raise `max_downstream_connection_duration`, or remove it.",
    accept: ENVOY.accept,
    probe: ENVOY.probe,
    log: ENVOY.log,
    ..UNKNOWN
};

pub(in crate::diagnosis::software) const CADDY: Server = Server {
    idle: Setting::Raise("`idle` in Caddy's `servers { timeouts { … } }` (default 5m)"),
    limit: "Caddy limits no requests per connection: look at the servers behind it and at its reloads.",
    age: "Caddy has no maximum age: look at its reloads, and for WebSocket at `stream_timeout` of `reverse_proxy`.",
    probe: "Caddy has it on; `keepalive_interval` in `servers` sets how often",
    header: "`read_header` in Caddy's `servers { timeouts { … } }`",
    log: "`debug` in Caddy's global options says what it rejected.",
    hold: "As a proxy, Caddy gives up after `response_header_timeout` of `transport http`.",
    ..HTTP
};

pub(in crate::diagnosis::software) const TRAEFIK: Server = Server {
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

pub(in crate::diagnosis::software) const LIGHTTPD: Server = Server {
    idle: Setting::Raise("`server.max-keep-alive-idle` in lighttpd (default 5 s)"),
    limit: "In lighttpd, raise `server.max-keep-alive-requests` far above what a client sends in an hour.",
    close: "In lighttpd, see that `server.max-keep-alive-requests` is not 0.",
    accept: "Then raise `server.max-fds` and `server.max-connections` in lighttpd and, for bursts, \
             `server.listen-backlog` with `net.core.somaxconn`.",
    header: "`server.max-read-idle` in lighttpd (default 60 s)",
    ..HTTP
};

pub(in crate::diagnosis::software) const LITESPEED: Server = Server {
    idle: Setting::Raise("`keepAliveTimeout` in LiteSpeed's tuning (default 5 s)"),
    limit: "In LiteSpeed, raise `maxKeepAliveReq` far above what a client sends in an hour.",
    accept: "Then raise `maxConnections` and `maxSSLConnections` in LiteSpeed: at the limit it also closes keep-alive \
             connections.",
    close: "In LiteSpeed, see that `maxKeepAliveReq` is above 1 and `maxConnections` is not reached.",
    header: "`connTimeout` in LiteSpeed",
    ..HTTP
};

pub(in crate::diagnosis::software) const VARNISH: Server = Server {
    idle: Setting::Raise("`timeout_idle` in Varnish (default 5 s; in pipe mode `pipe_timeout`)"),
    limit: "Varnish limits no requests per connection: look at its VCL for `Connection: close`.",
    accept: "Then raise `thread_pool_max` in Varnish and, for bursts, `listen_depth` with `net.core.somaxconn`.",
    close: "In Varnish, look in the VCL for `Connection: close`, and for `return (pipe)`.",
    probe: "Varnish has it on; set `tcp_keepalive_time` of `varnishd` to 60",
    hold: "As a proxy, Varnish gives up after `first_byte_timeout` (default 60 s).",
    ..HTTP
};

pub(in crate::diagnosis::software) const SQUID: Server = Server {
    idle: Setting::Raise("`client_idle_pconn_timeout` in Squid (default 2 minutes)"),
    age: "In Squid, raise `pconn_lifetime`, or set it to 0 (no limit, the default).",
    close: "In Squid, set `client_persistent_connections on`.",
    accept: "Then raise `max_filedescriptors` in Squid, and `workers` if one process is at its limit.",
    header: "`request_start_timeout` in Squid (default 5 minutes)",
    leak: "In Squid, set `half_closed_clients off` (the default).",
    ..HTTP
};
