//! Figures with the signature of each verdict.

use super::{MS, S};
use crate::{
    diagnosis::{CloseWait, Figures, HeldNow, Idle, Lingering, Spread, Verdict, Waiting},
    model::{durations::Cluster, peer::Closes, turns::Turns},
};

pub(super) fn always(ns: u64) -> Spread {
    Spread {
        p50_ns: Some(ns),
        max_ns: Some(ns),
    }
}

/// `n` idle times between two limits.
pub(super) fn idle(n: u64, low_ns: u64, high_ns: u64) -> Idle {
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
        },
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

/// The client gives up after 3 s on polls that the server holds for 10 s.
pub(super) fn abort(n: u64) -> Figures {
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
        },
        lingering: Some(Box::new(Lingering {
            answered_ns: vec![age_ns; usize::try_from(n).unwrap()],
            ..Lingering::default()
        })),
        bytes_received: Some(200 * n),
        bytes_sent: Some(300 * n),
        turns_counted: true,
        ..Figures::default()
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
        ..Figures::default()
    }
}

/// One connection with many turns.
pub(super) fn good() -> Figures {
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
pub(super) fn scan(n: u64) -> Figures {
    Figures {
        bytes_received: Some(0),
        bytes_sent: Some(0),
        ..by_client(one_by_one(n, 0, 0))
    }
}

/// A signature of each verdict.
pub(super) fn signatures() -> Vec<(Verdict, Figures)> {
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
