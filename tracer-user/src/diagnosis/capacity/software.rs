//! Which software needs one worker for each open connection.

use crate::model::{owner::Process, workers::Mpm};

/// What a process's name implies about its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Each connection occupies a worker.
    One,
    /// An idle connection occupies none.
    Fewer,
    /// It depends on the server's configuration.
    Depends,
    /// Unknown software. If the user says that it has workers, each connection is assumed to occupy one.
    Unsaid,
}

/// Keyed by the start of the process's name.
const SOFTWARE: &[(&str, Takes)] = &[
    ("beam.smp", Takes::Fewer),
    ("caddy", Takes::Fewer),
    ("deno", Takes::Fewer),
    ("dotnet", Takes::Fewer),
    ("envoy", Takes::Fewer),
    ("h2o", Takes::Fewer),
    ("haproxy", Takes::Fewer),
    ("lighttpd", Takes::Fewer),
    ("litespeed", Takes::Fewer),
    ("lshttpd", Takes::Fewer),
    ("memcached", Takes::Fewer),
    ("nginx", Takes::Fewer),
    ("node", Takes::Fewer),
    ("openresty", Takes::Fewer),
    ("redis-server", Takes::Fewer),
    ("traefik", Takes::Fewer),
    ("uvicorn", Takes::Fewer),
    ("valkey-server", Takes::Fewer),
    ("varnishd", Takes::Fewer),
    // It depends on the connector or worker class: blocking ones need a thread for each connection, NIO does
    // not.
    ("gunicorn", Takes::Depends),
    ("java", Takes::Depends),
    ("jsvc", Takes::Depends),
    ("mariadbd", Takes::Depends),
    ("mysqld", Takes::Depends),
    ("puma", Takes::Depends),
    ("python", Takes::Depends),
    ("ruby", Takes::Depends),
    ("uwsgi", Takes::Depends),
    // One process for each connection.
    ("php-fpm", Takes::One),
    ("postgres", Takes::One),
    ("sshd", Takes::One),
];

/// Whether this is Apache's httpd, under any of the names distributions give it.
pub(super) fn is_apache(process: &Process) -> bool {
    ["httpd", "apache"]
        .iter()
        .any(|name| process.comm.starts_with(name))
}

/// The MPM, on distributions where the name of Apache's binary contains it.
fn mpm(process: &Process) -> Option<Mpm> {
    [Mpm::Prefork, Mpm::Worker, Mpm::Event]
        .into_iter()
        .find(|mpm| is_apache(process) && process.comm.ends_with(mpm.name()))
}

/// How this process's connections use workers.
pub(super) fn takes(process: Option<&Process>) -> Takes {
    let Some(process) = process else {
        return Takes::Unsaid;
    };
    if let Some(mpm) = mpm(process) {
        return match mpm.takes_one_per_connection() {
            true => Takes::One,
            false => Takes::Fewer,
        };
    }
    let known = SOFTWARE.iter().find(|(name, _)| process.comm.starts_with(name));
    known.map_or(Takes::Unsaid, |(_, takes)| *takes)
}

/// Whether an Apache status page can belong to this process.
pub(super) fn may_be_apache(process: Option<&Process>) -> bool {
    process.is_none_or(is_apache) || takes(process) == Takes::Unsaid
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(comm: &str) -> Process {
        Process {
            pid: 1,
            comm: comm.to_owned(),
            workload: None,
        }
    }

    #[test]
    fn names_tell_whose_connections_take_one() {
        for (comm, expected) in [
            ("nginx", Takes::Fewer),
            ("python3.13", Takes::Depends),
            ("php-fpm8.4", Takes::One),
            ("httpd.worker", Takes::One),
            ("httpd-prefork", Takes::One),
            ("httpd.event", Takes::Fewer),
            ("apache2", Takes::Unsaid),
            ("my-worker", Takes::Unsaid),
        ] {
            assert_eq!(takes(Some(&process(comm))), expected, "{comm}");
        }
        assert_eq!(takes(None), Takes::Unsaid);
    }

    #[test]
    fn a_page_of_apache_is_no_other_servers() {
        for (comm, may) in [("apache2", true), ("httpd", true), ("own", true), ("sshd", false)] {
            assert_eq!(may_be_apache(Some(&process(comm))), may, "{comm}");
        }
        assert!(may_be_apache(None));
    }
}
