//! Each rule is tested with its own signature and with those of its neighbours.

mod ends;
mod figures;
mod leaks;
mod lookalikes;
mod piles;
mod pools;
mod timeouts;
mod unasked;
mod visits;

use self::figures::*;
use super::*;
use crate::{
    diagnosis::{Constant, Course, Expected, HeldNow, Learned, Occupancy, Spread, Waiting},
    model::{counters::Plain, durations::Cluster, peer::Closes, protocol::Protocol, window::Looks},
    units::{MS, S},
};

/// A service whose other peers hold one connection each.
const AMONG_OTHERS: Norm = Norm {
    expected: Expected {
        connections: 1,
        learned_from: Some(20),
    },
    learned: Learned {
        keepalive_given_ns: None,
        keepalive: None,
        request_limit: None,
        age: None,
    },
    peers: 20,
    typical: 1,
    many_grew: false,
    grew: 0,
    is_mute: false,
    opens: 100,
    held: 100,
};

/// A service with one peer.
const ALONE: Norm = Norm {
    peers: 1,
    ..AMONG_OTHERS
};

fn case(figures: &Figures) -> Case<'_> {
    const THRESHOLDS: &Thresholds = &Thresholds::DEFAULT;
    Case {
        figures,
        direction: Direction::Inbound,
        port: 80,
        expected: 1,
        expected_is_given: false,
        now_ns: NOW,
        hold_ns: None,
        norm: &AMONG_OTHERS,
        listener: None,
        own_requests: 0,
        are_strangers: false,
        thresholds: THRESHOLDS,
        grown: None,
        worded: false,
    }
}

/// A finding with its explanation.
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
    } = super::judge(case);
    Said {
        verdict,
        also,
        confidence,
        explanation: explain(case, verdict),
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
    for rule in CAUSES.iter().chain(&OTHERS) {
        if rule.verdict == Verdict::ClientClose {
            // Worded like `ServerClose`.
            continue;
        }
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
fn one_that_never_uses_the_idle_one_it_holds_connects_anew_for_each() {
    // One request each, then idle for 5 s until the server's timeout; a new connection every 1.5 s.
    let figures = Figures {
        opens_with_none: 1,
        open_peak: 4,
        lifetime_sum_ns: 40 * 5 * S,
        looks: Looks {
            looks: 50,
            established: 170,
            busy: 5,
            none_idle: 0,
            just_opened: 0,
            beside_free: 0,
            empty: 0,
        }
        .into(),
        ..by_server(one_by_one(40, 1, 5 * S))
    };
    assert_eq!(verdict(&figures), Verdict::FreshPerRequest);
    // Likewise by what was counted, where it was never looked at in time.
    let counted = |busy_of_ten: u64| Figures {
        looks: Looks::default().into(),
        occupancy: Occupancy {
            window_ns: 60 * S,
            held_ms: Some(200_000),
            busy_ms: Some(20_000 * busy_of_ten),
            ..Occupancy::default()
        },
        ..figures.clone()
    };
    let said = judged(&counted(1));
    assert_eq!(said.verdict, Verdict::FreshPerRequest);
    assert!(
        said.explanation.contains("always held 3 idle connections"),
        "{}",
        said.explanation
    );
    // All of them are busy nearly always: it needs as many.
    assert_eq!(verdict(&counted(9)), Verdict::ServerIdleClose);
    // A pool of five that is refilled whenever the server has closed all of it.
    let bursts = Figures {
        opens_with_none: 8,
        open_peak: 5,
        ..figures
    };
    assert_eq!(verdict(&bursts), Verdict::ServerIdleClose);
}

#[test]
fn streams_that_stay_are_reuse() {
    let stream = Figures {
        opens: 1,
        open_now: 1,
        requests: 1,
        held: HeldNow {
            established: 1,
            turns: 1,
            ..HeldNow::default()
        },
        ..good()
    };
    assert_eq!(verdict(&stream), Verdict::Reusing);
    let just_come = Figures { span_ns: S, ..stream };
    assert_eq!(verdict(&just_come), Verdict::InsufficientData);
}

#[test]
fn connections_that_timed_out_beside_others_are_half_open() {
    let mut figures = good();
    figures.close_reasons.timeout = 2;
    figures.closes = 2;
    figures.opens = 2;
    figures.overlaps = 2;
    assert_eq!(verdict(&figures), Verdict::HalfOpen);
}

#[test]
fn a_proper_goodbye_is_no_abort() {
    // The close_notify is data the server has read and not answered, but it closes at once.
    let goodbye = Figures {
        counted: Plain {
            unanswered: 20,
            ..Plain::default()
        },
        ..fresh(20)
    };
    assert_eq!(verdict(&goodbye), Verdict::FreshPerRequest);
}

#[test]
fn polls_that_waited_for_a_worker_were_not_given_up_on_a_hold() {
    let waited = Figures {
        counted: Plain {
            late_reads: 8,
            ..Plain::default()
        },
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
        course: grew(1, 10),
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
fn strangers_that_were_counted_together_are_not_accused() {
    let figures = fresh(60);
    let with = |are_strangers| Case {
        are_strangers,
        ..case(&figures)
    };
    let said = judge(&with(true));
    assert_eq!(said.verdict, Verdict::InsufficientData);
    assert!(
        said.explanation.contains("none of them is judged"),
        "{}",
        said.explanation
    );
    assert!(is_shared(&with(true)) && !is_shared(&with(false)));
    assert_eq!(judge(&with(false)).verdict, Verdict::FreshPerRequest);
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
        ..watched()
    };
    assert_eq!(verdict(&slow), Verdict::Stray);
}
