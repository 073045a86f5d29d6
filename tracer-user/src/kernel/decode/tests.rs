//! Tests the decoders against the structs they decode, and against arbitrary bytes.

use std::mem::offset_of;

use proptest::prelude::*;
use tracer_ebpf::abi::{
    closed::Closed,
    comm::Comm,
    live::Live,
    peer::{Durations, PeerKey, PeerStats, timed},
};

use super::*;
use crate::{filter::Filter, model::peer::Counters};

/// Bytes that differ enough between positions to reveal a swapped or shifted field.
fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| u8::try_from((i * 7 + i / 251) % 256).unwrap())
        .collect()
}

fn at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    bytes[offset..offset + N].try_into().unwrap()
}

macro_rules! same {
        ($bytes:ident, $value:ident: $type:ident, $($field:ident as $int:ident),+) => {
            $(
                let wanted = $int::from_ne_bytes(at(&$bytes, offset_of!($type, $field)));
                assert_eq!($value.$field, wanted, stringify!($field));
            )+
        };
    }

#[test]
fn peer_stats_are_read_where_the_struct_has_them() {
    let bytes = pattern(size_of::<PeerStats>());
    let value = read::<PeerStats>(&bytes).unwrap();
    same!(bytes, value: PeerStats, open_now as u32, open_peak as u32, seeded as u32, failed as u32,
            close_wait_entered as u32, close_wait_seeded as u32, close_wait_left as u32, retransmits as u32,
            unanswered as u32, late_reads as u32, late_read_max_ms as u32, bytes_received as u64,
            bytes_sent as u64, last_end_ns as u64);
    let gap = offset_of!(PeerStats, durations) + timed::GAP * size_of::<Durations>();
    assert_eq!(
        value.durations[timed::GAP].sum_ns,
        u64::from_ne_bytes(at(&bytes, gap))
    );
    let gap = offset_of!(PeerStats, buckets) + (5 * timed::COUNT + timed::GAP) * 4;
    assert_eq!(value.buckets[5][timed::GAP], u32::from_ne_bytes(at(&bytes, gap)));
    assert_eq!(
        Counters::from(&value).gap.buckets.all()[5],
        value.buckets[5][timed::GAP]
    );
    assert_eq!(
        value.closes[1],
        u32::from_ne_bytes(at(&bytes, offset_of!(PeerStats, closes) + 4))
    );
    assert_eq!(
        value.key.port,
        u16::from_ne_bytes(at(&bytes, offset_of!(PeerKey, port)))
    );
    let process = offset_of!(PeerStats, key) + offset_of!(PeerKey, process);
    let interface = offset_of!(PeerStats, key) + offset_of!(PeerKey, interface);
    assert_eq!(value.key.interface, u32::from_ne_bytes(at(&bytes, interface)));
    assert_eq!(value.key.process, u32::from_ne_bytes(at(&bytes, process)));
    assert_eq!(
        read::<PeerKey>(&bytes[..size_of::<PeerKey>()]).unwrap(),
        value.key
    );
}

#[test]
fn live_and_closed_are_read_where_the_structs_have_them() {
    let bytes = pattern(size_of::<Live>());
    let value = read::<Live>(&bytes).unwrap();
    same!(bytes, value: Live, opened_ns as u64, bytes_sent as u64, slot as u32, owner as u32,
            interface as u32, retransmits as u32, heard_ns as u64, retries as u8, probes as u8, local_port as u16,
            remote_port as u16, state as u8, direction as u8, flags as u8);
    let bytes = pattern(size_of::<Closed>());
    let value = read::<Closed>(&bytes).unwrap();
    same!(bytes, value: Closed, closed_ns as u64, idle_ns as u64, bytes_sent as u64, netns as u32, interface as u32,
            owner as u32, local_port as u16, errno as u16, direction as u8, reason as u8, flags as u8,
            last_state as u8);
}

#[test]
fn names_end_at_the_first_zero_and_are_harmless() {
    let of = |bytes: [u8; 16]| {
        comm(&Comm {
            words: [
                u64::from_ne_bytes(at(&bytes, 0)),
                u64::from_ne_bytes(at(&bytes, 8)),
            ],
        })
    };
    assert_eq!(of(*b"apache2\0rubbish!"), "apache2");
    assert_eq!(of(*b"a\x1b[31mb\xffcdefghij"), "a[31mb\u{fffd}cdefghij");
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..1100)) {
        let right = |size: usize| bytes.len() == size;
        prop_assert_eq!(read::<PeerStats>(&bytes).is_ok(), right(size_of::<PeerStats>()));
        prop_assert_eq!(read::<Closed>(&bytes).is_ok(), right(size_of::<Closed>()));
        prop_assert_eq!(read::<Live>(&bytes).is_ok(), right(size_of::<Live>()));
    }

    #[test]
    fn any_record_is_a_socket_or_none(bytes in prop::collection::vec(any::<u8>(), size_of::<Live>())) {
        let _ = socket(&read::<Live>(&bytes).unwrap());
    }

    #[test]
    fn any_slot_gives_counters(bytes in prop::collection::vec(any::<u8>(), size_of::<PeerStats>())) {
        let stats = read::<PeerStats>(&bytes).unwrap();
        let _ = Counters::from(&stats);
        let _ = peer_id(&stats.key, &Filter::default());
    }

    #[test]
    fn any_ring_record_is_a_connection_or_none(bytes in prop::collection::vec(any::<u8>(), size_of::<Closed>())) {
        let _ = ended(&read::<Closed>(&bytes).unwrap());
    }
}
