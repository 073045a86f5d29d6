//! Gives `tests/fuzz` access to the decoders of the programs' bytes, which are otherwise private. The program
//! itself does not use it. Too few bytes are padded with zeros, and extra ones ignored.

use tracer_ebpf::abi::{closed::Closed, live::Live, peer::PeerStats};

use super::decode;
use crate::{
    filter::Filter,
    model::{
        ended::Ended,
        peer::{Counters, PeerId},
        socket::{Connection, Listener},
    },
};

fn fitted<T>(bytes: &[u8]) -> Vec<u8> {
    let mut fitted = bytes.to_vec();
    fitted.resize(size_of::<T>(), 0);
    fitted
}

/// A slot of the peer table.
pub fn peer(bytes: &[u8], filter: &Filter) -> Option<(Option<PeerId>, Counters)> {
    let stats = decode::read::<PeerStats>(&fitted::<PeerStats>(bytes)).ok()?;
    Some((decode::peer_id(&stats.key, filter), Counters::from(&stats)))
}

/// A record of the socket iterator.
pub fn socket(bytes: &[u8]) -> Option<Result<Connection, Listener>> {
    let live = decode::read::<Live>(&fitted::<Live>(bytes)).ok()?;
    Some(match decode::socket(&live)? {
        decode::Socket::Connection(connection) => Ok(connection),
        decode::Socket::Listener(listener) => Err(listener),
    })
}

/// A record of the ring.
pub fn ended(bytes: &[u8]) -> Option<Ended> {
    decode::ended(&decode::read::<Closed>(&fitted::<Closed>(bytes)).ok()?)
}

/// The name of a process.
pub fn name(words: [u64; 2]) -> String {
    decode::comm(&tracer_ebpf::abi::comm::Comm { words })
}
