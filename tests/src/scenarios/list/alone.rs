//! One cause at a time, beside clients that do nothing wrong.

use super::*;

/// The kernel tells within seconds, not hours, that nobody is there.
const QUICK_PROBES: &[(&str, &str)] = &[
    ("net.ipv4.tcp_keepalive_time", "1"),
    ("net.ipv4.tcp_keepalive_intvl", "1"),
    ("net.ipv4.tcp_keepalive_probes", "4"),
];

/// Gives up after some 6 s of retransmissions, not 15 minutes.
const FEW_RETRIES: &[(&str, &str)] = &[("net.ipv4.tcp_retries2", "4")];

pub(super) fn all() -> Vec<Scenario> {
    [
        vec![reusing(), fresh(), keep_alive_off(), server_idle(), client_idle()],
        vec![
            request_limit(),
            piling_held(),
            piling_idle(),
            half_open(),
            half_open_reply(),
        ],
        vec![
            half_open_closed(),
            early_abort(),
            early_abort_long(),
            leak(),
            path_cut(),
        ],
        vec![stray(), stray_unfiltered()],
    ]
    .concat()
}

fn reusing() -> Scenario {
    let pool = Behaviour::Reuse {
        connections: 6,
        hold: ms(500),
        pause: ms(300),
        notices: Notices::AtOnce,
    };
    let truth = &["reusing"];
    let groups = vec![
        group("steady", 4, reuse(600, 100), truth),
        group("slow", 4, reuse(300, 1400), truth),
        group("pool", 4, pool, truth),
    ];
    scenario("reusing", keep_alive(2000), 10, groups)
}

fn fresh() -> Scenario {
    let (hold, pause) = (ms(150), ms(250));
    let client_closes = Behaviour::Fresh {
        hold,
        pause,
        asks: false,
    };
    let asks = Behaviour::Fresh {
        hold,
        pause,
        asks: true,
    };
    let truth = &["fresh-per-request"];
    let groups = vec![
        group("client closes", 4, client_closes, truth),
        group("client asks", 4, asks, truth),
        innocents(4),
    ];
    scenario("fresh-per-request", Knobs::default(), 8, groups)
}

fn keep_alive_off() -> Scenario {
    let knobs = Knobs {
        keep_alive: false,
        ..Knobs::default()
    };
    let groups = vec![group("no keep-alive", 6, reuse(300, 100), &["fresh-per-request"])];
    scenario("fresh-keep-alive-off", knobs, 8, groups)
}

fn server_idle() -> Scenario {
    let pausing = |notices| Behaviour::Reuse {
        connections: 1,
        hold: ms(200),
        pause: ms(1500),
        notices,
    };
    let truth = &["server-idle-close"];
    let groups = vec![
        group("watchful", 4, pausing(Notices::AtOnce), truth),
        group("late", 4, pausing(Notices::WithTheNextPoll), truth),
        innocents(4),
    ];
    scenario("server-idle-close", keep_alive(1000), 14, groups)
}

fn client_idle() -> Scenario {
    let closing = |polls| Behaviour::IdleClose {
        polls,
        hold: ms(200),
        idle: ms(900),
        pause: ms(500),
        reset: false,
    };
    let truth = &["client-idle-close"];
    let groups = vec![
        group("one poll", 4, closing(1), truth),
        group("three polls", 4, closing(3), truth),
        innocents(4),
    ];
    scenario("client-idle-close", keep_alive(3000), 14, groups)
}

fn request_limit() -> Scenario {
    let knobs = Knobs {
        max_keep_alive_requests: 5,
        ..Knobs::default()
    };
    let truth = &["request-limit-close"];
    let groups = vec![
        group("quick", 4, reuse(100, 10), truth),
        group("slower", 4, reuse(200, 50), truth),
    ];
    scenario("request-limit-close", knobs, 12, groups)
}

fn piling_held() -> Scenario {
    let pile = |hold| Behaviour::Pile {
        every: ms(900),
        hold: ms(hold),
        pause: ms(50),
    };
    let truth = &["piling-up"];
    let groups = vec![
        group("held for 4 s", 3, pile(4_000), truth),
        group("held for 30 s", 3, pile(30_000), truth),
        innocents(4),
    ];
    scenario("piling-up-held", Knobs::default(), 12, groups)
}

fn piling_idle() -> Scenario {
    let pile = Behaviour::Pile {
        every: ms(800),
        hold: ms(150),
        pause: ms(1300),
    };
    let groups = vec![group("idle", 5, pile, &["piling-up"]), innocents(4)];
    scenario("piling-up-idle", keep_alive(2000), 10, groups)
}

/// The way dies while a poll is held for long: only the probes of the server's kernel tell.
fn half_open() -> Scenario {
    let dying = Behaviour::HalfOpen {
        polls: 2,
        hold: ms(300),
        last_hold: ms(20_000),
        patience: ms(1_200),
    };
    let groups = vec![
        group("dying", 4, dying, &["half-open"]),
        group("held for 3 s", 2, reuse(3_000, 50), &["reusing"]),
        innocents(3),
    ];
    Scenario {
        sysctls: QUICK_PROBES,
        ..scenario("half-open", Knobs::default(), 16, groups)
    }
}

/// The reply goes into the dead way, and the server keeps the connection for longer than that.
fn half_open_reply() -> Scenario {
    let groups = vec![
        group("dying", 4, DYING_BEFORE_REPLY, &["half-open"]),
        innocents(4),
    ];
    Scenario {
        sysctls: FEW_RETRIES,
        ..scenario("half-open-reply", keep_alive(20_000), 16, groups)
    }
}

/// The same, and the server closes before its kernel has given up.
fn half_open_closed() -> Scenario {
    let groups = vec![
        group("dying", 4, DYING_BEFORE_REPLY, &["half-open"]),
        innocents(4),
    ];
    Scenario {
        sysctls: FEW_RETRIES,
        ..scenario("half-open-closed", keep_alive(2_000), 16, groups)
    }
}

const DYING_BEFORE_REPLY: Behaviour = Behaviour::HalfOpen {
    polls: 2,
    hold: ms(200),
    last_hold: ms(500),
    patience: ms(1_300),
};

fn early_abort() -> Scenario {
    let truth = &["early-abort"];
    let groups = vec![
        group("FIN", 4, giving_up(3_000, 800, false), truth),
        group("RST", 4, giving_up(3_000, 800, true), truth),
        innocents(4),
    ];
    Scenario {
        options: Options {
            hold_ns: Some(3_000_000_000),
            ..Options::default()
        },
        ..scenario("early-abort", Knobs::default(), 12, groups)
    }
}

/// Holds that last longer than what is taken for a leak when nothing is known of the hold.
fn early_abort_long() -> Scenario {
    let groups = vec![
        group("FIN", 4, giving_up(7_500, 1_000, false), &["early-abort"]),
        innocents(4),
    ];
    scenario("early-abort-long", Knobs::default(), 20, groups)
}

const fn giving_up(hold: u64, patience: u64, reset: bool) -> Behaviour {
    Behaviour::GiveUp {
        hold: ms(hold),
        patience: ms(patience),
        pause: ms(100),
        reset,
    }
}

fn leak() -> Scenario {
    let leaking = Behaviour::MeetLeak {
        hold: ms(50),
        pause: ms(700),
    };
    let groups = vec![group("leaked", 4, leaking, &["close-wait-leak"]), innocents(4)];
    Scenario {
        server: Server::Leaky,
        ..scenario("close-wait-leak", Knobs::default(), 10, groups)
    }
}

fn path_cut() -> Scenario {
    let cut = |polls| Behaviour::IdleClose {
        polls,
        hold: ms(200),
        idle: ms(1000),
        pause: ms(400),
        reset: true,
    };
    let truth = &["path-cut"];
    let groups = vec![
        group("one poll", 4, cut(1), truth),
        group("three polls", 4, cut(3), truth),
        innocents(4),
    ];
    scenario("path-cut", keep_alive(3000), 14, groups)
}

fn stray() -> Scenario {
    scenario("stray", Knobs::default(), 10, strays())
}

fn stray_unfiltered() -> Scenario {
    let knobs = Knobs {
        defer_accept: false,
        ..Knobs::default()
    };
    scenario("stray-unfiltered", knobs, 10, strays())
}

fn strays() -> Vec<Group> {
    let truth = &["stray", "insufficient-data"];
    vec![
        group("knocking", 4, Behaviour::Knock { every: ms(800) }, &["stray"]),
        group("knocking once", 2, Behaviour::Knock { every: ms(60_000) }, truth),
        group("dribbling", 3, Behaviour::Dribble { every: ms(1000) }, truth),
        innocents(4),
    ]
}
