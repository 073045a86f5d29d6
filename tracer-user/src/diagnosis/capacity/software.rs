//! Whose connections take a worker each for as long as they are open.

use crate::model::{owner::Process, workers::Mpm};

/// What the name of a process tells of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Each takes one.
    One,
    /// An idle one takes none.
    Fewer,
    /// That depends on how the server is set up.
    Depends,
    /// Nothing is known of such a server: it gets the benefit of the doubt when somebody says that it
    /// has workers.
    Unsaid,
}

/// By how the process's name begins.
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
    // A blocking connector takes a thread for each, NIO does not; likewise the classes of workers.
    ("gunicorn", Takes::Depends),
    ("java", Takes::Depends),
    ("jsvc", Takes::Depends),
    ("mariadbd", Takes::Depends),
    ("mysqld", Takes::Depends),
    ("puma", Takes::Depends),
    ("python", Takes::Depends),
    ("ruby", Takes::Depends),
    ("uwsgi", Takes::Depends),
    // A process for each.
    ("php-fpm", Takes::One),
    ("postgres", Takes::One),
    ("sshd", Takes::One),
];

/// Whether it is Apache's httpd, by the names that distributions give it.
pub(super) fn is_apache(process: &Process) -> bool {
    ["httpd", "apache"]
        .iter()
        .any(|name| process.comm.starts_with(name))
}

/// The MPM, where the name of Apache's program has it, as in some distributions.
fn mpm(process: &Process) -> Option<Mpm> {
    [Mpm::Prefork, Mpm::Worker, Mpm::Event]
        .into_iter()
        .find(|mpm| is_apache(process) && process.comm.ends_with(mpm.name()))
}

/// What is known of a process's connections.
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

/// Whether a page of Apache's can be this process's.
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
