//! From bytes the programs wrote to their structs, and on to the model's values ([`meaning`]). Every length is
//! checked; nothing is transmuted.

use bytes::{Buf, TryGetError};
use tracer_ebpf::{
    abi::{
        closed::Closed,
        live::Live,
        peer::{Durations, PeerKey, PeerStats, timed},
    },
    buckets::{HELD_BUCKETS, TIME_BUCKETS},
};

pub(super) use meaning::{Socket, comm, counters, ended, losses, peer_id, socket};

mod meaning;

/// Reads one struct in the order of its fields, then wants the buffer to be empty.
macro_rules! decode {
    ($(#[$doc:meta])* $name:ident -> $type:ident { $($field:ident: $kind:ident $(($($arg:expr),*))?,)+ }) => {
        $(#[$doc])*
        pub(super) fn $name(bytes: &[u8]) -> Result<$type, DecodeError> {
            if bytes.len() != size_of::<$type>() {
                return Err(DecodeError { what: stringify!($type), expected: size_of::<$type>(), got: bytes.len() });
            }
            let mut from = bytes;
            let short = |_: TryGetError| DecodeError { what: stringify!($type), expected: size_of::<$type>(), got: bytes.len() };
            $(let $field = $kind(&mut from $($(, $arg)*)?).map_err(short)?;)+
            Ok($type { $($field,)+ })
        }
    };
}

/// Bytes that are not what they should be.
#[derive(Debug, thiserror::Error)]
#[error("a {what} has {expected} bytes, got {got}")]
pub(super) struct DecodeError {
    what: &'static str,
    expected: usize,
    got: usize,
}

type Got<T> = Result<T, TryGetError>;

fn u8(from: &mut &[u8]) -> Got<u8> {
    from.try_get_u8()
}

fn u16(from: &mut &[u8]) -> Got<u16> {
    from.try_get_u16_ne()
}

fn u32(from: &mut &[u8]) -> Got<u32> {
    from.try_get_u32_ne()
}

fn u64(from: &mut &[u8]) -> Got<u64> {
    from.try_get_u64_ne()
}

fn u8s<const N: usize>(from: &mut &[u8]) -> Got<[u8; N]> {
    let mut bytes = [0; N];
    from.try_copy_to_slice(&mut bytes)?;
    Ok(bytes)
}

fn u32s<const N: usize>(from: &mut &[u8]) -> Got<[u32; N]> {
    let mut words = [0; N];
    fill(&mut words, from)?;
    Ok(words)
}

/// One test for all of them: most of a peer's counters are these.
fn fill(words: &mut [u32], from: &mut &[u8]) -> Got<()> {
    let requested = size_of_val(words);
    let (bytes, rest) = from.split_at_checked(requested).ok_or(TryGetError {
        requested,
        available: from.len(),
    })?;
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_ne_bytes(*bytes);
    }
    *from = rest;
    Ok(())
}

fn key(from: &mut &[u8]) -> Got<PeerKey> {
    Ok(PeerKey {
        address: u32s(from)?,
        netns: u32(from)?,
        port: u16(from)?,
        direction: u8(from)?,
        pad: u8(from)?,
        process: u32(from)?,
    })
}

fn durations(from: &mut &[u8]) -> Got<[Durations; timed::COUNT]> {
    let mut durations = [Durations {
        sum_ns: 0,
        max_ns: 0,
        inverse_min_ns: 0,
    }; timed::COUNT];
    for one in &mut durations {
        *one = Durations {
            sum_ns: u64(from)?,
            max_ns: u64(from)?,
            inverse_min_ns: u64(from)?,
        };
    }
    Ok(durations)
}

fn buckets(from: &mut &[u8]) -> Got<[[u32; timed::COUNT]; TIME_BUCKETS]> {
    let mut buckets = [[0; timed::COUNT]; TIME_BUCKETS];
    fill(buckets.as_flattened_mut(), from)?;
    Ok(buckets)
}

fn held(from: &mut &[u8]) -> Got<[u32; HELD_BUCKETS]> {
    u32s(from)
}

decode! {
    /// The key a slot begins with.
    peer_key -> PeerKey {
        address: u32s,
        netns: u32,
        port: u16,
        direction: u8,
        pad: u8,
        process: u32,
    }
}

decode! {
    /// One slot of the peer table.
    peer_stats -> PeerStats {
        key: key,
        open_now: u32,
        open_peak: u32,
        closes: u32s,
        last_end_ns: u64,
        bytes_received: u64,
        bytes_sent: u64,
        durations: durations,
        close_wait_entry_sum_ns: u64,
        close_wait_entered: u32,
        close_wait_left: u32,
        turns_sum: u64,
        turns_max: u32,
        turn_buckets: u32s,
        opens_by_held: held,
        seeded: u32,
        close_wait_seeded: u32,
        failed: u32,
        retransmits: u32,
        unanswered: u32,
        late_reads: u32,
        buckets: buckets,
        late_read_max_ms: u32,
        reserved: u32s,
    }
}

decode! {
    /// One record of the socket iterator.
    live -> Live {
        opened_ns: u64,
        close_wait_ns: u64,
        idle_ns: u64,
        heard_ns: u64,
        inode: u64,
        bytes_received: u64,
        bytes_sent: u64,
        local_address: u32s,
        remote_address: u32s,
        netns: u32,
        slot: u32,
        queue: u32,
        queue_limit: u32,
        held: u32,
        owner: u32,
        turns: u32,
        data_segs_in: u32,
        data_segs_out: u32,
        retransmits: u32,
        local_port: u16,
        remote_port: u16,
        state: u8,
        direction: u8,
        flags: u8,
        retries: u8,
        probes: u8,
        pad: u8s,
    }
}

decode! {
    /// One record of the ring.
    closed -> Closed {
        opened_ns: u64,
        closed_ns: u64,
        close_wait_ns: u64,
        close_wait_left_ns: u64,
        gap_ns: u64,
        idle_ns: u64,
        bytes_received: u64,
        bytes_sent: u64,
        local_address: u32s,
        remote_address: u32s,
        netns: u32,
        data_segs_in: u32,
        data_segs_out: u32,
        retransmits: u32,
        held: u32,
        owner: u32,
        turns: u32,
        local_port: u16,
        remote_port: u16,
        errno: u16,
        direction: u8,
        reason: u8,
        flags: u8,
        last_state: u8,
        pad: u8s,
    }
}

#[cfg(test)]
mod tests;
