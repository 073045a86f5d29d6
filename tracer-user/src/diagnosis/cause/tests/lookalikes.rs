//! Behaviour that shows nearly the same figures as another.

use super::*;
use crate::{
    diagnosis::{CloseWait, Idle, Pace, Spread},
    model::{
        backlog::Backlog,
        owner::{Owner, Reason},
        sample::Known,
    },
};

/// Twenty connections with so many requests each, ended as `how` says.
fn of_protocol(protocol: Protocol, requests: u32, how: fn(Figures) -> Figures) -> Figures {
    Figures {
        requests_told: true,
        protocol: Some(protocol),
        ..how(one_by_one(20, requests, 0))
    }
}

#[test]
fn a_server_that_resets_idle_connections_has_a_timeout_too() {
    let reset = |closes: u64| Figures {
        server_rst: closes,
        close_reasons: Closes {
            local_rst: closes,
            ..Closes::default()
        },
        ..one_by_one(closes, 2, 3 * S)
    };
    let said = judged(&reset(8));
    assert_eq!(said.verdict, Verdict::ServerIdleClose, "{}", said.explanation);
    assert!(
        said.explanation.contains("the server closed 8 after 3.0 s"),
        "{}",
        said.explanation
    );
    // From the client's host, the path may have done that.
    let figures = Figures {
        close_reasons: Closes {
            remote_rst: 8,
            ..Closes::default()
        },
        ..reset(8)
    };
    let seen_from_client = Case {
        direction: Direction::Outbound,
        ..case(&figures)
    };
    assert_eq!(judge(&seen_from_client).verdict, Verdict::PathCut);
}

#[test]
fn a_pause_that_a_connection_survived_disproves_a_shorter_timeout() {
    let closed = |pause_ns: u64| Figures {
        pause: Pace {
            count: 9,
            p50_ns: Some(pause_ns),
            max_ns: Some(pause_ns),
            ..Pace::default()
        }
        .into(),
        ..by_server(one_by_one(8, 4, 3 * S))
    };
    assert_eq!(verdict(&closed(2 * S)), Verdict::ServerIdleClose);
    assert_eq!(verdict(&closed(5 * S)), Verdict::Reusing);
}

#[test]
fn connections_that_a_browser_opens_in_advance_are_no_fault() {
    let spare = |reused: u64| Figures {
        opens_with_none: 0,
        requests: 40,
        turns: turns_each(7, 0),
        course: stands(1),
        held: HeldNow {
            established: 1,
            reused,
            turns: 40,
            ..HeldNow::default()
        },
        bytes_received: Some(8_000),
        bytes_sent: Some(12_000),
        ..by_server(one_by_one(7, 0, 3 * S))
    };
    assert_eq!(verdict(&spare(1)), Verdict::Reusing);
    assert_eq!(
        verdict(&spare(0)),
        Verdict::ServerIdleClose,
        "nothing else is in use"
    );
}

#[test]
fn a_mail_a_connection_is_no_reuse_whichever_side_ends_it() {
    let visits = |life_ns: u64, gap_ns: u64| Figures {
        known: Known {
            requests: true,
            ..Known::default()
        },
        protocol: Some(Protocol::Other),
        age: Idle {
            p50_ns: Some(life_ns),
            ..*idle(20, life_ns, 3 * life_ns)
        }
        .into(),
        gap: Spread {
            p50_ns: Some(gap_ns),
            max_ns: Some(gap_ns),
        }
        .into(),
        ..by_server(one_by_one(20, 6, 0))
    };
    assert_eq!(verdict(&visits(5 * MS, 500 * MS)), Verdict::FreshPerRequest);
    // One that comes back at once may have met a limit.
    assert_eq!(verdict(&visits(400 * MS, 100 * MS)), Verdict::RequestLimitClose);
}

#[test]
fn without_a_goodbye_a_broker_or_a_database_ends_what_it_does_not_want() {
    for protocol in [Protocol::Mqtt, Protocol::MySql] {
        let kicked = judged(&of_protocol(protocol, 5, by_server));
        assert_eq!(kicked.verdict, Verdict::ServerClose, "{}", kicked.explanation);
        let left = judged(&of_protocol(protocol, 5, by_client));
        assert_eq!(left.verdict, Verdict::FreshPerRequest, "{}", left.explanation);
    }
}

#[test]
fn a_burst_beyond_the_idle_limit_of_a_pool_overflows_it() {
    let bursts = |opens_beyond: u64| Figures {
        opens_with_none: 0,
        opens_beyond,
        open_now: 2,
        open_peak: 8,
        requests: 130,
        course: Course { peak: 8, ..stands(2) },
        // Too short to be looked at.
        looks: Looks {
            looks: 30,
            established: 60,
            ..Looks::default()
        }
        .into(),
        held: HeldNow {
            established: 2,
            reused: 2,
            alive: 2,
            ..HeldNow::default()
        },
        ..fresh(100)
    };
    let said = judged(&bursts(80));
    assert_eq!(said.verdict, Verdict::PoolOverflow, "{}", said.explanation);
    assert_eq!(said.also, [Verdict::FreshPerRequest]);
    assert_eq!(
        verdict(&bursts(0)),
        Verdict::FreshPerRequest,
        "one after the other"
    );
}

#[test]
fn a_client_that_ends_for_good_has_not_lost_its_patience() {
    let gone = Figures { opens: 0, ..abort(8) };
    assert_ne!(verdict(&gone), Verdict::EarlyAbort);
    assert_eq!(verdict(&abort(8)), Verdict::EarlyAbort);
}

#[test]
fn a_client_whose_requests_are_never_answered_gives_up_though_it_reads_nothing() {
    let figures = Figures {
        turns: turns_each(8, 0),
        requests: 0,
        // From the client's end: it has sent these, and nothing came.
        bytes_sent: Some(8 * 40),
        bytes_received: Some(0),
        close_wait: CloseWait::default().into(),
        lingering: None,
        close_reasons: Closes {
            local_fin: 8,
            ..Closes::default()
        },
        ..abort(8)
    };
    let seen_from_client = Case {
        direction: Direction::Outbound,
        ..case(&figures)
    };
    assert_eq!(judge(&seen_from_client).verdict, Verdict::EarlyAbort);
}

#[test]
fn a_peer_that_closes_what_it_does_not_need_and_opens_none_reuses() {
    let shrinks = |requests: u64| Figures {
        opens: 0,
        closes: 2,
        client_fin: 2,
        requests,
        course: Course {
            start: 4,
            peak: 4,
            ..stands(2)
        },
        held: HeldNow {
            established: 2,
            reused: 2,
            alive: 1,
            turns: requests,
            ..HeldNow::default()
        },
        ..good()
    };
    assert_eq!(verdict(&shrinks(300)), Verdict::Reusing);
    assert_eq!(verdict(&shrinks(3)), Verdict::InsufficientData);
    // It closes many that it has not used for long, and keeps one.
    let shrinks_to = |keeps: u64| {
        let mut figures = shrinks(36);
        (figures.closes, figures.client_fin) = (33, 33);
        (figures.held.established, figures.held.alive) = (keeps, 0);
        figures
    };
    assert_eq!(verdict(&shrinks_to(1)), Verdict::Reusing);
    assert_eq!(verdict(&shrinks_to(20)), Verdict::InsufficientData);
    assert_eq!(verdict(&shrinks_to(0)), Verdict::InsufficientData);
    // It has used all of them, and needs none any more.
    let mut left = shrinks(136);
    (left.closes, left.client_fin) = (4, 4);
    (left.open_now, left.course, left.held) = (0, stands(0), HeldNow::default());
    assert_eq!(verdict(&left), Verdict::Reusing);
}

#[test]
fn a_lone_peer_that_grows_with_a_request_each_is_not_said_to_reuse() {
    let grows = |to: u64| Figures {
        requests: to,
        held: HeldNow {
            established: to,
            alive: to - 1,
            turns: to,
            ..HeldNow::default()
        },
        course: grew(1, to),
        ..pile(to)
    };
    let alone = |figures: &Figures| {
        judge(&Case {
            norm: &ALONE,
            ..case(figures)
        })
        .verdict
    };
    assert_eq!(alone(&grows(18)), Verdict::InsufficientData);
    assert_eq!(alone(&grows(6)), Verdict::Reusing);
}

#[test]
fn a_pool_that_grows_under_load_is_no_pile() {
    let pace = |ns: u64| Pace {
        p50_ns: Some(ns),
        ..Pace::default()
    };
    let pool = |requests: u64, pause_ns: u64| Figures {
        opens: 5,
        requests,
        hold: pace(200 * MS).into(),
        pause: pace(pause_ns).into(),
        course: grew(6, 11),
        ..pile(11)
    };
    assert_ne!(verdict(&pool(580, 80 * MS)), Verdict::PilingUp);
    assert_eq!(verdict(&pool(60, 80 * MS)), Verdict::PilingUp);
    assert_eq!(verdict(&pool(580, S)), Verdict::PilingUp, "mostly idle");
}

#[test]
fn connects_that_failed_are_told_where_nothing_else_is_known() {
    let said = judged(&Figures {
        failed: 826,
        ..watched()
    });
    assert_eq!(said.verdict, Verdict::InsufficientData);
    assert!(
        said.explanation.contains(", 826 connects failed, "),
        "{}",
        said.explanation
    );
}

#[test]
fn members_of_a_shared_address_may_come_together() {
    let grows = |from: u64, to: u64, closes: u64| Figures {
        closes,
        client_fin: closes,
        course: grew(from, to),
        ..pile(to)
    };
    assert_ne!(verdict(&grows(25, 30, 3)), Verdict::PilingUp);
    assert_eq!(verdict(&grows(25, 30, 0)), Verdict::PilingUp, "none leaves");
    assert_eq!(verdict(&grows(25, 40, 3)), Verdict::PilingUp, "too many for that");
    assert_eq!(verdict(&grows(1, 5, 3)), Verdict::PilingUp);
    let around = |mean: u64, closes: u64| Figures {
        occupancy: Occupancy {
            window_ns: 60 * S,
            held_ms: Some(mean * 60_000),
            ..Occupancy::default()
        },
        ..grows(1, 6, closes)
    };
    assert_ne!(verdict(&around(3, 50)), Verdict::PilingUp, "they come and go");
    assert_eq!(
        verdict(&around(3, 10)),
        Verdict::PilingUp,
        "few have been replaced"
    );
    assert_eq!(
        verdict(&around(1, 50)),
        Verdict::PilingUp,
        "there were never as many"
    );
}

#[test]
fn a_verdict_that_only_stands_says_what_is_seen_now() {
    let figures = good();
    let said = explain(&case(&figures), Verdict::FreshPerRequest);
    assert!(
        said.ends_with("; fresh-per-request was found before, and stands until this has lasted"),
        "{said}"
    );
}

#[test]
fn a_pile_whose_first_connections_have_ended_was_there_before_the_queue_was_stuck() {
    // It began to grow 30 s ago and the queue was stuck 2 s later. Of those that are open, the first that
    // overlapped another was opened 25 s ago.
    let listener = ListenerNow {
        host: None,
        netns: 1,
        port: 80,
        held: 28,
        close_wait: 0,
        never_accepted: 18,
        never_accepted_peak: 18,
        backlog: Backlog::default(),
        accept_queue_peak: 18,
        stuck_since_ns: Some(NOW - 28 * S),
        owner: Owner::Unknown(Reason::NotPermitted),
        max_workers: None,
        busy_workers: None,
        per_second: None,
        exhausted_in_s: None,
    };
    let with = |closes: u64, since_ns: u64| {
        let figures = Figures {
            closes,
            server_fin: closes,
            waiting: Waiting {
                now: 18,
                oldest_ns: 22 * S,
            },
            first_overlap_ns: Some(NOW - 25 * S),
            course: Course {
                since_ns,
                closes_since: closes,
                ..grew(1, 20)
            },
            ..pile(20)
        };
        let said = judge(&Case {
            listener: Some(&listener),
            ..case(&figures)
        });
        (said.verdict, said.also)
    };
    let (pile, queue) = (Verdict::PilingUp, Verdict::NeverAccepted);
    assert_eq!(with(6, NOW - 30 * S), (pile, vec![queue]));
    assert_eq!(with(6, NOW - 26 * S), (queue, vec![pile]), "it grew later");
    assert_eq!(with(0, NOW - 30 * S), (queue, vec![pile]), "none has ended");
}

#[test]
fn a_stream_is_no_idle_connection_in_hand() {
    // Beside a stream, others that the client ends after 3 s without data.
    let beside = |streams: u64| Figures {
        opens_with_none: 0,
        open_now: 2,
        open_peak: 3,
        lifetime_sum_ns: 20 * 3 * S,
        course: Course { peak: 3, ..stands(2) },
        occupancy: Occupancy {
            window_ns: 60 * S,
            held_ms: Some(110_000),
            busy_ms: Some(0),
            ..Occupancy::default()
        },
        held: HeldNow {
            established: 2,
            streams,
            alive: 1,
            ..HeldNow::default()
        },
        ..by_client(one_by_one(20, 1, 3 * S))
    };
    assert_eq!(verdict(&beside(0)), Verdict::FreshPerRequest);
    assert_eq!(verdict(&beside(1)), Verdict::ClientIdleClose);
}
