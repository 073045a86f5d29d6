//! The cheaper ways to tell what a read brings, which come before a look at all of it.

use super::*;

/// What a read brings as the kernel asks first, before it looks at all of it.
pub(super) fn told(talk: &mut Talk, bytes: &[u8], wrote: bool, is_server: bool) -> Option<u8> {
    let length = bytes.len() as u32;
    if let Some(seen) = talk.foretold(wrote, is_server) {
        return Some(seen);
    }
    if talk.is_passed(length, wrote, is_server) {
        return Some(0);
    }
    if !talk.is_glance_enough(wrote, is_server) {
        return None;
    }
    talk.glance(&head_of(bytes), length, wrote, is_server)
}

#[test]
fn a_common_read_costs_one_look_at_most() {
    let look = |steps: &[Step], bytes: &[u8]| {
        let mut talk = Reading::of(steps, Reader::Records).talk;
        told(&mut talk, bytes, true, true)
    };
    let get = || b"GET /poll HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    let one = [Sends(get()), Answered];
    let one = Reading::of(&one, Reader::Whole(4096));
    assert_eq!(
        told(&mut one.talk.clone(), &get(), true, true),
        Some(brought::REQUEST)
    );
    assert_eq!(told(&mut one.talk.clone(), b"a=1&b=2", false, true), Some(0));
    let mut open = hello_13(53, true);
    open.extend([Sends(record(23, 94)), Answered]);
    let request = record(23, 94);
    assert_eq!(look(&open, &request), Some(brought::REQUEST));
    assert_eq!(look(&open, &request[..5]), Some(brought::REQUEST));
    assert_eq!(look(&open, &record(23, 19)), Some(brought::GOODBYE));
    // Several at once are followed.
    assert_eq!(look(&open, &[request.clone(), request].concat()), None);
}

#[test]
fn a_client_looks_at_what_may_be_a_goodbye() {
    let mut talk = Talk::default();
    let answered = |talk: &mut Talk, bytes: &[u8], wrote: bool| match told(talk, bytes, wrote, false) {
        Some(seen) => seen,
        None => talk.answer(wrote, || Some(head_of(bytes))),
    };
    assert_eq!(answered(&mut talk, &record(22, 90), true), 0);
    assert_eq!(answered(&mut talk, &record(23, 2000), true), brought::REQUEST);
    assert_eq!(answered(&mut talk, &record(21, 2000), false), 0);
    assert_eq!(answered(&mut talk, &record(21, 26), false), brought::GOODBYE);
    assert_eq!((talk.requests, talk.is_exact()), (1, true));
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
        Just(record(22, 300)),
        Just(record(23, 53)),
        Just(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
    ]
}

proptest! {
    /// At the server's end [`Reading::one`] compares them.
    #[test]
    fn the_cheaper_ways_tell_the_same(reads in prop::collection::vec((shapes(), any::<bool>()), 0..40)) {
        let mut server = Reading::of(&[], Reader::Records);
        let mut client = Talk::default();
        for (bytes, wrote) in &reads {
            server.wrote |= *wrote;
            server.one(bytes);
            let mut looked = client;
            let seen = looked.answer(*wrote, || Some(head_of(bytes)));
            // What begins like a goodbye and is too long for one is none.
            let is_too_long = bytes.len() > 512 && seen == brought::GOODBYE;
            if let Some(sooner) = told(&mut client, bytes, *wrote, false) && !is_too_long {
                prop_assert_eq!((sooner, client), (seen, looked));
            }
            client = looked;
        }
    }
}
