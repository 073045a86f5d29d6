//! Connections that a timer ends, and what looks like it.

use super::*;
use crate::diagnosis::Idle;

#[test]
fn a_timer_is_told_from_chance() {
    // 1 to 9 s and not constant: the client closes whenever it is done.
    let mut by_chance = by_client(one_by_one(20, 1, 0));
    by_chance.idle = idle(20, S, 9 * S);
    by_chance.idle.cluster = Some(Cluster {
        low_ns: 4 * S,
        high_ns: 8 * S,
        count: 11,
    });
    assert_eq!(verdict(&by_chance), Verdict::FreshPerRequest);
}

#[test]
fn a_few_closes_are_enough_where_others_show_the_same() {
    let two = by_server(one_by_one(2, 1, 5 * S));
    assert_eq!(verdict(&two), Verdict::InsufficientData);
    let constant = |value| Constant {
        value,
        closes: 30,
        peers: 15,
    };
    let learned = |keepalive| Learned {
        keepalive: Some(constant(keepalive)),
        request_limit: Some(constant(11)),
        ..Learned::default()
    };
    let with = |figures: &Figures, learned: &Learned| {
        let norm = &Norm {
            learned: *learned,
            ..AMONG_OTHERS
        };
        judge(&Case {
            norm,
            ..case(figures)
        })
        .verdict
    };
    assert_eq!(with(&two, &learned(5 * S)), Verdict::ServerIdleClose);
    assert_eq!(with(&two, &learned(15 * S)), Verdict::InsufficientData);
    let limited = by_server(one_by_one(2, 11, 0));
    assert_eq!(with(&limited, &learned(5 * S)), Verdict::RequestLimitClose);
}

#[test]
fn a_keepalive_timeout_that_is_given_decides() {
    let given = |ns| Norm {
        learned: Learned {
            keepalive_given_ns: Some(ns),
            ..Learned::default()
        },
        ..AMONG_OTHERS
    };
    let with = |figures: &Figures, norm: &Norm| {
        judge(&Case {
            norm,
            ..case(figures)
        })
        .verdict
    };
    let figures = by_server(one_by_one(6, 1, 5 * S));
    assert_eq!(with(&figures, &given(5 * S)), Verdict::ServerIdleClose);
    assert_eq!(with(&figures, &given(60 * S)), Verdict::ServerClose);
    let short = by_server(one_by_one(6, 1, 80 * MS));
    assert_eq!(with(&short, &given(80 * MS)), Verdict::ServerIdleClose);
}

#[test]
fn a_timeout_that_is_too_short_is_told_with_what_it_takes_and_what_it_costs() {
    let mut figures = by_server(one_by_one(40, 1, 5 * S));
    let plain = judged(&figures);
    assert_eq!(plain.verdict, Verdict::ServerIdleClose);
    assert!(
        !plain.explanation.contains("after the close"),
        "{}",
        plain.explanation
    );
    figures.gap = Spread {
        p50_ns: Some(S),
        max_ns: Some(S),
    }
    .into();
    figures.counted.rtt_us = 41_000;
    figures.counted.late_requests = 3;
    figures.known.late_requests = true;
    let said = judged(&figures).explanation;
    for part in [
        "its next request came 6.0 s after the last answer (median)",
        "above that plus a round trip of 41 ms",
        "3 requests came after the close and got a reset",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    figures.known.late_requests = false;
    assert!(!judged(&figures).explanation.contains("after the close"));
}

#[test]
fn a_single_timeout_is_an_accident() {
    let mut figures = by_client(one_by_one(100, 10, 0));
    figures.close_reasons.timeout = 1;
    figures.overlaps = 1;
    assert_eq!(verdict(&figures), Verdict::Reusing);
}

#[test]
fn streams_that_end_at_an_age_are_not_ended_for_being_idle() {
    let mut streams = Figures {
        turns: turns_each(8, 1),
        idle: idle(8, 200 * MS, 204 * MS),
        ..aged(8)
    };
    assert_eq!(
        verdict(&streams),
        Verdict::ServerIdleClose,
        "if not known to be streams"
    );
    streams.protocol = Some(Protocol::WebSocket);
    assert_eq!(verdict(&streams), Verdict::LifetimeClose);
}

/// A janitor that looks three times a second ends them, and a goodbye hid how long one of them was idle.
#[test]
fn connections_that_are_used_once_are_idle_for_as_long_as_they_live() {
    let ended = |age_ns: u64, how: fn(Figures) -> Figures| {
        let mut figures = how(one_by_one(9, 2, 3 * S));
        figures.idle = Idle {
            cluster: Some(Cluster {
                low_ns: 2_147 * MS,
                high_ns: 3_296 * MS,
                count: 8,
            }),
            at_once: 1,
            ..*idle(9, 3 * S, 3_296 * MS)
        }
        .into();
        figures.age = idle(9, age_ns, age_ns + 290 * MS);
        judged(&figures)
    };
    let said = ended(3_010 * MS, by_client);
    assert_eq!(said.verdict, Verdict::ClientIdleClose, "{}", said.explanation);
    assert_eq!(said.also, []);
    let said = ended(3_010 * MS, by_server);
    assert_eq!((said.verdict, said.also), (Verdict::ServerIdleClose, vec![]));
    assert_eq!(
        ended(9 * S, by_client).verdict,
        Verdict::FreshPerRequest,
        "not for most of their life"
    );
}
