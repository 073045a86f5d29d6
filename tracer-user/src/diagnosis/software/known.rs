//! Identifies software by the name of its process.

use self::{
    Comm::{Is, Starts},
    Serves::{Any, Only, Relays},
};
use super::{
    clients::{self, Client, Clients},
    general,
    protocol::Protocol::{self, Ajp, Amqp, Http, Memcached, Mongodb, Mqtt, Mysql, Postgresql, Redis, Ssh},
    servers::{self, Server},
};

/// A server or client identified by its process's name.
#[derive(Debug)]
pub struct Software {
    /// Its usual name.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "tells readers and tests the lines apart")
    )]
    pub name: &'static str,
    comms: &'static [Comm],
    serves: Serves,
    server: &'static Server,
    client: &'static Clients,
}

/// The protocols its listeners speak.
#[derive(Debug)]
enum Serves {
    /// This one, on every port.
    Only(Protocol),
    /// This one. On the port of another protocol it relays the connections, and other settings apply.
    Relays(Protocol, &'static Server),
    /// A runtime: one of these if the port implies it, otherwise unknown.
    Any(&'static [Protocol]),
}

/// Matches a process's name.
#[derive(Debug)]
enum Comm {
    /// The exact name.
    Is(&'static str),
    /// A prefix of the name.
    Starts(&'static str),
}

impl Comm {
    fn fits(&self, comm: &str) -> bool {
        match self {
            Self::Is(name) => comm == *name,
            Self::Starts(prefix) => comm.starts_with(prefix),
        }
    }
}

/// The software whose process has this name, which the kernel may have truncated.
pub fn known(comm: &str) -> Option<&'static Software> {
    SOFTWARE
        .iter()
        .find(|software| software.comms.iter().any(|name| name.fits(comm)))
}

impl Software {
    /// The protocol it speaks on a port that implies `by_port`.
    pub(super) fn protocol(&self, by_port: Option<Protocol>) -> Option<Protocol> {
        match self.serves {
            Only(protocol) => Some(protocol),
            Relays(protocol, _) => by_port.or(Some(protocol)),
            Any(spoken) => by_port.filter(|protocol| spoken.contains(protocol)),
        }
    }

    /// The texts for its listener on a port that implies `by_port`.
    pub(super) fn server(&self, by_port: Option<Protocol>) -> &'static Server {
        match (&self.serves, self.protocol(by_port)) {
            (Relays(own, relay), Some(protocol)) if protocol != *own => relay,
            (Any(_), Some(protocol)) => general::server_of(protocol).unwrap_or(self.server),
            _ => self.server,
        }
    }

    /// The texts for its connections to a server; `None` if it has no specific ones.
    pub(super) fn client(&self, protocol: Option<Protocol>) -> Option<&'static Client> {
        match protocol {
            Some(Http) | None => self.client.http,
            Some(Postgresql | Mysql | Mongodb) => self.client.database,
            Some(Redis | Memcached) => self.client.cache,
            Some(Ajp | Mqtt | Amqp | Ssh) => None,
        }
    }
}

/// One program per line: its usual name, its names as they appear in `/proc/PID/comm`, what it serves, and
/// its texts in `servers` and `clients`.
macro_rules! software {
    ($($name:literal: $($how:ident $comm:literal),+ => $serves:expr, $server:ident, $client:ident;)+) => {
        const SOFTWARE: &[Software] = &[$(Software {
            name: $name,
            comms: &[$($how($comm)),+],
            serves: $serves,
            server: &servers::$server,
            client: &clients::$client,
        }),+];
    };
}

software! {
    "Apache httpd": Is "apache2", Is "httpd", Is "httpd-prefork", Is "httpd-worker", Is "httpd-event"
        => Only(Http), HTTPD, HTTPD;
    "nginx": Is "nginx", Is "openresty", Is "angie" => Relays(Http, &servers::NGINX_STREAM), NGINX, NGINX;
    "HAProxy": Is "haproxy" => Relays(Http, &servers::HAPROXY_TCP), HAPROXY, HAPROXY;
    "Envoy": Is "envoy" => Relays(Http, &servers::ENVOY_TCP), ENVOY, ENVOY;
    "Java": Is "java" => Any(&[Http, Ajp, Mqtt]), JAVA, JAVA;
    "Node.js": Is "node", Is "nodejs", Is "MainThread", Is "node-MainThread", Starts "node ",
        Starts "next-server"
        => Any(&[Http, Mqtt]), NODE, NODE;
    "Gunicorn": Starts "gunicorn" => Only(Http), GUNICORN, PYTHON;
    "Uvicorn": Starts "uvicorn" => Only(Http), UVICORN, PYTHON;
    "Python": Starts "python", Starts "pypy", Is "celery" => Any(&[Http, Mqtt]), PYTHON, PYTHON;
    "PHP-FPM": Starts "php-fpm" => Any(&[]), PHP_FPM, PHP;
    "PHP": Is "php", Starts "php5", Starts "php7", Starts "php8", Is "frankenphp"
        => Any(&[Http]), UNKNOWN, PHP;
    "Caddy": Is "caddy" => Only(Http), CADDY, CADDY;
    "Traefik": Is "traefik" => Relays(Http, &servers::UNKNOWN), TRAEFIK, TRAEFIK;
    "lighttpd": Is "lighttpd" => Only(Http), LIGHTTPD, NONE;
    "LiteSpeed": Is "litespeed", Is "lshttpd", Is "openlitespeed" => Only(Http), LITESPEED, NONE;
    "Varnish": Is "varnishd", Is "cache-main" => Only(Http), VARNISH, VARNISH;
    "Squid": Is "squid" => Only(Http), SQUID, SQUID;
    "Puma": Is "puma", Starts "puma ", Starts "puma:" => Only(Http), PUMA, RUBY;
    "Unicorn": Is "unicorn", Starts "unicorn " => Only(Http), UNICORN, RUBY;
    "Ruby": Is "ruby", Starts "ruby2", Starts "ruby3", Is "bundle", Is "rails", Is "sidekiq"
        => Any(&[Http]), RUBY, RUBY;
    ".NET": Is "dotnet" => Only(Http), DOTNET, DOTNET;
    "Erlang": Is "beam.smp", Is "beam" => Any(&[Http, Amqp, Mqtt]), BEAM, NONE;
    "PostgreSQL": Is "postgres", Is "postmaster" => Only(Postgresql), POSTGRESQL, NONE;
    "PgBouncer": Is "pgbouncer" => Only(Postgresql), PGBOUNCER, PGBOUNCER;
    "MySQL": Is "mysqld", Is "mariadbd" => Only(Mysql), MYSQL, NONE;
    "MongoDB": Is "mongod", Is "mongos" => Only(Mongodb), MONGODB, NONE;
    "Redis": Is "redis-server", Is "valkey-server", Is "redis-sentinel" => Only(Redis), REDIS, NONE;
    "Memcached": Is "memcached" => Only(Memcached), MEMCACHED, NONE;
    "Mosquitto": Is "mosquitto" => Only(Mqtt), MOSQUITTO, NONE;
    "OpenSSH server": Is "sshd", Is "sshd-session", Is "sshd-auth" => Only(Ssh), SSHD, NONE;
    "curl": Is "curl", Is "wget" => Any(&[]), UNKNOWN, CURL;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel truncates process names to this many bytes.
    const COMM_LEN: usize = 15;

    #[test]
    fn names_are_as_the_kernel_keeps_them() {
        for software in SOFTWARE {
            assert!(!software.comms.is_empty(), "{}", software.name);
            for comm in software.comms {
                let (Is(name) | Starts(name)) = comm;
                assert!(!name.is_empty() && name.len() <= COMM_LEN, "{name}");
                let first = known(name).unwrap();
                assert_eq!(first.name, software.name, "{name} is taken for {}", first.name);
            }
        }
    }

    #[test]
    fn names_are_found_cut_and_with_versions() {
        for (comm, name) in [
            ("php-fpm8.2", "PHP-FPM"),
            ("php8.3", "PHP"),
            ("python3.12", "Python"),
            ("gunicorn: maste", "Gunicorn"),
            ("node /srv/app.j", "Node.js"),
            ("MainThread", "Node.js"),
            ("puma: cluster w", "Puma"),
        ] {
            assert_eq!(known(comm).map(|software| software.name), Some(name), "{comm}");
        }
    }

    #[test]
    fn other_names_are_not_known() {
        for comm in [
            "",
            " ",
            "\u{1b}[31m",
            "nginx ",
            "NGINX",
            "javac",
            "nodemon",
            "mysqld_safe",
            "httpd\0",
        ] {
            assert!(known(comm).is_none(), "{comm:?}");
        }
    }
}
