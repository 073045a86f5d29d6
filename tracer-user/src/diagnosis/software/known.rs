//! Identifies software by the name of its process.

use self::Comm::{Is, Starts};
use super::{
    clients::{self, Client, Clients},
    general,
    protocol::Protocol,
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
            Serves::Only(protocol) => Some(protocol),
            Serves::Relays(protocol, _) => by_port.or(Some(protocol)),
            Serves::Any(spoken) => by_port.filter(|protocol| spoken.contains(protocol)),
        }
    }

    /// The texts for its listener on a port that implies `by_port`.
    pub(super) fn server(&self, by_port: Option<Protocol>) -> &'static Server {
        match (&self.serves, self.protocol(by_port)) {
            (Serves::Relays(own, relay), Some(protocol)) if protocol != *own => relay,
            (Serves::Any(_), Some(protocol)) => general::server_of(protocol).unwrap_or(self.server),
            _ => self.server,
        }
    }

    /// The texts for its connections to a server; `None` if it has no specific ones.
    pub(super) fn client(&self, protocol: Option<Protocol>) -> Option<&'static Client> {
        match protocol {
            Some(Protocol::Http) | None => self.client.http,
            Some(Protocol::Postgresql | Protocol::Mysql | Protocol::Mongodb) => self.client.database,
            Some(Protocol::Redis | Protocol::Memcached) => self.client.cache,
            Some(Protocol::Ajp | Protocol::Mqtt | Protocol::Amqp | Protocol::Ssh) => None,
        }
    }
}

/// Names as they appear in `/proc/PID/comm`.
const SOFTWARE: &[Software] = &[
    Software {
        name: "Apache httpd",
        comms: &[
            Is("apache2"),
            Is("httpd"),
            Is("httpd-prefork"),
            Is("httpd-worker"),
            Is("httpd-event"),
        ],
        serves: Serves::Only(Protocol::Http),
        server: &servers::HTTPD,
        client: &clients::HTTPD,
    },
    Software {
        name: "nginx",
        comms: &[Is("nginx"), Is("openresty"), Is("angie")],
        serves: Serves::Relays(Protocol::Http, &servers::NGINX_STREAM),
        server: &servers::NGINX,
        client: &clients::NGINX,
    },
    Software {
        name: "HAProxy",
        comms: &[Is("haproxy")],
        serves: Serves::Relays(Protocol::Http, &servers::HAPROXY_TCP),
        server: &servers::HAPROXY,
        client: &clients::HAPROXY,
    },
    Software {
        name: "Envoy",
        comms: &[Is("envoy")],
        serves: Serves::Relays(Protocol::Http, &servers::ENVOY_TCP),
        server: &servers::ENVOY,
        client: &clients::ENVOY,
    },
    Software {
        name: "Java",
        comms: &[Is("java")],
        serves: Serves::Any(&[Protocol::Http, Protocol::Ajp, Protocol::Mqtt]),
        server: &servers::JAVA,
        client: &clients::JAVA,
    },
    Software {
        name: "Node.js",
        comms: &[
            Is("node"),
            Is("nodejs"),
            Is("MainThread"),
            Is("node-MainThread"),
            Starts("node "),
            Starts("next-server"),
        ],
        serves: Serves::Any(&[Protocol::Http, Protocol::Mqtt]),
        server: &servers::NODE,
        client: &clients::NODE,
    },
    Software {
        name: "Gunicorn",
        comms: &[Starts("gunicorn")],
        serves: Serves::Only(Protocol::Http),
        server: &servers::GUNICORN,
        client: &clients::PYTHON,
    },
    Software {
        name: "Uvicorn",
        comms: &[Starts("uvicorn")],
        serves: Serves::Only(Protocol::Http),
        server: &servers::UVICORN,
        client: &clients::PYTHON,
    },
    Software {
        name: "Python",
        comms: &[Starts("python"), Starts("pypy"), Is("celery")],
        serves: Serves::Any(&[Protocol::Http, Protocol::Mqtt]),
        server: &servers::PYTHON,
        client: &clients::PYTHON,
    },
    Software {
        name: "PHP-FPM",
        comms: &[Starts("php-fpm")],
        serves: Serves::Any(&[]),
        server: &servers::PHP_FPM,
        client: &clients::PHP,
    },
    Software {
        name: "PHP",
        comms: &[
            Is("php"),
            Starts("php5"),
            Starts("php7"),
            Starts("php8"),
            Is("frankenphp"),
        ],
        serves: Serves::Any(&[Protocol::Http]),
        server: &servers::UNKNOWN,
        client: &clients::PHP,
    },
    Software {
        name: "Caddy",
        comms: &[Is("caddy")],
        serves: Serves::Only(Protocol::Http),
        server: &servers::CADDY,
        client: &clients::CADDY,
    },
    Software {
        name: "Traefik",
        comms: &[Is("traefik")],
        serves: Serves::Relays(Protocol::Http, &servers::UNKNOWN),
        server: &servers::TRAEFIK,
        client: &clients::TRAEFIK,
    },
    Software {
        name: "lighttpd",
        comms: &[Is("lighttpd")],
        serves: Serves::Only(Protocol::Http),
        server: &servers::LIGHTTPD,
        client: &clients::NONE,
    },
    Software {
        name: "LiteSpeed",
        comms: &[Is("litespeed"), Is("lshttpd"), Is("openlitespeed")],
        serves: Serves::Only(Protocol::Http),
        server: &servers::LITESPEED,
        client: &clients::NONE,
    },
    Software {
        name: "Varnish",
        comms: &[Is("varnishd"), Is("cache-main")],
        serves: Serves::Only(Protocol::Http),
        server: &servers::VARNISH,
        client: &clients::VARNISH,
    },
    Software {
        name: "Squid",
        comms: &[Is("squid")],
        serves: Serves::Only(Protocol::Http),
        server: &servers::SQUID,
        client: &clients::SQUID,
    },
    Software {
        name: "Puma",
        comms: &[Is("puma"), Starts("puma "), Starts("puma:")],
        serves: Serves::Only(Protocol::Http),
        server: &servers::PUMA,
        client: &clients::RUBY,
    },
    Software {
        name: "Unicorn",
        comms: &[Is("unicorn"), Starts("unicorn ")],
        serves: Serves::Only(Protocol::Http),
        server: &servers::UNICORN,
        client: &clients::RUBY,
    },
    Software {
        name: "Ruby",
        comms: &[
            Is("ruby"),
            Starts("ruby2"),
            Starts("ruby3"),
            Is("bundle"),
            Is("rails"),
            Is("sidekiq"),
        ],
        serves: Serves::Any(&[Protocol::Http]),
        server: &servers::RUBY,
        client: &clients::RUBY,
    },
    Software {
        name: ".NET",
        comms: &[Is("dotnet")],
        serves: Serves::Only(Protocol::Http),
        server: &servers::DOTNET,
        client: &clients::DOTNET,
    },
    Software {
        name: "Erlang",
        comms: &[Is("beam.smp"), Is("beam")],
        serves: Serves::Any(&[Protocol::Http, Protocol::Amqp, Protocol::Mqtt]),
        server: &servers::BEAM,
        client: &clients::NONE,
    },
    Software {
        name: "PostgreSQL",
        comms: &[Is("postgres"), Is("postmaster")],
        serves: Serves::Only(Protocol::Postgresql),
        server: &servers::POSTGRESQL,
        client: &clients::NONE,
    },
    Software {
        name: "PgBouncer",
        comms: &[Is("pgbouncer")],
        serves: Serves::Only(Protocol::Postgresql),
        server: &servers::PGBOUNCER,
        client: &clients::PGBOUNCER,
    },
    Software {
        name: "MySQL",
        comms: &[Is("mysqld"), Is("mariadbd")],
        serves: Serves::Only(Protocol::Mysql),
        server: &servers::MYSQL,
        client: &clients::NONE,
    },
    Software {
        name: "MongoDB",
        comms: &[Is("mongod"), Is("mongos")],
        serves: Serves::Only(Protocol::Mongodb),
        server: &servers::MONGODB,
        client: &clients::NONE,
    },
    Software {
        name: "Redis",
        comms: &[Is("redis-server"), Is("valkey-server"), Is("redis-sentinel")],
        serves: Serves::Only(Protocol::Redis),
        server: &servers::REDIS,
        client: &clients::NONE,
    },
    Software {
        name: "Memcached",
        comms: &[Is("memcached")],
        serves: Serves::Only(Protocol::Memcached),
        server: &servers::MEMCACHED,
        client: &clients::NONE,
    },
    Software {
        name: "Mosquitto",
        comms: &[Is("mosquitto")],
        serves: Serves::Only(Protocol::Mqtt),
        server: &servers::MOSQUITTO,
        client: &clients::NONE,
    },
    Software {
        name: "OpenSSH server",
        comms: &[Is("sshd"), Is("sshd-session"), Is("sshd-auth")],
        serves: Serves::Only(Protocol::Ssh),
        server: &servers::SSHD,
        client: &clients::NONE,
    },
    Software {
        name: "curl",
        comms: &[Is("curl"), Is("wget")],
        serves: Serves::Any(&[]),
        server: &servers::UNKNOWN,
        client: &clients::CURL,
    },
];

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
