//! Clients that ask for nothing, or for no answer.

use super::*;
use crate::diagnosis::Idle;

#[test]
fn who_expects_no_answer_does_not_give_up() {
    let mute = &Norm {
        is_mute: true,
        ..AMONG_OTHERS
    };
    let lines = |life_ns: u64, idle_ns: u64| Figures {
        counted: Plain {
            unanswered: 20,
            ..Plain::default()
        },
        requests_told: true,
        protocol: Some(Protocol::Other),
        bytes_sent: Some(0),
        age: Idle {
            p50_ns: Some(life_ns),
            ..*idle(20, life_ns, life_ns + 300 * MS)
        }
        .into(),
        idle: idle(20, idle_ns, 2 * idle_ns + MS),
        ..fresh(20)
    };
    let verdict = |figures: &Figures, norm| {
        judge(&Case {
            norm,
            ..case(figures)
        })
        .verdict
    };
    for norm in [mute, &AMONG_OTHERS] {
        assert_eq!(verdict(&lines(MS, 0), norm), Verdict::FreshPerRequest);
    }
    // How many lines a connection carried cannot be told.
    assert_eq!(verdict(&lines(6 * S, 0), mute), Verdict::InsufficientData);
    assert_eq!(verdict(&lines(6 * S, S), mute), Verdict::InsufficientData);
    assert_eq!(
        verdict(&lines(6 * S, S), &AMONG_OTHERS),
        Verdict::EarlyAbort,
        "others are answered"
    );
    let figures = Figures {
        idle: idle(20, 3 * S, 3_012 * MS),
        ..lines(3 * S, 3 * S)
    };
    assert_eq!(
        verdict(&figures, mute),
        Verdict::EarlyAbort,
        "the client's timeout"
    );
}

#[test]
fn a_tls_check_that_ends_after_the_hello_gives_up_no_request() {
    let checks = |requests: u64, wait_ns: u64| {
        let figures = handshakes(20);
        Figures {
            requests,
            protocol: Some(Protocol::Tls),
            counted: Plain {
                unanswered: 15,
                ..figures.counted
            },
            idle: idle(20, wait_ns, wait_ns + 4 * MS),
            ..by_reset(figures)
        }
    };
    // Likewise over a path of 80 ms, which the server waits for in vain.
    for wait_ns in [0, 80 * MS] {
        assert_eq!(verdict(&checks(0, wait_ns)), Verdict::HandshakeFailed);
        let beside = Figures {
            course: stands(1),
            held: good().held,
            open_now: 1,
            ..checks(140, wait_ns)
        };
        assert_eq!(verdict(&beside), Verdict::Reusing);
    }
}

#[test]
fn health_checks_are_stray_and_a_request_now_and_then_is_not() {
    let pings = |requests: u32, every_ns: u64| Figures {
        span_ns: 20 * every_ns,
        bytes_received: Some(20 * 14),
        bytes_sent: Some(20 * 7),
        requests_told: true,
        protocol: Some(Protocol::Redis),
        ..by_client(one_by_one(20, requests, 0))
    };
    let said = judged(&pings(0, 2 * S));
    assert_eq!(said.verdict, Verdict::Stray, "{}", said.explanation);
    assert!(
        said.explanation.contains("one every 2.0 s"),
        "{}",
        said.explanation
    );
    assert_eq!(verdict(&pings(1, 2 * S)), Verdict::FreshPerRequest);
    assert_eq!(
        verdict(&pings(0, S / 2)),
        Verdict::ClientClose,
        "too often for checks"
    );
    // Where the server speaks first, it has sent something though nobody asked.
    let greeted = |asked: u64| Figures {
        requests_told: false,
        protocol: None,
        bytes_received: Some(asked),
        ..pings(0, 2 * S)
    };
    assert_eq!(verdict(&greeted(0)), Verdict::Stray);
    assert_ne!(
        verdict(&greeted(20 * 200)),
        Verdict::Stray,
        "it asked for something"
    );
}

#[test]
fn a_hello_that_was_not_told_makes_no_request_of_the_others() {
    let checks = |requests: u64, alone: u64| {
        let figures = handshakes(20);
        Figures {
            requests,
            requests_told: false,
            protocol: Some(Protocol::Tls),
            counted: Plain {
                handshakes_alone: alone,
                unanswered: alone,
                ..figures.counted
            },
            ..by_reset(figures)
        }
    };
    let said = judged(&checks(0, 14));
    assert_eq!((said.verdict, said.also), (Verdict::HandshakeFailed, vec![]));
    let beside = Figures {
        course: stands(1),
        held: good().held,
        open_now: 1,
        ..checks(140, 17)
    };
    assert_eq!(verdict(&beside), Verdict::Reusing);
}
