//! What to change for each verdict, in the words of each program.

use std::borrow::Cow;

use super::made;
use crate::{
    diagnosis::{
        Party, Verdict,
        software::{At, fix},
    },
    model::peer::Direction,
};

/// Servers on this host: name, process and port.
const SERVERS: [(&str, &str, u16); 15] = [
    ("Apache httpd", "apache2", 443),
    ("nginx", "nginx", 443),
    ("HAProxy", "haproxy", 443),
    ("Envoy", "envoy", 443),
    ("Java (Tomcat, Jetty, Spring)", "java", 8080),
    ("Node.js", "node", 8080),
    ("Gunicorn", "gunicorn", 8000),
    ("PHP-FPM", "php-fpm8.2", 9000),
    ("Puma", "puma", 8080),
    (".NET", "dotnet", 443),
    ("PostgreSQL", "postgres", 5432),
    ("MySQL", "mysqld", 3306),
    ("Redis", "redis-server", 6379),
    ("Mosquitto", "mosquitto", 1883),
    ("any other", "", 443),
];

/// Clients on this host that connect to an HTTP server.
const CLIENTS: [(&str, &str); 9] = [
    ("Java", "java"),
    ("Python", "python3"),
    ("Node.js", "node"),
    ("PHP", "php"),
    ("Ruby", "ruby"),
    (".NET", "dotnet"),
    ("nginx as a proxy", "nginx"),
    ("HAProxy as a proxy", "haproxy"),
    ("any other", ""),
];

pub(super) fn page() -> String {
    let mut text =
        "What a diagnosis says under \"what to change\". It knows the software on this host by the name of \
                    its process, and names that program's own setting. What the verdicts mean is in \
                    [Verdicts](verdicts.md).\n"
            .to_owned();
    let accusing = Verdict::ALL.iter().filter(|verdict| verdict.accuses());
    for verdict in accusing {
        text.push_str(&format!("\n## {}\n", verdict.id()));
        let servers =
            SERVERS.map(|(name, comm, port)| (name, said(*verdict, Direction::Inbound, port, comm)));
        alike(&mut text, "The server is on this host", &servers);
        let clients = CLIENTS.map(|(name, comm)| (name, said(*verdict, Direction::Outbound, 8080, comm)));
        alike(&mut text, "The client is on this host", &clients);
    }
    made("What to change, by software", text.trim_end())
}

fn said(verdict: Verdict, direction: Direction, port: u16, comm: &str) -> Cow<'static, str> {
    fix(&At {
        verdict,
        direction,
        port,
        spoken: None,
        owner: (!comm.is_empty()).then_some(comm),
        closer: Some(Party::Server),
    })
}

/// Each text once, after the names of all to which it applies.
fn alike(text: &mut String, title: &str, all: &[(&str, Cow<'static, str>)]) {
    text.push_str(&format!("\n{title}:\n\n"));
    let mut done: Vec<&str> = Vec::new();
    for (_, words) in all {
        if done.contains(&&**words) {
            continue;
        }
        done.push(words);
        let names: Vec<&str> = all
            .iter()
            .filter(|(_, other)| other == words)
            .map(|(name, _)| *name)
            .collect();
        let whom = if names.len() == all.len() {
            "all".to_owned()
        } else {
            names.join(", ")
        };
        text.push_str(&format!("- **{whom}**: {words}\n"));
    }
}
