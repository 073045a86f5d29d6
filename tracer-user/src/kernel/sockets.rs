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
/// A walk sees the namespace of the thread that starts it, so a helper thread visits them.
pub(super) fn walk(program: &mut Iter, only: Option<u32>) -> Result<Sockets, TraceError> {
    let own = netns::own();
    let (mut namespaces, unopened) = netns::all();
    namespaces.retain(|namespace| only.is_none_or(|inode| inode == namespace.inode));
    let mut sockets = Sockets {
        namespaces_skipped: if only.is_some() { 0 } else { unopened },
        ..Sockets::default()
    };
    thread::scope(|scope| {
        scope
            .spawn(|| {
                for namespace in &namespaces {
                    if let Err(error) = enter(namespace, own) {
                        log::warn!("network namespace {}: {error}", namespace.inode);
                        sockets.namespaces_skipped += 1;
                        continue;
                    }
                    // A walk covers the whole of the kernel's hash table, whoever owns the sockets.
                    if netns::has_tcp() {
                        one_namespace(program, &mut sockets)?;
                    }
                    sockets.namespaces.push(namespace.inode);
                }
                Ok(())
            })
            .join()
            .unwrap_or_else(|_| Err(read_error("the walk over the sockets ended unexpectedly")))
    })?;
    leave_out_repeats(&mut sockets);
    Ok(sockets)
}

/// A walk covers the buckets of the kernel's hash table in several steps. If a bucket changes between two of
/// them, kernels before 6.16 may show a socket again.
fn leave_out_repeats(sockets: &mut Sockets) {
    let mut seen = HashSet::with_capacity(sockets.connections.len());
    let all = sockets.connections.len();
    sockets
        .connections
        .retain(|connection| seen.insert((connection.netns, connection.local, connection.remote)));
    sockets.walk_repeats = (all - sockets.connections.len()) as u64;
}

/// Without CAP_SYS_ADMIN, our own namespace can still be walked.
fn enter(namespace: &Namespace, own: Option<u32>) -> rustix::io::Result<()> {
    match namespace.enter() {
        Err(_) if Some(namespace.inode) == own => Ok(()),
        result => result,
    }
}

fn one_namespace(program: &mut Iter, sockets: &mut Sockets) -> Result<(), TraceError> {
    let link = program.attach().map_err(read_error)?;
    let link = program.take_link(link).map_err(read_error)?;
    collect(link.into_file().map_err(read_error)?, sockets)
}

fn collect(mut file: File, sockets: &mut Sockets) -> Result<(), TraceError> {
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
                sockets.walks_resumed += 1;
                continue;
            }
            Err(error) => return Err(read_error(error)),
        };
        pending.extend_from_slice(buffer.get(..got).unwrap_or_default());
        let whole = pending.len() - pending.len() % RECORD;
        for record in pending.chunks_exact(RECORD) {
            let live: Live = decode::read(record).map_err(read_error)?;
            match decode::socket(&live) {
                Some(Socket::Connection(connection)) => sockets.connections.push(connection),
                Some(Socket::Listener(listener)) => sockets.listeners.push(listener),
                None => {}
            }
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
