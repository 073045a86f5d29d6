//! The network namespaces of this machine.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::ErrorKind,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use caps::{CapSet, Capability};
use procfs::{net::TcpState, process::Process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// An open network namespace.
#[derive(Debug)]
pub struct Namespace {
    /// Its inode number, as in `/proc/PID/ns/net` and `ip netns`.
    pub inode: u32,
    file: File,
}

impl Namespace {
    /// Moves the calling thread into the namespace.
    ///
    /// # Errors
    /// Needs CAP_SYS_ADMIN.
    pub fn enter(&self) -> rustix::io::Result<()> {
        move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))
    }
}

/// Where `ip netns` keeps named namespaces.
const NAMED: &str = "/run/netns";

/// Of the thread, not the process: the two differ once a thread has moved.
const OWN: &str = "/proc/thread-self/ns/net";

/// The namespace of the calling thread; `None` without `/proc`.
pub fn own() -> Option<u32> {
    inode(Path::new(OWN))
}

/// Whether the namespace of the calling thread has any TCP socket that a walk could list, listening or open.
/// The kernel keeps that number, so this costs two short files. Yes may be wrong, no is certain.
pub fn has_tcp() -> bool {
    let of = |file: &str, name: &str| match fs::read_to_string(Path::new("/proc/thread-self/net").join(file))
    {
        Ok(text) => in_use(&text, name).is_none_or(|sockets| sockets > 0),
        // Without IPv6 this file does not exist; without `/proc` nothing is known.
        Err(error) => error.kind() != ErrorKind::NotFound || file == V4,
    };
    of(V4, "TCP:") || of(V6, "TCP6:")
}

const V4: &str = "sockstat";
const V6: &str = "sockstat6";

/// The number of sockets in a line such as `TCP: inuse 5 orphan 0`.
fn in_use(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace()
        .skip_while(|word| *word != "inuse")
        .nth(1)?
        .parse()
        .ok()
}

/// All namespaces that the calling thread or a process is in, or that have a name (`ip netns`), in order of
/// their inode, and the number of those that could not be opened.
///
/// A namespace kept alive only by an open file, a socket, or a thread that left its process's namespace is
/// not found; [`super::tracer::Tracer::namespaces_unseen`] detects those with traffic.
pub fn all() -> (Vec<Namespace>, u32) {
    let mut found = BTreeMap::new();
    let mut failed = BTreeMap::new();
    for path in places() {
        let Some(inode) = inode(&path) else { continue };
        if found.contains_key(&inode) {
            continue;
        }
        match File::open(&path) {
            Ok(file) => {
                failed.remove(&inode);
                found.insert(inode, Namespace { inode, file });
            }
            Err(_) => {
                failed.insert(inode, ());
            }
        }
    }
    (
        found.into_values().collect(),
        u32::try_from(failed.len()).unwrap_or(u32::MAX),
    )
}

/// Paths at which namespaces can be opened: that of the calling thread, those of processes, and those with a
/// name.
fn places() -> impl Iterator<Item = PathBuf> {
    let processes = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let is_pid = name.to_str()?.bytes().all(|byte| byte.is_ascii_digit());
            is_pid.then(|| entry.path().join("ns/net"))
        });
    let named = fs::read_dir(NAMED)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    [PathBuf::from(OWN)].into_iter().chain(processes).chain(named)
}

/// Whether a namespace with this inode exists; `None` without the capability to see those of all processes. A
/// process hidden despite it belongs to the machine itself.
pub fn is_there(wanted: u32) -> Option<bool> {
    let sees_all = caps::has_cap(None, CapSet::Effective, Capability::CAP_SYS_PTRACE).unwrap_or(false);
    let found = places().any(|path| inode(&path) == Some(wanted));
    (found || sees_all).then_some(found)
}

/// The inode of a named namespace.
pub fn named(name: &str) -> Option<u32> {
    let is_name = !name.is_empty() && !name.contains('/') && !matches!(name, "." | "..");
    is_name.then(|| inode(&Path::new(NAMED).join(name)))?
}

/// Whether any process's namespace has a listener on one of the ports.
pub fn any_listener(ports: &[u16]) -> bool {
    listeners(None).any(|port| ports.contains(&port))
}

/// The ports that listen in one namespace, or in those of all processes. Ports may repeat.
pub fn listeners(netns: Option<u32>) -> impl Iterator<Item = u16> {
    let mut seen = Vec::new();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let first_in_each = pids.filter(move |pid| {
        let inode = inode(Path::new(&format!("/proc/{pid}/ns/net")));
        inode.is_some_and(|inode| {
            let is_new = netns.is_none_or(|wanted| wanted == inode) && !seen.contains(&inode);
            seen.extend(is_new.then_some(inode));
            is_new
        })
    });
    let processes = first_in_each.filter_map(|pid| Process::new(pid).ok());
    let sockets =
        processes.flat_map(|process| [process.tcp(), process.tcp6()].into_iter().flatten().flatten());
    sockets
        .filter(|socket| socket.state == TcpState::Listen)
        .map(|socket| socket.local_address.port())
}

fn inode(path: &Path) -> Option<u32> {
    u32::try_from(fs::metadata(path).ok()?.ino()).ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_own_namespace_is_among_all() {
        let own = own().unwrap();
        let (all, _) = all();
        assert_eq!(all.iter().filter(|namespace| namespace.inode == own).count(), 1);
    }

    #[test]
    fn a_namespace_is_there_or_not() {
        assert_eq!(is_there(own().unwrap()), Some(true));
        let none = is_there(5);
        assert!(
            matches!(none, None | Some(false)),
            "the kernel begins with larger numbers"
        );
        assert_eq!(named("no-such-namespace"), None);
    }

    #[test]
    fn a_namespace_with_a_socket_has_one() {
        let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(has_tcp());
    }

    #[test]
    fn the_number_of_sockets_is_read() {
        let text = "sockets: used 9\nTCP: inuse 5 orphan 1 tw 2 alloc 7 mem 3\nUDP: inuse 4 mem 1\n";
        assert_eq!(in_use(text, "TCP:"), Some(5));
        assert_eq!(in_use("TCP6: inuse 0\n", "TCP6:"), Some(0));
        assert_eq!(in_use("TCP: orphan 1\n", "TCP:"), None, "not said, so not known");
        assert_eq!(in_use("", "TCP:"), None);
    }

    #[test]
    fn a_listener_is_found_while_it_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(any_listener(&[port]));
        assert!(listeners(own()).any(|found| found == port));
        assert_eq!(
            listeners(Some(5)).next(),
            None,
            "the kernel begins with larger numbers"
        );
    }
}
