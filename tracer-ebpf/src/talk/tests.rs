//! Conversations as real programs have them, read in the pieces in which real programs read.

extern crate std;

mod client;
mod http2;
mod login;
mod sooner;

use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// One side of a conversation as the server's process sees it.
#[derive(Clone)]
enum Step {
    /// The client sends this.
    Sends(Vec<u8>),
    /// The server answers.
    Answered,
}
use Step::{Answered, Sends};

/// How a process reads.
#[derive(Clone, Copy, Debug)]
enum Reader {
    /// Everything there is, up to this many bytes.
    Whole(usize),
    /// As OpenSSL does: a record's header, then the record.
    Records,
}

/// Whose process reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Server,
    Client,
}

struct Reading {
    talk: Talk,
    role: Role,
    /// Bytes written since the last read.
    written: u32,
    /// How long an answer is.
    answer: u32,
    goodbyes: u32,
    /// Whether the last read was a use of the connection.
    is_use: bool,
}

impl Reading {
    fn of(steps: &[Step], reader: Reader) -> Self {
        let mut reading = Self {
            talk: Talk::default(),
            role: Role::Server,
            written: 1,
            answer: 1,
            goodbyes: 0,
            is_use: false,
        };
        reading.hear(steps, reader);
        reading
    }

    fn hear(&mut self, steps: &[Step], reader: Reader) {
        let mut waiting: Vec<u8> = Vec::new();
        for step in steps {
            match step {
                Sends(bytes) => waiting.extend(bytes),
                Answered => {
                    self.all(&mut waiting, reader);
                    self.written = self.answer;
                }
            }
        }
        self.all(&mut waiting, reader);
    }

    fn all(&mut self, waiting: &mut Vec<u8>, reader: Reader) {
        let mut body = None;
        while !waiting.is_empty() {
            let length = match (reader, body.take()) {
                (Reader::Whole(most), _) => most.min(waiting.len()),
                (Reader::Records, Some(body)) => body,
                // Not a record.
                (Reader::Records, None) if waiting.len() < 5 => waiting.len(),
                (Reader::Records, None) => {
                    body = Some(usize::from(waiting[3]) << 8 | usize::from(waiting[4]));
                    5
                }
            };
            let read: Vec<u8> = waiting.drain(..length).collect();
            self.one(&read);
        }
    }

    fn one(&mut self, bytes: &[u8]) {
        let at = |offset: u32| Some(head_of(&bytes[offset as usize..]));
        let written = core::mem::take(&mut self.written);
        let (length, role) = (bytes.len() as u32, self.role);
        let mut talk = self.talk;
        let mut seen = match role {
            Role::Server => talk.start(length, written, || at(0)),
            Role::Client => talk.answer(length, written, || at(0)),
        };
        if seen == brought::RECORDS {
            seen = talk.follow(length, |talk, place| match role {
                Role::Server => talk.step(at(place), length - place),
                Role::Client => talk.answer_step(at(place), length - place),
            });
        }
        // The cheaper ways to tell, where there is one, tell the same.
        let known = self.talk;
        if let Some(sooner) = sooner::told(&mut self.talk, bytes, written, role) {
            assert_eq!((sooner, self.talk), (seen, talk), "{known:?}, {bytes:?}");
        }
        self.talk = talk;
        self.goodbyes += u32::from(seen & brought::GOODBYE != 0);
        self.is_use = talk.is_use(seen);
    }
}

fn head_of(bytes: &[u8]) -> Head {
    let mut head = [0; HEAD];
    let n = bytes.len().min(HEAD);
    head[..n].copy_from_slice(&bytes[..n]);
    head
}

fn record(kind: u8, length: u16) -> Vec<u8> {
    let mut bytes = std::vec![kind, 3, 3];
    bytes.extend(length.to_be_bytes());
    bytes.extend(std::iter::repeat_n(0xa5, length.into()));
    bytes
}

/// The handshake of a client with TLS 1.3, without and with the compatible change of cipher.
fn hello_13(finished: u16, compatible: bool) -> Vec<Step> {
    let mut last = if compatible { record(20, 1) } else { Vec::new() };
    last.extend(record(23, finished));
    std::vec![Sends(record(22, 300)), Answered, Sends(last)]
}

/// With TLS 1.2.
fn hello_12() -> Vec<Step> {
    let last = [record(22, 70), record(20, 1), record(22, 40)].concat();
    std::vec![Sends(record(22, 200)), Answered, Sends(last), Answered]
}

const READERS: [Reader; 4] = [
    Reader::Records,
    Reader::Whole(8192),
    Reader::Whole(usize::MAX),
    Reader::Whole(1 << 16),
];

fn check(steps: &[Step], readers: &[Reader], protocol: u8, requests: u32, goodbyes: u32) {
    for reader in readers {
        let reading = Reading::of(steps, *reader);
        assert_eq!(reading.talk.protocol, protocol, "{reader:?}");
        assert_eq!(reading.talk.requests, requests, "{reader:?}");
        assert_eq!(reading.goodbyes, goodbyes, "{reader:?}");
        assert!(reading.talk.is_exact(), "{reader:?}");
    }
}

#[test]
fn a_handshake_is_no_request() {
    for steps in [
        hello_12(),
        hello_13(53, true),
        hello_13(69, true),
        hello_13(53, false),
    ] {
        check(&steps, &READERS, protocol::TLS, 0, 0);
        assert!(Reading::of(&steps, Reader::Records).talk.is_handshake_only());
    }
}

#[test]
fn requests_and_goodbyes_over_tls_1_3() {
    let mut steps = hello_13(53, true);
    for length in [94, 94, 400] {
        steps.extend([Sends(record(23, length)), Answered]);
    }
    steps.push(Sends(record(23, 19)));
    check(&steps, &READERS, protocol::TLS, 3, 1);
}

#[test]
fn a_request_in_the_flight_of_the_handshake_counts() {
    let mut steps = hello_13(53, true);
    let Some(Sends(last)) = steps.last_mut() else {
        unreachable!()
    };
    last.extend(record(23, 94));
    check(&steps, &READERS, protocol::TLS, 1, 0);
}

#[test]
fn requests_and_goodbyes_over_tls_1_2() {
    let mut steps = hello_12();
    for length in [101, 101] {
        steps.extend([Sends(record(23, length)), Answered]);
    }
    steps.push(Sends(record(21, 26)));
    check(&steps, &READERS, protocol::TLS, 2, 1);
}

#[test]
fn a_clients_certificate_is_no_request() {
    let mut steps = std::vec![Sends(record(22, 300)), Answered];
    let last = [
        record(20, 1),
        record(23, 900),
        record(23, 281),
        record(23, 53),
        record(23, 120),
    ];
    steps.push(Sends(last.concat()));
    check(&steps, &READERS, protocol::TLS, 1, 0);
}

#[test]
fn a_long_body_is_one_request() {
    for mut steps in [hello_12(), hello_13(53, true)] {
        let body: Vec<u8> = (0..40).flat_map(|_| record(23, 16_401)).collect();
        steps.extend([Sends(record(23, 200)), Sends(body), Answered]);
        steps.extend([Sends(record(23, 94)), Answered]);
        check(&steps, &READERS[..2], protocol::TLS, 2, 0);
    }
}

fn frame(kind: u8, length: u32) -> Vec<u8> {
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, 4, 0, 0, 0, 1]);
    bytes.extend(std::iter::repeat_n(0x55, length as usize));
    bytes
}

#[test]
fn http_2_in_clear_is_counted_by_its_streams() {
    let start = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 18),
        frame(8, 4),
    ]
    .concat();
    let steps = [
        Sends(start),
        Answered,
        // Two at once, one with a body, then a ping.
        Sends([frame(1, 40), frame(1, 30), frame(0, 900), frame(6, 8)].concat()),
        Answered,
        Sends(frame(1, 5)),
        Sends(frame(7, 8)),
    ];
    check(
        &steps,
        &[Reader::Whole(usize::MAX), Reader::Whole(1 << 16)],
        protocol::HTTP2,
        3,
        1,
    );
}

#[test]
fn http_1_and_what_may_follow_it() {
    let get = || Sends(b"GET /poll HTTP/1.1\r\nHost: a\r\n\r\n".to_vec());
    let steps = [
        get(),
        Answered,
        get(),
        Answered,
        Sends(b"OPTIONS * HTTP/1.1\r\n\r\n".to_vec()),
    ];
    check(&steps, &READERS[1..], protocol::HTTP1, 3, 0);
    // A body that is sent when the server has agreed to it.
    let put = Sends(b"PUT /x HTTP/1.1\r\nExpect: 100-continue\r\n\r\n".to_vec());
    let steps = [put, Answered, Sends(b"12345".to_vec()), Answered, get()];
    check(&steps, &READERS[1..], protocol::HTTP1, 2, 0);
    let masked = |first: u8| Sends(std::vec![first, 0x85, 1, 2, 3, 4, 9, 9, 9, 9, 9]);
    let steps = [
        get(),
        Answered,
        masked(0x81),
        Answered,
        masked(0x8a),
        masked(0x82),
        masked(0x88),
    ];
    let reading = Reading::of(&steps[..4], Reader::Whole(64));
    assert_eq!(
        (reading.talk.protocol, reading.talk.requests),
        (protocol::WEBSOCKET, 2)
    );
}

#[test]
fn the_header_of_a_proxy_comes_first() {
    let get = b"GET / HTTP/1.1\r\n\r\n";
    let one = b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 80\r\n";
    let two = [
        &[
            0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 12,
        ][..],
        &[7; 12],
    ]
    .concat();
    for header in [one.to_vec(), two] {
        let mut reading = Reading::of(&[Sends(header)], Reader::Whole(4096));
        reading.one(get);
        assert_eq!(
            (reading.talk.protocol, reading.talk.requests),
            (protocol::HTTP1, 1)
        );
    }
}

#[test]
fn databases_log_in_before_they_are_asked() {
    let redis = |text: &str| Sends(text.as_bytes().to_vec());
    let steps = [
        redis("*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n"),
        Answered,
        redis("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"),
        Answered,
        redis("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"),
        Answered,
        redis("*1\r\n$4\r\nQUIT\r\n"),
    ];
    check(&steps, &READERS[1..], protocol::REDIS, 2, 1);

    let message = |kind: u8, body: &[u8]| {
        let length = (body.len() as u32 + 4).to_be_bytes();
        Sends([&[kind][..], &length, body].concat())
    };
    let start = Sends([&[0, 0, 0, 20, 0, 3, 0, 0][..], b"user\0x\0\0\0\0\0\0"].concat());
    let steps = [
        start,
        Answered,
        message(b'p', b"SCRAM-SHA-256"),
        Answered,
        message(b'p', b"c=biws"),
        Answered,
        message(b'Q', b"select 1\0"),
        Answered,
        message(b'P', b"\0select 1\0\0\0"),
        Answered,
        message(b'X', b""),
    ];
    check(&steps, &READERS[1..], protocol::POSTGRESQL, 2, 1);

    let packet = |number: u8, body: &[u8]| {
        let length = body.len() as u8;
        Sends([&[length, 0, 0, number][..], body].concat())
    };
    let steps = [
        packet(1, &[0x85; 60]),
        Answered,
        packet(0, b"\x03select 1"),
        Answered,
        packet(0, &[14]),
        Answered,
        packet(0, &[1]),
    ];
    check(&steps, &READERS[1..], protocol::MYSQL, 1, 1);
    // MySQL's own server reads the header of each packet alone.
    check(&steps, &[Reader::Whole(4)], protocol::MYSQL, 1, 1);
}

#[test]
fn mqtt_and_ajp() {
    let connect = [&[0x10, 16, 0, 4][..], b"MQTT", &[5, 2, 0, 60, 0, 0, 0, 0, 0, 0]].concat();
    let steps = [
        Sends(connect),
        Answered,
        Sends([&[0x30, 5, 0, 1][..], b"axx"].concat()),
        Answered,
        Sends([0xc0, 0].to_vec()),
        Answered,
        Sends([0xe0, 0].to_vec()),
    ];
    check(&steps, &READERS[1..], protocol::MQTT, 1, 1);
    let forward = Sends([0x12, 0x34, 0, 4, 2, 2, 1, 0].to_vec());
    let ping = Sends([0x12, 0x34, 0, 1, 10].to_vec());
    let steps = [ping, Answered, forward.clone(), Answered, forward];
    check(&steps, &READERS[1..], protocol::AJP, 2, 0);
}

#[test]
fn what_cannot_be_looked_at_is_a_bound() {
    let mut talk = Talk::default();
    for wrote in [true, false, true] {
        talk.start(100, u32::from(wrote), || None);
    }
    assert_eq!((talk.requests, talk.is_exact()), (2, false));
}

proptest! {
    /// Any pieces of a TLS conversation that hold whole headers give the same count.
    #[test]
    fn pieces_do_not_matter(lengths in prop::collection::vec(40u16..600, 1..12), cut in 0usize..400) {
        let mut steps = hello_13(53, true);
        for length in &lengths {
            // Long enough to be no control frame.
            steps.extend([Sends(record(23, length + 40)), Answered]);
        }
        let records = Reading::of(&steps, Reader::Records);
        let whole = Reading::of(&steps, Reader::Whole(8192));
        prop_assert_eq!(records.talk.requests, lengths.len() as u32);
        prop_assert_eq!(whole.talk.requests, records.talk.requests);
        // Whatever it is cut into, no more is counted than the server answered.
        let cut = Reading::of(&steps, Reader::Whole(cut + 6));
        prop_assert!(cut.talk.requests <= lengths.len() as u32 + 2 || !cut.talk.is_exact());
    }

    #[test]
    fn nothing_that_is_sent_breaks_it(reads in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..64), any::<bool>()), 0..40)) {
        let mut reading = Reading::of(&[], Reader::Records);
        let mut turns = 0;
        for (bytes, wrote) in &reads {
            reading.written |= u32::from(*wrote);
            turns += reading.written;
            reading.one(bytes);
        }
        // A frame of HTTP/2 counts by itself; all else needs an answer in between.
        prop_assert!(reading.talk.protocol == protocol::HTTP2 || reading.talk.requests <= turns + 1);
    }
}
