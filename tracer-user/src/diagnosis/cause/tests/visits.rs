//! Clients that connect for a moment's work, and logins that may be taken for requests.

use super::*;
use crate::diagnosis::{Idle, Pace};

/// Each connection carries `turns` requests within 100 ms, and the client closes it at once.
fn visits(n: u64, turns: u32) -> Figures {
    Figures {
        requests_told: true,
        protocol: Some(Protocol::Redis),
        ..by_client(one_by_one(n, turns, 0))
    }
}

#[test]
fn a_connection_for_each_short_piece_of_work_is_not_reuse() {
    let finding = judged(&visits(100, 4));
    assert_eq!(finding.verdict, Verdict::FreshPerRequest);
    assert!(
        finding.explanation.contains("about 4 requests each"),
        "{}",
        finding.explanation
    );
}

#[test]
fn answers_to_a_login_are_named_as_a_bound() {
    let finding = judged(&Figures {
        requests_told: false,
        ..visits(100, 6)
    });
    assert_eq!(finding.verdict, Verdict::FreshPerRequest);
    assert!(
        finding.explanation.contains("up to 6 requests each"),
        "{}",
        finding.explanation
    );
}

#[test]
fn visits_are_short_and_ended_by_the_client() {
    let visits = visits(100, 4);
    let reused = [
        // Nothing that is pooled by habit.
        Figures {
            protocol: Some(Protocol::Http1),
            ..visits.clone()
        },
        // The work goes on for longer than a moment.
        Figures {
            age: Idle {
                p50_ns: Some(3 * S),
                ..*visits.age
            }
            .into(),
            ..visits.clone()
        },
        // A pool with a core.
        Figures {
            course: stands(2),
            ..visits.clone()
        },
        // The client lets its connections sit for a while.
        Figures {
            idle: idle(100, 300 * MS, 2 * S),
            ..visits.clone()
        },
    ];
    for figures in reused {
        let finding = judged(&figures);
        assert_eq!(finding.verdict, Verdict::Reusing, "{}", finding.explanation);
    }
}

#[test]
fn logins_that_may_have_been_requests_prove_no_reuse() {
    // Five answers, of which up to three may have been to a login.
    let bound = Figures {
        requests_told: false,
        idle: idle(20, 300 * MS, 2 * S),
        age: Idle {
            p50_ns: Some(5 * S),
            ..*idle(20, 3 * S, 7 * S)
        }
        .into(),
        ..visits(20, 5)
    };
    assert_eq!(verdict(&bound), Verdict::InsufficientData);
    let many = Figures {
        requests: 9 * bound.opens,
        ..bound.clone()
    };
    assert_eq!(verdict(&many), Verdict::Reusing);
    // HTTP in clear has no login.
    let http = Figures {
        protocol: Some(Protocol::Http1),
        ..bound
    };
    assert_eq!(verdict(&http), Verdict::Reusing);
}

#[test]
fn a_client_that_forgets_its_connections_after_a_few_requests_is_not_hurt_by_the_timeout_that_ends_them() {
    let forgets = |pause_ns: u64| Figures {
        opens_with_none: 1,
        open_now: 5,
        open_peak: 6,
        overlaps: 34,
        course: Course { peak: 6, ..stands(5) },
        occupancy: Occupancy {
            window_ns: 60 * S,
            held_ms: Some(5 * 60_000),
            busy_ms: Some(300),
            ..Occupancy::default()
        },
        pause: Pace {
            count: 35,
            p50_ns: Some(MS),
            max_ns: Some(pause_ns),
            ..Pace::default()
        }
        .into(),
        held: HeldNow {
            established: 5,
            silent: 4,
            turns: 10,
            ..HeldNow::default()
        },
        lifetime_sum_ns: 35 * 5 * S,
        requests_told: true,
        ..one_by_one(35, 2, 5 * S)
    };
    let at_one_go = || forgets(4 * MS);
    for how in [by_server, by_client] {
        // It holds more than when it began, all of them silent.
        let at_one_go = || Figures {
            course: Course {
                start: 1,
                low: 1,
                grown: 4,
                closes_since: 35,
                ..stands(5)
            },
            ..at_one_go()
        };
        let said = judged(&how(at_one_go()));
        assert_eq!(said.verdict, Verdict::FreshPerRequest, "{}", said.explanation);
        assert_eq!(said.also, []);
        assert!(
            said.explanation
                .contains("although it always held 4 idle connections"),
            "{}",
            said.explanation
        );
    }
    // It comes back to those that it has in hand.
    assert_eq!(verdict(&by_server(forgets(4 * S))), Verdict::ServerIdleClose);
    let mut reset = at_one_go();
    reset.server_rst = 35;
    reset.close_reasons.local_rst = 35;
    let said = judged(&reset);
    assert_eq!((said.verdict, said.confidence), (Verdict::FreshPerRequest, 0.6));
    assert!(
        said.explanation.contains("visitors behind one address"),
        "{}",
        said.explanation
    );
    // All of them have the clock of one host.
    reset.one_host = true;
    let said = judged(&reset);
    assert_eq!((said.verdict, said.confidence), (Verdict::FreshPerRequest, 0.85));
    assert!(!said.explanation.contains("visitors"), "{}", said.explanation);
    // Its server says why it ends them, which looks like a late answer.
    let mut told = by_server(at_one_go());
    told.occupancy.busy_ms = told.occupancy.held_ms;
    assert_eq!(verdict(&told), Verdict::ServerIdleClose, "all of them were busy");
    told.looks = Looks {
        looks: 50,
        established: 250,
        busy: 2,
        ..Looks::default()
    }
    .into();
    assert_eq!(verdict(&told), Verdict::FreshPerRequest);
    // Another connection, which it keeps, carries its requests.
    let mut beside = by_server(at_one_go());
    beside.requests = 300;
    assert_eq!(verdict(&beside), Verdict::Reusing);
    // Streams carry one request each, and stay.
    let mut streams = by_server(at_one_go());
    (streams.closes, streams.server_fin, streams.turns) = (6, 6, turns_each(6, 1));
    (streams.requests, streams.held.established) = (35, 29);
    assert_eq!(verdict(&streams), Verdict::Reusing);
    // What it holds it has not used more than what has ended.
    let mut holds = by_server(at_one_go());
    holds.held.reused = 20;
    assert_eq!(verdict(&holds), Verdict::FreshPerRequest);
    // A server with a login is not rid of a client that it wants no more.
    let mut database = by_server(at_one_go());
    database.protocol = Some(Protocol::Redis);
    assert_eq!(verdict(&database), Verdict::FreshPerRequest);
}
