//! Walks the sockets of every network namespace with the iterator programs.

use std::{fs::File, io::Read, thread};

use aya::programs::Iter;
use hashbrown::HashSet;
use tracer_ebpf::abi::live::Live;

use super::{
    TraceError,
    decode::{self, Socket},
    netns::{self, Namespace},
};
use crate::model::socket::Sockets;

/// Amount read at a time; the kernel's own buffer for an iterator is half of it.
const CHUNK: usize = 64 << 10;

/// Runs an iterator program over the namespaces the filter admits and collects what it writes.
///
/// A walk covers the buckets of the kernel's hash table in several steps. If a bucket changes between two of
/// them, kernels before 6.16 may show a socket again.
pub(super) fn walk(program: &mut Iter, only: Option<u32>) -> Result<Sockets, TraceError> {
    let (mut connections, mut listeners) = (Vec::new(), Vec::new());
    let (mut cookies, mut addresses, mut repeats) = (HashSet::new(), HashSet::new(), 0);
    let visited = visit(program, only, &mut |live| match decode::socket(live) {
        Some(Socket::Connection(connection)) => {
            // One without a cookie is not traced.
            let is_new = match live.cookie {
                0 => addresses.insert(connection.ends()),
                cookie => cookies.insert(cookie),
            };
            if is_new {
                connections.push(connection);
            } else {
                repeats += 1;
            }
        }
        Some(Socket::Listener(listener)) => listeners.push(listener),
        None => {}
    })?;
    Ok(Sockets {
        connections,
        listeners,
        namespaces: visited.namespaces,
        namespaces_skipped: visited.skipped,
        walks_resumed: visited.resumed,
        walk_repeats: repeats,
    })
}

/// The sockets that the kernel lists, by their cookies, and the namespaces they were looked for in.
pub(super) fn cookies(program: &mut Iter, only: Option<u32>) -> Result<(HashSet<u64>, Vec<u32>), TraceError> {
    let mut cookies = HashSet::new();
    let visited = visit(program, only, &mut |live| {
        cookies.insert(live.cookie);
    })?;
    Ok((cookies, visited.namespaces))
}

/// What takes the records of a walk.
type Each<'a> = &'a mut (dyn FnMut(&Live) + Send);

/// Where a walk has been.
#[derive(Default)]
struct Visited {
    /// Inode numbers of the namespaces.
    namespaces: Vec<u32>,
    /// Namespaces that could not be entered.
    skipped: u32,
    /// How often the kernel interrupted it.
    resumed: u64,
}

/// A walk sees the namespace of the thread that starts it, so a helper thread visits them.
fn visit(program: &mut Iter, only: Option<u32>, each: Each<'_>) -> Result<Visited, TraceError> {
    let own = netns::own();
    let (mut namespaces, unopened) = netns::all();
    namespaces.retain(|namespace| only.is_none_or(|inode| inode == namespace.inode));
    let mut visited = Visited {
        skipped: if only.is_some() { 0 } else { unopened },
        ..Visited::default()
    };
    thread::scope(|scope| {
        scope
            .spawn(|| {
                for namespace in &namespaces {
                    if let Err(error) = enter(namespace, own) {
                        log::warn!("network namespace {}: {error}", namespace.inode);
                        visited.skipped += 1;
                        continue;
                    }
                    // A walk covers the whole of the kernel's hash table, not only this namespace's sockets.
                    if netns::has_tcp() {
                        one_namespace(program, &mut visited.resumed, each)?;
                    }
                    visited.namespaces.push(namespace.inode);
                }
                Ok(())
            })
            .join()
            .unwrap_or_else(|_| Err(read_error("the walk over the sockets ended unexpectedly")))
    })?;
    Ok(visited)
}

/// Without CAP_SYS_ADMIN, our own namespace can still be walked.
fn enter(namespace: &Namespace, own: Option<u32>) -> rustix::io::Result<()> {
    match namespace.enter() {
        Err(_) if Some(namespace.inode) == own => Ok(()),
        result => result,
    }
}

fn one_namespace(program: &mut Iter, resumed: &mut u64, each: Each<'_>) -> Result<(), TraceError> {
    let link = program.attach().map_err(read_error)?;
    let link = program.take_link(link).map_err(read_error)?;
    collect(link.into_file().map_err(read_error)?, resumed, each)
}

fn collect(mut file: File, resumed: &mut u64, each: Each<'_>) -> Result<(), TraceError> {
    const RECORD: usize = size_of::<Live>();
    let mut buffer = vec![0; CHUNK];
    let mut pending = Vec::with_capacity(CHUNK + RECORD);
    loop {
        let got = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(got) => got,
            // The kernel expects another read: it stops after a limited number of sockets.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::Interrupted | std::io::ErrorKind::WouldBlock
                ) =>
            {
                *resumed += 1;
                continue;
            }
            Err(error) => return Err(read_error(error)),
        };
        pending.extend_from_slice(buffer.get(..got).unwrap_or_default());
        let whole = pending.len() - pending.len() % RECORD;
        for record in pending.chunks_exact(RECORD) {
            each(&decode::read(record).map_err(read_error)?);
        }
        pending.drain(..whole);
    }
    Ok(())
}

fn read_error(reason: impl ToString) -> TraceError {
    TraceError::Read {
        what: "the list of sockets",
        reason: reason.to_string(),
    }
}
