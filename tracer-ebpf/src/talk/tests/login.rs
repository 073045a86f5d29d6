//! What comes before requests at the server's end of TLS, which shows nothing but lengths: PostgreSQL's
//! login, and another hello.

use super::*;

/// Hears what a client says and has it answered with as many bytes each.
fn hear(reading: &mut Reading, reader: Reader, exchanges: &[(u16, u32)]) {
    for (length, answer) in exchanges {
        reading.answer = *answer;
        reading.hear(&[Sends(record(23, *length)), Answered], reader);
    }
}

#[test]
fn a_login_to_postgresql_within_tls_is_no_request() {
    let mut start = std::vec![Sends([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f].to_vec()), Answered];
    start.extend(hello_13(53, true));
    // Without a password the login has one step, with SCRAM three.
    for login in [
        &[(75, 22 + 410)][..],
        &[(75, 22 + 43), (100, 22 + 93), (130, 22 + 460)],
    ] {
        // A wish for TLS is read in a piece of its own.
        for reader in &READERS[1..] {
            let mut reading = Reading::of(&start, *reader);
            hear(&mut reading, *reader, login);
            assert_eq!(reading.talk.requests, 0, "{reader:?}");
            // The last one is `COMMIT;`, which is as long as an update of a window in HTTP/2.
            hear(&mut reading, *reader, &[(40, 90), (40, 5_000), (13 + 17, 35)]);
            assert_eq!(reading.talk.requests, 3, "{reader:?}");
            assert!(reading.talk.is_exact() && reading.talk.protocol == protocol::TLS);
        }
    }
}

/// OpenSSL's client offers one kind of key, and PostgreSQL takes another by default.
#[test]
fn another_hello_begins_the_handshake_of_tls_1_3_again() {
    let mut steps = std::vec![Sends(record(22, 288)), Answered];
    steps.extend([Sends([record(20, 1), record(22, 321)].concat()), Answered]);
    steps.extend([Sends([record(23, 69), record(23, 78)].concat()), Answered]);
    check(&steps, &READERS, protocol::TLS, 1, 0);
    steps.push(Sends(record(23, 19)));
    check(&steps, &READERS, protocol::TLS, 1, 1);
}
