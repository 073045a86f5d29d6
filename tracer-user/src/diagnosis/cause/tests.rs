//! Each rule against its signature and against its neighbours'.

mod figures;

use self::figures::*;
use super::*;
use crate::{
    diagnosis::{HeldNow, Waiting},
    model::{durations::Cluster, peer::Closes},
};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

fn case(figures: &Figures) -> Case<'_> {
    const NOTHING_LEARNED: &Learned = &Learned {
        keepalive_given_ns: None,
        keepalive: None,
        request_limit: None,
    };
    const THRESHOLDS: &Thresholds = &Thresholds::DEFAULT;
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
        thresholds: THRESHOLDS,
        worded: false,
    }
}

/// A finding with its words.
struct Said {
    verdict: Verdict,
    also: Vec<Verdict>,
    confidence: f64,
    explanation: String,
}

fn judge(case: &Case<'_>) -> Said {
    let Finding {
        verdict,
        also,
        confidence,
        fix: _,
    } = super::judge(case);
    Said {
        verdict,
        also,
        confidence,
        explanation: explain(case),
    }
}

fn judged(figures: &Figures) -> Said {
    judge(&case(figures))
}

fn verdict(figures: &Figures) -> Verdict {
    judged(figures).verdict
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
        let lingering = figures.lingering.as_mut().unwrap();
        lingering.unanswered_ns = std::mem::take(&mut lingering.answered_ns);
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
        lingering: None,
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
