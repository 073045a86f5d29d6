//! HTTP/2 over TLS at the server's end, which shows nothing but lengths.

use super::*;

#[test]
fn http_2_over_tls_shows_by_the_lengths_of_its_control_frames() {
    // Preface, settings and a window, then the first request in the same flight or after the server's
    // settings.
    for apart in [false, true] {
        let mut steps = hello_13(53, true);
        steps.push(Sends(record(23, 24 + 9 + 18 + 13 + 17)));
        if apart {
            steps.push(Answered);
        }
        steps.extend([
            Sends(record(23, 60)),
            Answered,
            Sends(record(23, 9 + 17)),
            Answered,
        ]);
        for _ in 0..4 {
            steps.extend([Sends(record(23, 45)), Answered, Sends(record(23, 13 + 17))]);
            steps.push(Answered);
        }
        check(&steps, &READERS, protocol::TLS_HTTP2, 5, 0);
    }
}

#[test]
fn an_http_1_request_as_long_as_a_preface_counts() {
    let mut steps = hello_13(53, true);
    for _ in 0..3 {
        steps.extend([Sends(record(23, 24 + 9 + 18 + 13 + 17)), Answered]);
    }
    check(&steps, &READERS, protocol::TLS, 3, 0);
}

/// Go writes preface and request apart, and may leave before it has acknowledged the server's settings.
#[test]
fn what_may_be_a_preface_makes_two_requests_a_bound_until_the_next() {
    let mut steps = hello_13(53, true);
    steps.extend([Sends(record(23, 24 + 9 + 18 + 13 + 17)), Answered]);
    let mut counted = |more: Vec<u8>| {
        steps.extend([Sends(more), Answered]);
        let talk = Reading::of(&steps, READERS[0]).talk;
        (talk.requests, talk.is_exact())
    };
    assert_eq!(counted(record(23, 40 + 17)), (2, false));
    assert_eq!(
        counted(record(23, 9 + 17)),
        (1, true),
        "settings were acknowledged"
    );
}

/// Where the client is slow, the server's settings come before it has sent its request.
#[test]
fn settings_acknowledged_before_the_request_leave_a_bound() {
    let mut steps = hello_13(53, true);
    steps.extend([Sends(record(23, 24 + 9 + 18 + 13 + 17)), Answered]);
    steps.extend([Sends(record(23, 9 + 17)), Answered]);
    steps.extend([Sends(record(23, 40 + 17)), Answered]);
    let talk = Reading::of(&steps, READERS[0]).talk;
    assert_eq!((talk.requests, talk.is_exact()), (2, false));
}

/// The lengths of Node's records at the server's end.
#[test]
fn short_requests_of_http_2_are_told_by_their_answers() {
    let start = |kept: bool| {
        let mut last = [record(20, 1), record(23, 69)].concat();
        // Preface, empty settings and the first request.
        last.extend(record(23, 57 + 17));
        let mut steps = std::vec![Sends(record(22, 353)), Answered, Sends(last), Answered];
        if kept {
            steps.push(Sends(record(23, 9 + 17)));
        }
        steps
    };
    let mut kept = start(true);
    for _ in 0..7 {
        kept.extend([Sends(record(23, 13 + 17)), Answered]);
    }
    kept.push(Sends([record(23, 17 + 17), record(23, 19)].concat()));
    for reader in READERS {
        let mut reading = Reading::of(&[], reader);
        reading.answer = 44;
        reading.hear(&kept, reader);
        assert_eq!(reading.talk.protocol, protocol::TLS_HTTP2, "{reader:?}");
        assert_eq!(reading.talk.requests, 8, "{reader:?}");
        assert!(!reading.talk.is_exact());
    }
    // An acknowledgement and a goodbye in one record.
    let mut once = start(false);
    once.extend([Sends([record(23, 26 + 17), record(23, 19)].concat())]);
    check(&once, &READERS, protocol::TLS_HTTP2, 1, 1);
    // Updates of a window that the server does not answer.
    let mut large = start(true);
    large.extend([Sends(record(23, 13 + 17)), Sends(record(23, 13 + 17))]);
    check(&large, &READERS, protocol::TLS_HTTP2, 1, 0);
}

/// gRPC measures the round trip by pings of its own, and says several things in one record.
#[test]
fn pings_and_what_is_said_with_them_ask_for_nothing() {
    const PING: u32 = 5 + 17 + 17;
    let mut steps = hello_13(53, true);
    steps.extend([Sends(record(23, 24 + 9 + 36 + 13 + 17)), Answered]);
    steps.extend([Sends(record(23, 9 + 17)), Answered, Sends(record(23, 252 + 17))]);
    let mut reading = Reading::of(&steps, READERS[0]);
    let begun = reading.talk.requests;
    assert_eq!(reading.talk.protocol, protocol::TLS_HTTP2);
    let mut counted = |written: u32, length: u16| {
        reading.written = written;
        reading.hear(&[Sends(record(23, length + 17))], READERS[0]);
        reading.talk.requests - begun
    };
    // The server answers and sends a ping; the client answers that, sends one and updates its window.
    assert_eq!(counted(179 + PING, 47), 0);
    assert_eq!(counted(PING, 81), 1);
    // The answer to the server's ping comes before the server's answer.
    assert_eq!(counted(PING, 17), 1);
    assert_eq!(counted(90, 17), 1);
    assert_eq!(counted(PING, 62), 2);
}
