//! Access to decoding for the benchmarks only.

use tracer_ebpf::abi::{live::Live, peer::PeerStats};

use super::decode;
use crate::model::peer::Counters;

/// Size of a slot of the peer table, bytes.
pub const SLOT: usize = size_of::<PeerStats>();

/// Size of the record of a live socket, bytes.
pub const SOCKET: usize = size_of::<Live>();

/// The counters in a slot; `None` if the bytes are not a slot.
pub fn counters(slot: &[u8]) -> Option<Counters> {
    decode::read::<PeerStats>(slot)
        .ok()
        .map(|stats| Counters::from(&stats))
}

/// Whether the bytes are the record of a live socket.
pub fn is_socket(record: &[u8]) -> bool {
    decode::read::<Live>(record).is_ok_and(|live| decode::socket(&live).is_some())
}

/// The bytes of a live socket: a connection without a known peer.
pub fn a_socket() -> Vec<u8> {
    let mut bytes = vec![0; SOCKET];
    let established = [
        std::mem::offset_of!(Live, state),
        std::mem::offset_of!(Live, direction),
    ];
    for place in established {
        if let Some(byte) = bytes.get_mut(place) {
            *byte = 1;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_decoded() {
        assert!(is_socket(&a_socket()));
        assert!(!is_socket(&[0; SOCKET - 1]));
        assert!(counters(&[0; SLOT]).is_some());
    }
}
