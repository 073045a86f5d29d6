//! Each rule against its signature and against its neighbours'.

use super::*;
use crate::{
    diagnosis::{CloseWait, HeldNow, Idle, Lingering, Spread, Waiting},
    model::{durations::Cluster, peer::Closes, turns::Turns},
};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

fn case(figures: &Figures) -> Case<'_> {
    const NOTHING_LEARNED: &Learned = &Learned {
        keepalive_given_ns: None,
        keepalive: None,
        request_limit: None,
    };
    Case {
        figures,
        direction: Direction::Inbound,
        port: 80,
        expected: 1,
        window_ns: 60 * S,
        hold_ns: None,
        learned: NOTHING_LEARNED,
        listener: None,
        own_requests: 0,
    }
}

fn judged(figures: &Figures) -> Finding {
    judge(&case(figures))
}

fn verdict(figures: &Figures) -> Verdict {
    judged(figures).verdict
}

fn always(ns: u64) -> Spread {
    Spread {
        p50_ns: Some(ns),
        max_ns: Some(ns),
    }
}

/// `n` idle times between two limits.
fn idle(n: u64, low_ns: u64, high_ns: u64) -> Idle {
    Idle {
        count: n,
        p50_ns: Some(low_ns.midpoint(high_ns)),
        max_ns: Some(high_ns),
        cluster: Some(Cluster {
            low_ns,
            high_ns,
            count: n,
        }),
    }
}

/// `n` connections with the same number of turns.
fn turns_each(n: u64, turns: u32) -> Turns {
    let mut all = Turns {
        sum: n * u64::from(turns),
        max: u64::from(turns),
        ..Turns::default()
    };
    all.buckets[tracer_ebpf::buckets::turn_bucket(turns) as usize] = u32::try_from(n).unwrap();
    all
}

/// `n` connections one after the other, each with `turns` requests, idle for `idle_ns` at the end.
fn one_by_one(n: u64, turns: u32, idle_ns: u64) -> Figures {
    Figures {
        opens: n,
        closes: n,
        open_peak: 1,
        lifetime: always(100 * MS + idle_ns),
        idle: idle(n, idle_ns, idle_ns + 12 * MS),
        turns: turns_each(n, turns),
        turns_counted: true,
        bytes_received: Some(200 * n * u64::from(turns)),
        bytes_sent: Some(300 * n * u64::from(turns)),
        ..Figures::default()
    }
}

fn by_client(figures: Figures) -> Figures {
    Figures {
        client_fin: figures.closes,
        close_reasons: Closes {
            remote_fin: figures.closes,
            ..Closes::default()
        },
        close_wait: CloseWait {
            entered: figures.closes,
            left: figures.closes,
            p50_ns: Some(2 * MS),
            longest_ns: Some(4 * MS),
            ..CloseWait::default()
        },
        ..figures
    }
}

fn by_server(figures: Figures) -> Figures {
    Figures {
        server_fin: figures.closes,
        close_reasons: Closes {
            local_fin: figures.closes,
            ..Closes::default()
        },
        ..figures
    }
}

fn by_reset(figures: Figures) -> Figures {
    Figures {
        client_rst: figures.closes,
        close_reasons: Closes {
            remote_rst: figures.closes,
            ..Closes::default()
        },
        ..figures
    }
}

fn fresh(n: u64) -> Figures {
    by_client(one_by_one(n, 1, 0))
}

/// The client gives up after 3 s on polls that the server holds for 10 s.
fn abort(n: u64) -> Figures {
    let figures = by_client(one_by_one(n, 1, 3 * S));
    Figures {
        unanswered: n,
        bytes_sent: Some(0),
        close_wait: CloseWait {
            entered: n + 3,
            left: n,
            now: 3,
            oldest_ns: Some(6 * S),
            p50_ns: Some(7 * S),
            longest_ns: Some(7 * S),
            ..CloseWait::default()
        },
        lingering: Lingering {
            unanswered_ns: vec![S, 3 * S, 6 * S],
            ..Lingering::default()
        },
        ..figures
    }
}

/// `n` established connections, all of them alive, opened one by one.
fn pile(n: u64) -> Figures {
    Figures {
        opens: n,
        open_now: n,
        open_peak: n,
        overlaps: n - 1,
        held: HeldNow {
            established: n,
            late: n - 2,
            recent: n / 2,
            alive: n - 1,
            reused: n,
            turns: 9 * n,
            ..HeldNow::default()
        },
        turns_counted: true,
        bytes_received: Some(200 * n),
        bytes_sent: Some(300 * n),
        ..Figures::default()
    }
}

/// One live connection and `n` whose path has died.
fn dead(n: u64) -> Figures {
    let mut figures = pile(n + 1);
    figures.held.alive = 0;
    figures.held.dead = n;
    figures.held.dead_longest_ns = 20 * S;
    figures
}

/// `n` accepted connections that the client closed some time ago.
fn leak(n: u64, age_ns: u64) -> Figures {
    Figures {
        opens: n,
        open_now: n,
        open_peak: n,
        overlaps: n - 1,
        close_wait: CloseWait {
            now: n,
            entered: n,
            oldest_ns: Some(age_ns),
            ..CloseWait::default()
        },
        lingering: Lingering {
            answered_ns: vec![age_ns; usize::try_from(n).unwrap()],
            ..Lingering::default()
        },
        bytes_received: Some(200 * n),
        bytes_sent: Some(300 * n),
        turns_counted: true,
        ..Figures::default()
    }
}

/// One connection that nobody accepts.
fn queued() -> Figures {
    Figures {
        opens: 1,
        open_now: 1,
        open_peak: 1,
        waiting: Waiting {
            now: 1,
            oldest_ns: 8 * S,
        },
        held: HeldNow {
            established: 1,
            ..HeldNow::default()
        },
        bytes_received: Some(200),
        bytes_sent: Some(0),
        turns_counted: true,
        ..Figures::default()
    }
}

/// One connection with many turns.
fn good() -> Figures {
    Figures {
        opens: 1,
        open_now: 1,
        open_peak: 1,
        held: HeldNow {
            established: 1,
            reused: 1,
            turns: 40,
            ..HeldNow::default()
        },
        bytes_received: Some(8000),
        bytes_sent: Some(12000),
        turns_counted: true,
        ..Figures::default()
    }
}

/// Connections without a byte.
fn scan(n: u64) -> Figures {
    Figures {
        bytes_received: Some(0),
        bytes_sent: Some(0),
        ..by_client(one_by_one(n, 0, 0))
    }
}

/// A signature of each verdict.
fn signatures() -> Vec<(Verdict, Figures)> {
    vec![
        (Verdict::CloseWaitLeak, leak(5, 30 * S)),
        (Verdict::PilingUp, pile(10)),
        (Verdict::HalfOpen, dead(3)),
        (Verdict::EarlyAbort, abort(8)),
        (Verdict::NeverAccepted, queued()),
        (Verdict::PathCut, by_reset(one_by_one(6, 2, 60 * S))),
        (Verdict::ServerIdleClose, by_server(one_by_one(6, 1, 5 * S))),
        (Verdict::RequestLimitClose, by_server(one_by_one(6, 101, 0))),
        (Verdict::ClientIdleClose, by_client(one_by_one(6, 1, 3 * S))),
        (Verdict::FreshPerRequest, fresh(20)),
        (Verdict::FreshPerRequest, by_server(one_by_one(20, 1, 0))),
        (Verdict::Stray, scan(30)),
        (Verdict::Reusing, good()),
        (Verdict::InsufficientData, Figures::default()),
    ]
}

#[test]
fn each_signature_has_its_verdict_and_no_other() {
    for (expected, figures) in signatures() {
        let finding = judged(&figures);
        assert_eq!(finding.verdict, expected, "{}", finding.explanation);
        assert_eq!(finding.also, [], "{expected}");
    }
}

#[test]
fn every_rule_has_a_signature_and_words() {
    for rule in RULES {
        assert!(!rule.fix.is_empty() && !rule.fix.contains("  "), "{:?}", rule.fix);
        assert!(signatures().iter().any(|(verdict, _)| *verdict == rule.verdict));
    }
    for (_, figures) in signatures() {
        let finding = judged(&figures);
        let text = &finding.explanation;
        assert!(
            !text.is_empty() && !text.contains('\n') && !text.contains("  "),
            "{text:?}"
        );
        assert!((0.0..1.0).contains(&finding.confidence), "{}", finding.confidence);
    }
}

#[test]
fn little_data_is_no_verdict_and_says_how_long_to_wait() {
    let finding = judged(&fresh(4));
    assert_eq!(finding.verdict, Verdict::InsufficientData);
    assert!(
        finding.explanation.ends_with("at this rate trace for 75.0 s"),
        "{}",
        finding.explanation
    );
    assert_eq!(finding.confidence, 0.0);
}

#[test]
fn many_turns_a_connection_are_reuse_whoever_ends_it() {
    assert_eq!(verdict(&by_client(one_by_one(20, 10, 0))), Verdict::Reusing);
    assert_eq!(verdict(&by_client(one_by_one(20, 10, 5 * S))), Verdict::Reusing);
    assert_eq!(verdict(&by_server(one_by_one(20, 10, 5 * S))), Verdict::Reusing);
}

#[test]
fn a_timer_is_told_from_chance() {
    // 1 to 9 s, no constant: the client just closes when it is done.
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
    let constant = |value| crate::diagnosis::Constant {
        value,
        closes: 30,
        peers: 15,
    };
    let learned = |keepalive| Learned {
        keepalive: Some(constant(keepalive)),
        request_limit: Some(constant(101)),
        ..Learned::default()
    };
    let with = |figures: &Figures, learned: &Learned| {
        judge(&Case {
            learned,
            ..case(figures)
        })
        .verdict
    };
    assert_eq!(with(&two, &learned(5 * S)), Verdict::ServerIdleClose);
    assert_eq!(with(&two, &learned(15 * S)), Verdict::InsufficientData);
    let limited = by_server(one_by_one(2, 101, 0));
    assert_eq!(with(&limited, &learned(5 * S)), Verdict::RequestLimitClose);
}

#[test]
fn a_keepalive_timeout_that_is_given_decides() {
    let given = |ns| Learned {
        keepalive_given_ns: Some(ns),
        ..Learned::default()
    };
    let figures = by_server(one_by_one(6, 1, 5 * S));
    let with = |learned: &Learned| {
        judge(&Case {
            learned,
            ..case(&figures)
        })
        .verdict
    };
    assert_eq!(with(&given(5 * S)), Verdict::ServerIdleClose);
    assert_ne!(with(&given(60 * S)), Verdict::ServerIdleClose);
    let short = by_server(one_by_one(6, 1, 80 * MS));
    let learned = given(80 * MS);
    let finding = judge(&Case {
        learned: &learned,
        ..case(&short)
    });
    assert_eq!(finding.verdict, Verdict::ServerIdleClose);
}

#[test]
fn a_tls_handshake_is_no_request_limit() {
    let figures = by_server(one_by_one(20, 3, 0));
    assert_eq!(verdict(&figures), Verdict::RequestLimitClose);
    let tls = judge(&Case {
        port: 443,
        ..case(&figures)
    });
    assert_ne!(tls.verdict, Verdict::RequestLimitClose);
}

#[test]
fn for_outgoing_connections_the_roles_are_the_other_way_round() {
    // This host is the client: its FIN is the client's, and what it sent is the request.
    let figures = Figures {
        client_fin: 20,
        close_reasons: Closes {
            local_fin: 20,
            ..Closes::default()
        },
        ..one_by_one(20, 1, 0)
    };
    let finding = judge(&Case {
        direction: Direction::Outbound,
        ..case(&figures)
    });
    assert_eq!(finding.verdict, Verdict::FreshPerRequest);
}

#[test]
fn a_pool_is_no_pile_but_a_heap_is() {
    let filled_in_one_go = |n| {
        let mut figures = pile(n);
        figures.held.late = 0;
        figures
    };
    assert_eq!(verdict(&filled_in_one_go(6)), Verdict::Reusing);
    assert_eq!(verdict(&filled_in_one_go(30)), Verdict::PilingUp);
}

#[test]
fn many_reused_connections_that_no_longer_grow_are_a_shared_address() {
    let mut shared = pile(30);
    shared.held.recent = 2;
    assert_eq!(verdict(&shared), Verdict::Reusing);
    shared.held.reused = 3;
    assert_eq!(verdict(&shared), Verdict::PilingUp);
}

#[test]
fn held_polls_are_a_pile_as_long_as_nothing_says_that_their_path_is_dead() {
    let mut holding = pile(10);
    holding.held.alive = 0;
    holding.held.holding = 9;
    assert_eq!(verdict(&holding), Verdict::PilingUp);
    holding.held.holding = 4;
    holding.held.dead = 5;
    assert_eq!(verdict(&holding), Verdict::HalfOpen);
}

#[test]
fn connections_that_timed_out_beside_others_are_half_open() {
    let mut figures = good();
    figures.close_reasons.timeout = 2;
    figures.closes = 2;
    figures.overlaps = 2;
    assert_eq!(verdict(&figures), Verdict::HalfOpen);
}

#[test]
fn close_wait_that_ends_or_was_never_accepted_is_no_leak() {
    assert_eq!(verdict(&leak(5, S)), Verdict::InsufficientData);
    let mut ends = leak(5, 30 * S);
    ends.close_wait.left = 50;
    assert_eq!(verdict(&ends), Verdict::InsufficientData);
}

#[test]
fn a_hold_longer_than_the_age_explains_close_wait() {
    let figures = leak(5, 30 * S);
    let with_hold = |hold| {
        judge(&Case {
            hold_ns: Some(hold),
            ..case(&figures)
        })
    };
    assert_eq!(with_hold(60 * S).verdict, Verdict::InsufficientData);
    assert_eq!(with_hold(20 * S).verdict, Verdict::CloseWaitLeak);
}

#[test]
fn polls_given_up_are_a_leak_only_after_the_longest_hold() {
    let given_up = |age| {
        let mut figures = leak(5, age);
        figures.lingering.unanswered_ns = std::mem::take(&mut figures.lingering.answered_ns);
        figures
    };
    assert_eq!(verdict(&given_up(60 * S)), Verdict::EarlyAbort);
    assert_eq!(verdict(&given_up(600 * S)), Verdict::CloseWaitLeak);
}

#[test]
fn a_proper_goodbye_of_tls_is_no_abort() {
    // The close_notify is data that the server has read and not answered, but it closes at once.
    let goodbye = Figures {
        unanswered: 20,
        ..fresh(20)
    };
    assert_ne!(verdict(&goodbye), Verdict::EarlyAbort);
}

#[test]
fn polls_that_waited_for_a_worker_were_not_given_up_on_a_hold() {
    let waited = Figures {
        late_reads: 8,
        late_read_max_ns: 9 * S,
        lingering: Lingering::default(),
        ..abort(8)
    };
    assert_eq!(verdict(&waited), Verdict::NeverAccepted);
}

#[test]
fn a_cause_comes_before_what_it_leads_to() {
    let leads_to_pile = Figures {
        held: pile(10).held,
        overlaps: 9,
        ..leak(5, 30 * S)
    };
    let finding = judged(&leads_to_pile);
    assert_eq!(
        (finding.verdict, finding.also),
        (Verdict::CloseWaitLeak, vec![Verdict::PilingUp])
    );
    let exhausts = Figures {
        waiting: Waiting {
            now: 4,
            oldest_ns: 5 * S,
        },
        ..pile(20)
    };
    let finding = judged(&exhausts);
    assert_eq!(
        (finding.verdict, finding.also),
        (Verdict::PilingUp, vec![Verdict::NeverAccepted])
    );
}

#[test]
fn our_own_requests_accuse_nobody() {
    let figures = fresh(6);
    let with = |own_requests| {
        judge(&Case {
            own_requests,
            ..case(&figures)
        })
        .verdict
    };
    assert_eq!(with(6), Verdict::InsufficientData);
    assert_eq!(with(5), Verdict::FreshPerRequest);
}

#[test]
fn a_few_that_wait_unaccepted_are_a_pile_if_the_client_holds_on_to_them() {
    let mut few = queued();
    few.opens = 2;
    few.overlaps = 2;
    few.waiting.now = 2;
    few.held.established = 3;
    few.held.late = 2;
    few.held.holding = 2;
    let finding = judged(&few);
    assert_eq!(
        (finding.verdict, finding.also),
        (Verdict::PilingUp, vec![Verdict::NeverAccepted])
    );
    // A pool that opened at once and waits is none.
    few.held.late = 0;
    assert_eq!(verdict(&few), Verdict::NeverAccepted);
}

#[test]
fn a_slow_client_is_stray() {
    let slow = Figures {
        opens: 3,
        open_now: 3,
        open_peak: 3,
        overlaps: 2,
        without_request: 3,
        held: HeldNow {
            established: 3,
            ..HeldNow::default()
        },
        bytes_received: Some(20),
        bytes_sent: Some(0),
        ..Figures::default()
    };
    assert_eq!(verdict(&slow), Verdict::Stray);
}
