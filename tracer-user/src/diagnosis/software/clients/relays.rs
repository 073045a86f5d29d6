//! Proxies and poolers, to the servers behind them.

use super::{Client, Clients, HTTP, NONE};
use crate::diagnosis::software::Setting;

/// nginx, to its upstreams.
pub(in crate::diagnosis::software) const NGINX: Clients = Clients {
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
pub(in crate::diagnosis::software) const HTTPD: Clients = Clients {
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
pub(in crate::diagnosis::software) const HAPROXY: Clients = Clients {
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
pub(in crate::diagnosis::software) const ENVOY: Clients = Clients {
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
pub(in crate::diagnosis::software) const CADDY: Clients = Clients {
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
pub(in crate::diagnosis::software) const TRAEFIK: Clients = Clients {
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
pub(in crate::diagnosis::software) const VARNISH: Clients = Clients {
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
pub(in crate::diagnosis::software) const SQUID: Clients = Clients {
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
pub(in crate::diagnosis::software) const PGBOUNCER: Clients = Clients {
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
