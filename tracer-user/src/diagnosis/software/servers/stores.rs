//! Databases, caches, brokers and SSH.

use super::{Server, UNKNOWN};
use crate::diagnosis::software::Setting;

pub(in crate::diagnosis::software) const POSTGRESQL: Server = Server {
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

pub(in crate::diagnosis::software) const PGBOUNCER: Server = Server {
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

pub(in crate::diagnosis::software) const MYSQL: Server = Server {
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

pub(in crate::diagnosis::software) const MONGODB: Server = Server {
    idle: Setting::Instead(
        "MongoDB has no idle timeout: look at a proxy or balancer between, and set `maxIdleTimeMS` of the \
         client below its timeout.",
    ),
    accept: "Then raise `net.maxIncomingConnections` of MongoDB and its open files, and lower `maxPoolSize` of its \
             clients.",
    probe: "MongoDB has it on (after 300 s at most), so set `net.ipv4.tcp_keepalive_time` to 60",
    ..UNKNOWN
};

pub(in crate::diagnosis::software) const REDIS: Server = Server {
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

pub(in crate::diagnosis::software) const MEMCACHED: Server = Server {
    idle: Setting::Instead(
        "Leave `-o idle_timeout` of Memcached out (no limit, the default), or raise it above the client's \
         longest pause.",
    ),
    accept: "Then raise `-c` of Memcached (default 1024) and, for bursts, `-b` with `net.core.somaxconn`.",
    ..UNKNOWN
};

/// Any MQTT broker.
pub(in crate::diagnosis::software) const MQTT: Server = Server {
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

pub(in crate::diagnosis::software) const MOSQUITTO: Server = Server {
    accept: "Then raise `max_connections` of Mosquitto's listener and its open files.",
    probe: "have the client set an MQTT keep-alive of 30-60 s; Mosquitto's `max_keepalive` caps it",
    ..MQTT
};

/// RabbitMQ, where it speaks AMQP.
pub(in crate::diagnosis::software) const RABBITMQ: Server = Server {
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
pub(in crate::diagnosis::software) const SSHD: Server = Server {
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
