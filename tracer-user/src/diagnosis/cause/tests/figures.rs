//! Figures with the signature of each verdict.

use super::{MS, S};
use crate::{
    diagnosis::{CloseWait, Course, Figures, HeldNow, Idle, Lingering, Sparse, Verdict, Waiting},
    model::{counters::Plain, durations::Cluster, peer::Closes, turns::Turns, window::Looks},
};

/// When the figures are taken, monotonic, ns.
pub(super) const NOW: u64 = 1_000 * S;

/// Figures of a minute in which nothing happened.
pub(super) fn watched() -> Figures {
    Figures {
        span_ns: 60 * S,
        ..Figures::default()
    }
}

/// A connection count that grew over the last half minute.
pub(super) fn grew(from: u64, to: u64) -> Course {
    Course {
        start: from,
        low: from,
        peak: to,
        end: to,
        grown: to - from,
        since_ns: NOW - 30 * S,
        lately: (to - from) / 3,
        closes_since: 0,
        closes_at_once: 0,
    }
}

/// A connection count that does not change.
pub(super) fn stands(held: u64) -> Course {
    Course {
        start: held,
        low: held,
        peak: held,
        end: held,
        grown: 0,
        since_ns: NOW,
        lately: 0,
        closes_since: 0,
        closes_at_once: 0,
    }
}

/// `n` idle times between two limits.
pub(super) fn idle(n: u64, low_ns: u64, high_ns: u64) -> Sparse<Idle> {
    let idle = Idle {
        count: n,
        p50_ns: Some(low_ns.midpoint(high_ns)),
        max_ns: Some(high_ns),
        cluster: Some(Cluster {
            low_ns,
            high_ns,
            count: n,
        }),
        bucket: None,
        at_once: if high_ns <= 51 * MS { n } else { 0 },
    };
    idle.into()
}

/// `n` connections with the same number of turns.
pub(super) fn turns_each(n: u64, turns: u32) -> Turns {
    let mut all = Turns {
        sum: n * u64::from(turns),
        max: u64::from(turns),
        ..Turns::default()
    };
    all.buckets.add(
        tracer_ebpf::buckets::turn_bucket(turns) as usize,
        u32::try_from(n).unwrap(),
    );
    all
}

/// `n` connections one after the other, each with `turns` requests, idle for `idle_ns` at the end.
pub(super) fn one_by_one(n: u64, turns: u32, idle_ns: u64) -> Figures {
    Figures {
        opens: n,
        opens_with_none: n,
        closes: n,
        requests: n * u64::from(turns),
        open_peak: 1,
        lifetime_sum_ns: n * (100 * MS + idle_ns),
        // Ages vary at random.
        age: Idle {
            p50_ns: Some(100 * MS + idle_ns),
            ..*idle(n, 100 * MS, 300 * MS + 2 * idle_ns)
        }
        .into(),
        idle: idle(n, idle_ns, idle_ns + 12 * MS),
        turns: turns_each(n, turns),
        turns_counted: true,
        bytes_received: Some(200 * n * u64::from(turns)),
        bytes_sent: Some(300 * n * u64::from(turns)),
        ..watched()
    }
}

pub(super) fn by_client(figures: Figures) -> Figures {
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
        }
        .into(),
        ..figures
    }
}

pub(super) fn by_server(figures: Figures) -> Figures {
    Figures {
        server_fin: figures.closes,
        close_reasons: Closes {
            local_fin: figures.closes,
            ..Closes::default()
        },
        ..figures
    }
}

pub(super) fn by_reset(figures: Figures) -> Figures {
    Figures {
        client_rst: figures.closes,
        close_reasons: Closes {
            remote_rst: figures.closes,
            ..Closes::default()
        },
        ..figures
    }
}

pub(super) fn fresh(n: u64) -> Figures {
    by_client(one_by_one(n, 1, 0))
}

/// The client gives up after 3 s on polls the server holds for 10 s.
pub(super) fn abort(n: u64) -> Figures {
    let figures = by_client(one_by_one(n, 1, 3 * S));
    Figures {
        counted: Plain {
            unanswered: n,
            ..Plain::default()
        },
        bytes_sent: Some(0),
        close_wait: CloseWait {
            entered: n + 3,
            left: n,
            now: 3,
            oldest_ns: Some(6 * S),
            p50_ns: Some(7 * S),
            longest_ns: Some(7 * S),
            ..CloseWait::default()
        }
        .into(),
        lingering: Some(Box::new(Lingering {
            unanswered_ns: vec![S, 3 * S, 6 * S],
            ..Lingering::default()
        })),
        ..figures
    }
}

/// `n` established connections, all of them alive, opened one by one.
pub(super) fn pile(n: u64) -> Figures {
    Figures {
        opens: n,
        open_now: n,
        open_peak: n,
        overlaps: n - 1,
        requests: 9 * n,
        course: grew(1, n),
        held: HeldNow {
            established: n,
            alive: n - 1,
            reused: n,
            turns: 9 * n,
            ..HeldNow::default()
        },
        turns_counted: true,
        bytes_received: Some(200 * n),
        bytes_sent: Some(300 * n),
        ..watched()
    }
}

/// One live connection, and `n` whose path has died.
pub(super) fn dead(n: u64) -> Figures {
    let mut figures = pile(n + 1);
    figures.held.alive = 0;
    figures.held.dead = n;
    figures.held.dead_longest_ns = 20 * S;
    figures
}

/// `n` accepted connections that the client closed some time ago.
pub(super) fn leak(n: u64, age_ns: u64) -> Figures {
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
        }
        .into(),
        lingering: Some(Box::new(Lingering {
            answered_ns: vec![age_ns; usize::try_from(n).unwrap()],
            ..Lingering::default()
        })),
        bytes_received: Some(200 * n),
        bytes_sent: Some(300 * n),
        turns_counted: true,
        ..watched()
    }
}

/// One connection that nobody accepts.
pub(super) fn queued() -> Figures {
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
        ..watched()
    }
}

/// One connection with many turns.
pub(super) fn good() -> Figures {
    Figures {
        opens: 1,
        open_now: 1,
        open_peak: 1,
        requests: 40,
        course: stands(1),
        held: HeldNow {
            established: 1,
            reused: 1,
            turns: 40,
            ..HeldNow::default()
        },
        bytes_received: Some(8000),
        bytes_sent: Some(12000),
        turns_counted: true,
        ..watched()
    }
}

/// A core that is kept, and `n` connections above it that the client closes after a few requests each.
pub(super) fn overflow(n: u64) -> Figures {
    let mut turns = turns_each(n / 2, 1);
    for more in [3, 6, 20, 60] {
        turns.note(more);
    }
    Figures {
        opens_with_none: 0,
        open_now: 10,
        open_peak: 14,
        requests: 30 * n,
        course: Course {
            low: 9,
            peak: 14,
            ..stands(10)
        },
        looks: Looks {
            looks: 30,
            established: 330,
            busy: 240,
            none_idle: 6,
            just_opened: 12,
            beside_free: 1,
            empty: 0,
        }
        .into(),
        held: HeldNow {
            established: 10,
            reused: 9,
            alive: 9,
            ..HeldNow::default()
        },
        turns,
        ..fresh(n)
    }
}

/// Connections that the server ends at an age of 3 s, whatever they carry.
pub(super) fn aged(n: u64) -> Figures {
    let mut turns = turns_each(n - 1, 5);
    turns.note(6);
    Figures {
        turns,
        requests: 5 * n + 1,
        lifetime_sum_ns: 3 * n * S,
        age: Idle {
            p50_ns: Some(3 * S),
            ..*idle(n, 3 * S, 3 * S + 40 * MS)
        }
        .into(),
        ..by_server(one_by_one(n, 5, 0))
    }
}

/// Connections opened one after the other, each used for a time and then never again.
pub(super) fn abandoned(n: u64) -> Figures {
    let mut figures = pile(n);
    figures.requests = n;
    figures.held = HeldNow {
        established: n,
        silent: n - 1,
        turns: n,
        ..HeldNow::default()
    };
    figures
}

/// Far more connections than others hold, with none opened or closed.
pub(super) fn crowd(n: u64) -> Figures {
    Figures {
        opens: 0,
        overlaps: 0,
        seeded: n,
        course: stands(n),
        ..pile(n)
    }
}

/// Connections that one side ends, at no constant idle time, age or number of requests.
pub(super) fn whenever(n: u64) -> Figures {
    Figures {
        idle: Idle {
            count: n,
            p50_ns: Some(4 * S),
            max_ns: Some(40 * S),
            cluster: Some(Cluster {
                low_ns: 2 * S,
                high_ns: 6 * S,
                count: n / 3,
            }),
            bucket: None,
            at_once: 0,
        }
        .into(),
        turns: {
            let mut turns = turns_each(n / 2, 1);
            (0..n - n / 2).for_each(|_| turns.note(3));
            turns
        },
        requests: 2 * n,
        ..one_by_one(n, 2, 4 * S)
    }
}

/// Connections that carried no data.
pub(super) fn scan(n: u64) -> Figures {
    Figures {
        bytes_received: Some(0),
        bytes_sent: Some(0),
        ..by_client(one_by_one(n, 0, 0))
    }
}

/// Connections over TLS that end without a request.
pub(super) fn handshakes(n: u64) -> Figures {
    let figures = by_client(one_by_one(n, 0, 0));
    Figures {
        bytes_received: Some(500 * n),
        bytes_sent: Some(3000 * n),
        requests_told: true,
        counted: Plain {
            handshakes_alone: n,
            ..figures.counted
        },
        ..figures
    }
}

/// A signature for each verdict.
pub(super) fn signatures() -> Vec<(Verdict, Figures)> {
    vec![
        (Verdict::CloseWaitLeak, leak(5, 30 * S)),
        (Verdict::PilingUp, pile(10)),
        (Verdict::HalfOpen, dead(3)),
        (Verdict::Abandoned, abandoned(8)),
        (Verdict::EarlyAbort, abort(8)),
        (Verdict::NeverAccepted, queued()),
        (Verdict::HandshakeFailed, handshakes(8)),
        (Verdict::PathCut, by_reset(one_by_one(6, 2, 60 * S))),
        (Verdict::PoolOverflow, overflow(20)),
        (Verdict::ServerIdleClose, by_server(one_by_one(6, 1, 5 * S))),
        (Verdict::RequestLimitClose, by_server(one_by_one(6, 11, 0))),
        (Verdict::LifetimeClose, aged(8)),
        (Verdict::ClientIdleClose, by_client(one_by_one(6, 1, 3 * S))),
        (Verdict::FreshPerRequest, fresh(20)),
        (Verdict::FreshPerRequest, by_server(one_by_one(20, 1, 0))),
        (Verdict::ServerClose, by_server(whenever(20))),
        (Verdict::ManyHeld, crowd(30)),
        (Verdict::Stray, scan(30)),
        (Verdict::Reusing, good()),
        (Verdict::InsufficientData, watched()),
    ]
}
