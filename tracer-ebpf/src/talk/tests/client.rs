//! The same conversations from the client's end.

use super::*;

/// What the client's process does.
#[derive(Clone)]
enum Act {
    /// Writes this many bytes.
    Writes(u32),
    /// Reads what the server has sent.
    Reads(Vec<u8>),
}
use Act::{Reads, Writes};

fn text(bytes: &str) -> Act {
    Reads(bytes.as_bytes().to_vec())
}

fn reads(parts: &[Vec<u8>]) -> Act {
    Reads(parts.concat())
}

fn heard(acts: &[Act], reader: Reader) -> Reading {
    let mut reading = Reading::of(&[], reader);
    reading.role = Role::Client;
    reading.written = 0;
    for act in acts {
        match act {
            Writes(bytes) => reading.written += bytes,
            Reads(bytes) => reading.all(&mut bytes.clone(), reader),
        }
    }
    reading
}

#[track_caller]
fn check(acts: &[Act], readers: &[Reader], spoken: u8, requests: u32, goodbyes: u32) {
    for reader in readers {
        let reading = heard(acts, *reader);
        // Settings look like an answer, so the number is a bound.
        let is_exact = spoken != protocol::TLS_HTTP2;
        assert_eq!(reading.talk.protocol, spoken, "{reader:?}");
        assert_eq!(reading.talk.requests, requests, "{reader:?}");
        assert_eq!(reading.goodbyes, goodbyes, "{reader:?}");
        assert_eq!(reading.talk.is_exact(), is_exact, "{reader:?}");
    }
}

/// A handshake of TLS 1.3 up to the client's Finished; nothing is asked yet.
fn hello_13(finished: u32) -> Vec<Act> {
    let flight = [22, 20, 23, 23, 23, 23].map(|kind| record(kind, if kind == 20 { 1 } else { 700 }));
    std::vec![Writes(517), reads(&flight), Writes(6 + 5 + finished)]
}

/// Two tickets for later sessions, as OpenSSL sends them.
fn tickets() -> Vec<u8> {
    [record(23, 250), record(23, 250)].concat()
}

fn hello_12() -> Vec<Act> {
    let last = [record(22, 190), record(20, 1), record(22, 40)];
    std::vec![
        Writes(200),
        reads(&[record(22, 90), record(22, 900), record(22, 4)]),
        Writes(93),
        reads(&last),
    ]
}

#[test]
fn tickets_answer_no_request() {
    let mut acts = hello_13(53);
    acts.push(Reads(tickets()));
    check(&acts, &READERS, protocol::TLS, 0, 0);
    assert!(heard(&acts, READERS[0]).talk.is_handshake_only());
    for _ in 0..3 {
        acts.extend([Writes(120), reads(&[record(23, 300), record(23, 400)])]);
    }
    acts.push(Reads(record(23, 19)));
    check(&acts, &READERS, protocol::TLS, 3, 1);
}

#[test]
fn a_request_with_the_end_of_the_handshake_counts_once() {
    for finished in [53, 69] {
        let mut acts = hello_13(finished);
        acts.extend([Writes(122), reads(&[tickets(), record(23, 300)])]);
        check(&acts, &READERS, protocol::TLS, 1, 0);
        // The answer may also come in a read of its own.
        let mut acts = hello_13(finished);
        acts.extend([Writes(122), Reads(tickets()), Reads(record(23, 300))]);
        check(&acts, &READERS, protocol::TLS, 1, 0);
    }
}

#[test]
fn a_change_of_cipher_for_show_ends_no_handshake() {
    let acts = [
        Writes(517),
        reads(&[record(22, 90), record(20, 1), record(23, 40)]),
        // In the middle of the server's flight, of which the rest has not come.
        Writes(6),
        reads(&[record(23, 3000), record(23, 69)]),
        Writes(58),
        Reads(tickets()),
        Writes(100),
        Reads(record(23, 200)),
    ];
    check(&acts, &READERS, protocol::TLS, 1, 0);
}

#[test]
fn a_server_may_ask_for_another_hello() {
    let mut acts = std::vec![Writes(300), reads(&[record(22, 88), record(20, 1)])];
    acts.extend(hello_13(53));
    acts.extend([Reads(tickets()), Writes(100), Reads(record(23, 200))]);
    check(&acts, &READERS, protocol::TLS, 1, 0);
}

#[test]
fn answers_over_tls_1_2() {
    let mut acts = hello_12();
    check(&acts, &READERS, protocol::TLS, 0, 0);
    for _ in 0..2 {
        acts.extend([Writes(130), Reads(record(23, 24 + 120))]);
    }
    acts.push(Reads(record(21, 26)));
    check(&acts, &READERS, protocol::TLS, 2, 1);
    // A session that is taken up again has one flight each.
    let mut acts = std::vec![
        Writes(500),
        reads(&[record(22, 90), record(20, 1), record(22, 40)]),
        Writes(51 + 130),
        Reads(record(23, 200)),
    ];
    acts.push(Reads(record(21, 26)));
    check(&acts, &READERS, protocol::TLS, 1, 1);
}

#[test]
fn http_2_over_tls_1_3() {
    // Settings after two tickets or alone, with a window and an acknowledgement.
    for settings in [27, 27 + 13, 27 + 13 + 9] {
        let mut acts = hello_13(53);
        acts.push(Writes(22 + 24 + 27 + 13 + 60));
        acts.push(reads(&[tickets(), record(23, settings + 17)]));
        acts.extend([Writes(5 + 9 + 17), reads(&[record(23, 80), record(23, 40)])]);
        for _ in 0..3 {
            acts.extend([Writes(60), Reads(record(23, 80))]);
        }
        check(&acts, &READERS, protocol::TLS_HTTP2, 4, 0);
    }
}

/// OpenSSL reads the server's change of cipher, which comes with its wish for another hello, after it has
/// sent that.
#[test]
fn another_hello_begins_the_handshake_of_tls_1_3_again() {
    let flight = [155, 23, 415, 95, 69].map(|length| record(if length == 155 { 22 } else { 23 }, length));
    let mut acts = std::vec![
        Writes(293),
        Reads(record(22, 88)),
        Writes(332),
        Reads(record(20, 1))
    ];
    acts.extend([reads(&flight), Writes(74 + 83), Reads(record(23, 300))]);
    check(&acts, &READERS, protocol::TLS, 1, 0);
    acts.push(Reads(record(23, 19)));
    check(&acts, &READERS, protocol::TLS, 1, 1);
}

#[test]
fn a_goodbye_is_no_use_of_a_connection() {
    let is_use = |acts: &[Act]| READERS.map(|reader| heard(acts, reader).is_use);
    let mut acts = hello_13(53);
    acts.extend([Writes(120), Reads(record(23, 300))]);
    assert_eq!(is_use(&acts), READERS.map(|_| true));
    acts.push(Reads(record(23, 19)));
    assert_eq!(is_use(&acts), READERS.map(|_| false));
    // HTTP/2: GOAWAY, and the goodbye of TLS after a while.
    let mut acts = hello_13(53);
    acts.extend([Writes(160), reads(&[tickets(), record(23, 27 + 17)])]);
    acts.extend([Writes(5 + 9 + 17), Reads(record(23, 80))]);
    assert_eq!(is_use(&acts), READERS.map(|_| true));
    acts.push(Reads(record(23, 17 + 17)));
    assert_eq!(is_use(&acts), READERS.map(|_| false));
    acts.extend([Writes(60), Reads(record(23, 80))]);
    assert_eq!(is_use(&acts), READERS.map(|_| true), "it was a ping");
}

#[test]
fn a_request_of_http_2_may_be_as_short_as_an_update_of_a_window() {
    let mut acts = hello_13(69);
    // Tickets, and settings with the first answer, as Node sends them.
    acts.extend([
        Writes(79),
        reads(&[record(23, 282), record(23, 282), record(23, 26), record(23, 72)]),
        Writes(31),
        Reads(record(23, 26)),
    ]);
    for _ in 0..7 {
        acts.extend([Writes(35), Reads(record(23, 39))]);
    }
    let reading = heard(&acts, READERS[0]);
    assert_eq!(reading.talk.protocol, protocol::TLS_HTTP2);
    assert_eq!(reading.talk.requests, 8, "at most");
    assert!(!reading.talk.is_exact());
}

/// nginx may send its settings in one record with the answer. A busy client then acknowledges them together
/// with its goodbye, and the server's goodbye looks like another answer.
#[test]
fn a_goodbye_of_http_2_that_looks_like_a_request_makes_the_number_a_bound() {
    for (hello, added) in [(hello_13(53), 17_u16), (hello_12(), 24)] {
        let around = 5 + u32::from(added);
        // In one record, in two, and the goodbye alone.
        for written in [around + 9 + 17, 2 * around + 9 + 17, around + 17] {
            let mut acts = hello.clone();
            acts.extend([Writes(160), Reads(record(23, added + 120))]);
            assert!(heard(&acts, READERS[0]).talk.is_exact());
            acts.extend([Writes(written), Reads(record(23, added + 17))]);
            let reading = heard(&acts, READERS[0]);
            assert_eq!(reading.talk.requests, 2, "at most");
            assert!(!reading.talk.is_exact(), "{written}");
        }
    }
}

#[test]
fn http_2_over_tls_1_2() {
    let mut acts = hello_12();
    acts.extend([Writes(200), reads(&[record(23, 24 + 27), record(23, 24 + 80)])]);
    // The acknowledgement of the settings.
    acts.extend([Writes(5 + 24 + 9), Reads(record(23, 24 + 9))]);
    for _ in 0..2 {
        acts.extend([Writes(70), Reads(record(23, 24 + 80))]);
    }
    check(&acts, &READERS, protocol::TLS_HTTP2, 3, 0);
}

#[test]
fn a_short_body_is_no_beginning_of_http_2() {
    let mut acts = hello_13(53);
    for _ in 0..3 {
        // A head, and a body as long as settings.
        acts.extend([Writes(120), reads(&[record(23, 170), record(23, 15 + 17)])]);
    }
    check(&acts, &READERS, protocol::TLS, 3, 0);
}

#[test]
fn http_2_in_clear_is_counted_by_the_ends_of_its_streams() {
    let ended = |kind, length| {
        let mut bytes = frame(kind, length);
        bytes[4] |= 1;
        bytes
    };
    let mut settings = frame(4, 18);
    settings[4..9].fill(0);
    let acts = [
        Writes(80),
        Reads(settings),
        Writes(9),
        // One with a body; one that is no more than its head; one with trailers, as in gRPC.
        reads(&[frame(1, 40), ended(0, 100), ended(1, 20)]),
        Writes(60),
        reads(&[frame(1, 30), frame(0, 20), ended(1, 10)]),
        Reads(frame(7, 8)),
    ];
    check(
        &acts,
        &[Reader::Whole(usize::MAX), Reader::Whole(1 << 16)],
        protocol::HTTP2,
        3,
        1,
    );
}

#[test]
fn http_1_and_websocket() {
    let answer = || text("HTTP/1.1 200 OK\r\n\r\n");
    let acts = [Writes(60), answer(), Writes(60), answer(), text("more of it")];
    check(&acts, &READERS[1..], protocol::HTTP1, 2, 0);
    let from_server = |first: u8| Reads(std::vec![first, 4, 1, 2, 3, 4]);
    let acts = [
        Writes(160),
        text("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        Writes(12),
        from_server(0x81),
        // A ping and its pong, then a message that nobody asked for, and one that was.
        from_server(0x89),
        Writes(10),
        from_server(0x81),
        Writes(30),
        from_server(0x82),
        from_server(0x88),
    ];
    check(&acts, &READERS[2..], protocol::WEBSOCKET, 3, 1);
}

#[test]
fn logins_at_databases_and_brokers() {
    let message = |kind: u8, body: &[u8]| {
        let length = (body.len() as u32 + 4).to_be_bytes();
        [&[kind][..], &length, body].concat()
    };
    let acts = [
        Writes(80),
        Reads(message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0")),
        Writes(60),
        Reads(message(b'R', b"\0\0\0\x0br=abc")),
        Writes(110),
        reads(&[message(b'R', b"\0\0\0\x0cv=x"), message(b'Z', b"I")]),
        Writes(14),
        Reads(message(b'T', b"\0\x01")),
        Writes(14),
        Reads(message(b'E', b"SERROR\0")),
    ];
    check(&acts, &READERS[1..], protocol::POSTGRESQL, 2, 0);
    // Without a password the login has one step, with SCRAM three.
    for steps in [&[22 + 410][..], &[22 + 43, 22 + 93, 22 + 460]] {
        let mut encrypted = std::vec![Writes(8), text("S")];
        encrypted.extend(hello_13(53));
        for length in steps {
            encrypted.extend([Writes(70), Reads(record(23, *length))]);
        }
        check(&encrypted, &READERS, protocol::TLS, 0, 0);
        for _ in 0..2 {
            encrypted.extend([Writes(40), Reads(record(23, 90))]);
        }
        check(&encrypted, &READERS, protocol::TLS, 2, 0);
    }

    let packet = |number: u8, body: &[u8]| Reads([&[body.len() as u8, 0, 0, number][..], body].concat());
    let greeting = || packet(0, b"\x0a8.0.36\0\x01\0\0\0");
    let acts = [
        greeting(),
        Writes(90),
        packet(2, &[0xfe; 30]),
        Writes(24),
        packet(4, &[0; 7]),
        Writes(13),
        packet(1, &[1]),
    ];
    check(&acts, &READERS[1..], protocol::MYSQL, 1, 0);
    let mut encrypted = std::vec![greeting(), Writes(36)];
    encrypted.extend(hello_13(53));
    encrypted.extend([Writes(70), reads(&[tickets(), record(23, 200)])]);
    check(&encrypted, &READERS[1..], protocol::TLS, 1, 0);

    let acts = [
        Writes(30),
        Reads([0x20, 2, 0, 0].to_vec()),
        // Subscribes, publishes with an acknowledgement and without, pings.
        Writes(12),
        Reads([0x90, 3, 0, 1, 0].to_vec()),
        Writes(20),
        Reads([0x40, 2, 0, 2].to_vec()),
        Writes(2),
        Reads([0xd0, 0].to_vec()),
        Writes(20 + 2),
        Reads([0xd0, 0].to_vec()),
    ];
    check(&acts, &READERS[1..], protocol::MQTT, 3, 0);

    let tomcat = |body: &[u8]| Reads([&[b'A', b'B', 0, body.len() as u8][..], body].concat());
    let acts = [
        Writes(5),
        tomcat(&[9]),
        Writes(200),
        tomcat(&[6, 0x1f, 0xfa]),
        Writes(900),
        tomcat(&[4, 0, 200, 0, 0]),
        tomcat(&[5, 1]),
    ];
    check(&acts, &READERS[1..], protocol::AJP, 1, 0);
}

#[test]
fn what_answers_a_login_at_redis_and_may_be_more_is_a_bound() {
    let acts = [Writes(21), text("$-1\r\n"), Writes(27), text("+OK\r\n")];
    check(&acts, &READERS[1..], protocol::REDIS, 2, 0);
    // PING, and HELLO in both versions of the protocol.
    for hello in ["+PONG\r\n", "%7\r\n$6\r\nserver\r\n", "*14\r\n$6\r\nserver\r\n"] {
        let acts = [Writes(30), text(hello), Writes(21), text(":1\r\n")];
        check(&acts, &READERS[1..], protocol::REDIS, 1, 0);
    }
    for first in ["+OK\r\n", "-ERR unknown subcommand\r\n"] {
        let acts = [Writes(22), text(first), Writes(21), text("$-1\r\n")];
        let reading = heard(&acts, READERS[1]);
        assert_eq!(reading.talk.requests, 2, "at most");
        assert!(!reading.talk.is_exact());
    }
}

#[test]
fn a_greeting_answers_nothing() {
    let acts = [text("220 ready\r\n"), Writes(20), text("250 hello\r\n")];
    let reading = heard(&acts, READERS[1]);
    assert_eq!(
        (reading.talk.protocol, reading.talk.requests),
        (protocol::OTHER, 1)
    );
}

#[test]
fn a_read_that_shows_nothing_is_a_bound() {
    let mut talk = Talk::default();
    for written in [100, 0, 50] {
        talk.answer(100, written, || None);
    }
    assert_eq!((talk.requests, talk.is_exact()), (2, false));
}
