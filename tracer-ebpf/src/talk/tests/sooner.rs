//! The cheaper ways to tell what a read brings, which come before a look at all of it.

use super::*;

/// What a read brings as the kernel asks first, before it looks at all of it.
pub(super) fn told(talk: &mut Talk, bytes: &[u8], written: u32, role: Role) -> Option<u8> {
    let (length, is_server) = (bytes.len() as u32, role == Role::Server);
    if talk.is_more(length, written, is_server) {
        return Some(0);
    }
    if !talk.is_glance_enough(written) {
        return None;
    }
    let mut first = [0; 8];
    let looked_at = bytes.len().min(first.len());
    first[..looked_at].copy_from_slice(&bytes[..looked_at]);
    talk.glance(u64::from_le_bytes(first), length, written, is_server)
}

#[test]
fn a_common_read_costs_one_look_at_most() {
    let get = || b"GET /poll HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    let look = |steps: &[Step], bytes: &[u8], written| {
        let mut talk = Reading::of(steps, Reader::Records).talk;
        told(&mut talk, bytes, written, Role::Server)
    };
    let one = Reading::of(&[Sends(get()), Answered], Reader::Whole(4096)).talk;
    assert_eq!(
        told(&mut one.clone(), &get(), 1, Role::Server),
        Some(brought::REQUEST)
    );
    assert_eq!(told(&mut one.clone(), b"a=1&b=2", 0, Role::Server), Some(0));
    assert_eq!(
        told(&mut one.clone(), b"HTTP/1.1 200 OK\r\n", 9, Role::Client),
        Some(brought::REQUEST)
    );
    let mut open = hello_13(53, true);
    open.extend([Sends(record(23, 94)), Answered]);
    let request = record(23, 94);
    assert_eq!(look(&open, &request, 1), Some(brought::REQUEST));
    assert_eq!(look(&open, &request[..5], 1), Some(brought::REQUEST));
    assert_eq!(look(&open, &record(23, 19), 1), Some(brought::GOODBYE));
    // Several at once are followed.
    assert_eq!(look(&open, &[request.clone(), request].concat(), 1), None);
}

/// Reads of many shapes.
fn shapes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..64),
        (20u8..24, 0u16..700, 0usize..900).prop_map(|(kind, length, more)| {
            let mut bytes = [record(kind, length), std::vec![7; more]].concat();
            bytes.truncate(usize::from(length).max(1) + more % 9);
            bytes
        }),
        Just(b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        Just(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
        Just(std::vec![0x89, 2, 7, 7]),
        Just(record(22, 300)),
        Just(record(23, 53)),
        Just(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
    ]
}

proptest! {
    /// [`Reading::one`] compares them.
    #[test]
    fn the_cheaper_ways_tell_the_same(
        reads in prop::collection::vec((shapes(), prop_oneof![Just(0u32), 1u32..200]), 0..40),
        is_server in any::<bool>(),
    ) {
        let mut reading = Reading::of(&[], Reader::Records);
        reading.role = if is_server { Role::Server } else { Role::Client };
        for (bytes, written) in &reads {
            reading.written = *written;
            reading.one(bytes);
        }
    }
}
