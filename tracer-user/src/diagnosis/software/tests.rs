//! Every cell of the table, and which words must not appear where.

use std::fmt::Write as _;

use super::*;

/// A name of each kind of software, and one that belongs to none.
const OWNERS: &[&str] = &[
    "apache2",
    "nginx",
    "haproxy",
    "envoy",
    "java",
    "node",
    "MainThread",
    "gunicorn",
    "uvicorn",
    "python3",
    "php-fpm8.2",
    "php",
    "caddy",
    "traefik",
    "lighttpd",
    "litespeed",
    "cache-main",
    "squid",
    "puma",
    "unicorn",
    "ruby",
    "dotnet",
    "beam.smp",
    "postgres",
    "pgbouncer",
    "mysqld",
    "mongod",
    "redis-server",
    "memcached",
    "mosquitto",
    "sshd",
    "curl",
    "my-own-daemon",
];

const PORTS: &[u16] = &[
    22, 80, 443, 1883, 3306, 5432, 5672, 6379, 8009, 8443, 11211, 18443, 27017,
];

const DIRECTIONS: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

const CLOSERS: [Option<Party>; 4] = [
    None,
    Some(Party::Client),
    Some(Party::Server),
    Some(Party::Network),
];

/// Fits into a few lines of a terminal.
const LONGEST: usize = 400;

fn at(verdict: Verdict, direction: Direction, port: u16, owner: Option<&str>) -> At<'_> {
    At {
        verdict,
        direction,
        port,
        spoken: None,
        owner,
        closer: None,
    }
}

/// Calls `look` with every relevant combination, and once for each closer if that makes a difference.
fn each(mut look: impl FnMut(&At<'_>, &str)) {
    for &verdict in Verdict::ALL {
        for direction in DIRECTIONS {
            for &port in PORTS {
                for owner in OWNERS.iter().copied().map(Some).chain([None]) {
                    for closer in CLOSERS {
                        if closer.is_some() && verdict != Verdict::LifetimeClose {
                            continue;
                        }
                        let at = At {
                            closer,
                            ..at(verdict, direction, port, owner)
                        };
                        look(&at, &fix(&at));
                    }
                }
            }
        }
    }
}

#[test]
fn every_fix_is_one_short_line() {
    each(|at, text| {
        assert!(text.len() > 15, "{at:?}: {text}");
        assert!(
            text.chars().count() <= LONGEST,
            "{at:?}: {} characters: {text}",
            text.chars().count()
        );
        assert!(!text.contains('\n') && !text.contains("  "), "{at:?}: {text}");
        assert!(
            text.starts_with(char::is_uppercase) || text.starts_with('`'),
            "{at:?}: {text}"
        );
        assert!(text.ends_with('.') && !text.ends_with(".."), "{at:?}: {text}");
        assert_eq!(text.matches('`').count() % 2, 0, "{at:?}: {text}");
        assert_eq!(
            text.matches('(').count(),
            text.matches(')').count(),
            "{at:?}: {text}"
        );
    });
}

#[test]
fn nobody_gets_the_words_of_another_server() {
    const HTTPD_ONLY: &[&str] = &[
        "httpd",
        "`KeepAliveTimeout`",
        "`KeepAlive On`",
        "MaxKeepAliveRequests",
        "MaxRequestWorkers",
        "ListenBackLog",
        "RequestReadTimeout",
        "ProxyPass",
        "ProxyTimeout",
        "mod_jk",
        "mod_proxy",
    ];
    each(|at, text| {
        let (Some(owner), Direction::Inbound) = (at.owner, at.direction) else {
            return;
        };
        // On this port the client is httpd.
        if at.port == 8009 {
            return;
        }
        if [
            "nginx",
            "java",
            "node",
            "MainThread",
            "python3",
            "gunicorn",
            "uvicorn",
            "haproxy",
            "dotnet",
        ]
        .contains(&owner)
        {
            for word in HTTPD_ONLY {
                assert!(!text.contains(word), "{at:?}: {text}");
            }
        }
        for (word, owners) in [
            ("nginx", &["nginx", "unicorn", "php-fpm8.2"][..]),
            ("HAProxy", &["haproxy"]),
            ("Tomcat", &["java"]),
            ("Envoy", &["envoy"]),
            ("Kestrel", &["dotnet"]),
            ("keepalive_timeout", &["nginx", "unicorn", "python3"]),
        ] {
            assert!(!text.contains(word) || owners.contains(&owner), "{at:?}: {text}");
        }
    });
}

#[test]
fn words_of_databases_need_a_database() {
    each(|at, text| {
        if [22, 80, 443, 1883, 5672, 8009, 8443, 18443].contains(&at.port)
            && at.direction == Direction::Outbound
        {
            for word in [
                "HikariCP",
                "PgBouncer",
                "PDO",
                "Jedis",
                "SQLAlchemy",
                "PostgreSQL",
                "Redis",
            ] {
                assert!(!text.contains(word), "{at:?}: {text}");
            }
        }
    });
}

#[test]
fn the_server_of_this_host_is_named_with_its_own_setting() {
    for (owner, verdict, setting) in [
        ("apache2", Verdict::ServerIdleClose, "`KeepAliveTimeout`"),
        ("httpd", Verdict::RequestLimitClose, "`MaxKeepAliveRequests 0`"),
        ("apache2", Verdict::NeverAccepted, "`MaxRequestWorkers`"),
        ("nginx", Verdict::ServerIdleClose, "`keepalive_timeout`"),
        ("nginx", Verdict::RequestLimitClose, "`keepalive_requests`"),
        ("nginx", Verdict::NeverAccepted, "`worker_connections`"),
        ("haproxy", Verdict::ServerIdleClose, "`timeout http-keep-alive`"),
        ("java", Verdict::ServerIdleClose, "`keepAliveTimeout`"),
        ("envoy", Verdict::ServerIdleClose, "`idle_timeout`"),
        ("node", Verdict::ServerIdleClose, "`server.keepAliveTimeout`"),
        ("gunicorn", Verdict::ServerIdleClose, "`--keep-alive`"),
        ("uvicorn", Verdict::ServerIdleClose, "`--timeout-keep-alive`"),
        ("postgres", Verdict::ServerIdleClose, "`idle_session_timeout`"),
        ("postgres", Verdict::HalfOpen, "`tcp_keepalives_idle = 60`"),
        ("redis-server", Verdict::ServerIdleClose, "`timeout`"),
        ("mysqld", Verdict::ServerIdleClose, "`wait_timeout`"),
    ] {
        let text = fix(&at(verdict, Direction::Inbound, 18443, Some(owner)));
        assert!(text.contains(setting), "{owner} {verdict}: {text}");
    }
}

#[test]
fn the_client_of_this_host_is_named_with_its_own_setting() {
    for (owner, port, verdict, setting) in [
        ("java", 443, Verdict::FreshPerRequest, "`HttpClient`"),
        ("java", 5432, Verdict::LifetimeClose, "`maxLifetime`"),
        ("python3", 80, Verdict::FreshPerRequest, "`requests.Session`"),
        ("python3", 80, Verdict::PoolOverflow, "`pool_maxsize`"),
        (
            "node",
            443,
            Verdict::FreshPerRequest,
            "`new http.Agent({keepAlive: true})`",
        ),
        ("php-fpm8.3", 6379, Verdict::FreshPerRequest, "`pconnect()`"),
        (
            "php-fpm8.3",
            3306,
            Verdict::FreshPerRequest,
            "`PDO::ATTR_PERSISTENT`",
        ),
        ("nginx", 8080, Verdict::FreshPerRequest, "`keepalive 32`"),
        ("haproxy", 8080, Verdict::FreshPerRequest, "`http-reuse safe`"),
        ("apache2", 8009, Verdict::PilingUp, "`connection_pool_size`"),
        (
            "my-own-daemon",
            5432,
            Verdict::ServerIdleClose,
            "`idle_session_timeout`",
        ),
    ] {
        let text = fix(&At {
            closer: Some(Party::Client),
            ..at(verdict, Direction::Outbound, port, Some(owner))
        });
        assert!(text.contains(setting), "{owner} {port} {verdict}: {text}");
    }
}

#[test]
fn a_guess_at_http_says_that_it_is_one() {
    let text = fix(&at(
        Verdict::FreshPerRequest,
        Direction::Outbound,
        18443,
        Some("python3"),
    ));
    assert!(text.starts_with("If this is HTTP: "), "{text}");
    let text = fix(&at(Verdict::FreshPerRequest, Direction::Outbound, 18443, None));
    assert!(!text.contains("HTTP"), "{text}");
}

#[test]
fn what_is_spoken_is_known_on_any_port() {
    let text = |spoken, verdict| {
        fix(&At {
            spoken: Some(spoken),
            ..at(verdict, Direction::Outbound, 18443, Some("python3"))
        })
    };
    for (spoken, words) in [
        (Spoken::MySql, "SQLAlchemy"),
        (Spoken::PostgreSql, "psycopg"),
        (Spoken::Redis, "pool"),
        (Spoken::Other, "Keep one client with a pool"),
        (Spoken::Http1, "Use one `requests.Session`"),
        (Spoken::Tls, "If this is HTTP: Use one `requests.Session`"),
    ] {
        let text = text(spoken, Verdict::FreshPerRequest);
        assert!(text.contains(words), "{spoken:?}: {text}");
        assert_eq!(text.contains("If this is HTTP"), spoken == Spoken::Tls, "{text}");
    }
    let idle = text(Spoken::MySql, Verdict::ServerIdleClose);
    assert!(idle.contains("`wait_timeout`"), "{idle}");
}

#[test]
fn a_proxy_on_the_port_of_a_database_passes_it_on() {
    let text = fix(&at(
        Verdict::ServerIdleClose,
        Direction::Inbound,
        5432,
        Some("haproxy"),
    ));
    assert!(
        text.contains("`timeout client`") && !text.contains("http-keep-alive"),
        "{text}"
    );
}

#[test]
fn names_of_no_software_get_general_words() {
    for owner in [
        "",
        "\u{1b}[31m",
        "[31m",
        "nginxnginxnginx",
        "`rm -rf /`",
        "{}",
        "a  b",
    ] {
        for &verdict in Verdict::ALL {
            for direction in DIRECTIONS {
                for &port in PORTS {
                    assert_eq!(
                        fix(&at(verdict, direction, port, Some(owner))),
                        fix(&at(verdict, direction, port, None)),
                    );
                }
            }
        }
    }
}

#[test]
fn many_held_says_how_to_decide() {
    for direction in DIRECTIONS {
        let text = fix(&at(Verdict::ManyHeld, direction, 443, Some("nginx")));
        for option in ["`--expect-peer ADDR=N`", "`--expect N`", "Nobody is accused"] {
            assert!(text.contains(option), "{text}");
        }
    }
}

/// The ports that make a difference to this software's texts.
fn telling_ports(owner: &str, direction: Direction) -> &'static [u16] {
    match (owner, direction) {
        ("postgres" | "pgbouncer", _) => &[5432],
        ("mysqld", _) => &[3306],
        ("mongod", _) => &[27017],
        ("redis-server", _) => &[6379],
        ("memcached", _) => &[11211],
        ("mosquitto", _) => &[1883],
        ("sshd", _) => &[22],
        ("nginx" | "haproxy" | "envoy", Direction::Inbound) => &[443, 5432],
        ("java", Direction::Inbound) => &[443, 8009],
        ("java" | "python3" | "node" | "php-fpm8.2" | "dotnet" | "ruby", Direction::Outbound) => {
            &[443, 5432, 6379]
        }
        _ => &[443],
    }
}

/// All fixes of one kind of software, except those an unknown process gets as well.
fn section(direction: Direction, port: u16, owner: Option<&str>) -> String {
    let closer = match direction {
        Direction::Inbound => Party::Server,
        Direction::Outbound => Party::Client,
    };
    let mut text = format!("== {direction}, {}, port {port}\n", owner.unwrap_or("not known"));
    for &verdict in Verdict::ALL {
        let at = At {
            closer: Some(closer),
            ..at(verdict, direction, port, owner)
        };
        let words = fix(&at);
        if owner.is_none() || words != fix(&At { owner: None, ..at }) {
            writeln!(text, "{verdict}: {words}").unwrap();
        }
    }
    text
}

#[test]
fn the_whole_table() {
    let mut table = Vec::new();
    for direction in DIRECTIONS {
        for port in [22, 443, 1883, 3306, 5432, 5672, 6379, 8009, 11211, 18443, 27017] {
            table.push(section(direction, port, None));
        }
        for owner in OWNERS {
            for &port in telling_ports(owner, direction) {
                table.push(section(direction, port, Some(owner)));
            }
        }
    }
    insta::assert_snapshot!(table.join("\n"));
}
