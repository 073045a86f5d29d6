//! Connections that are cut off, given up, forgotten or leaked: one cause at a time, next to clients that do
//! nothing wrong.

use super::*;

/// Keep-alive probes that detect a dead path within seconds instead of hours.
pub(super) const QUICK_PROBES: &[(&str, &str)] = &[
    ("net.ipv4.tcp_keepalive_time", "1"),
    ("net.ipv4.tcp_keepalive_intvl", "1"),
    ("net.ipv4.tcp_keepalive_probes", "4"),
];

/// Retransmission gives up after some 6 s instead of 15 minutes.
const FEW_RETRIES: &[(&str, &str)] = &[("net.ipv4.tcp_retries2", "4")];

pub(super) fn all() -> Vec<Scenario> {
    vec![
        half_open(),
        half_open_reply(),
        half_open_closed(),
        path_cut(),
        early_abort(),
        early_abort_long(),
        early_abort_kept(),
        leak(),
        leak_of_some(),
    ]
}

/// The path dies during a long hold, so that only the server's keep-alive probes detect it.
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
        ..scenario("half-open", Knobs::default(), 13, groups)
    }
}

/// The reply is sent into the dead path, and the server's keep-alive timeout is longer than the
/// retransmissions.
fn half_open_reply() -> Scenario {
    let groups = vec![
        group("dying", 4, DYING_BEFORE_REPLY, &["half-open"]),
        innocents(4),
    ];
    Scenario {
        sysctls: FEW_RETRIES,
        ..scenario("half-open-reply", keep_alive(20_000), 14, groups)
    }
}

/// The same, except that the server closes before its kernel stops retransmitting.
fn half_open_closed() -> Scenario {
    let groups = vec![
        group("dying", 4, DYING_BEFORE_REPLY, &["half-open"]),
        innocents(4),
    ];
    Scenario {
        sysctls: FEW_RETRIES,
        ..scenario("half-open-closed", keep_alive(2_000), 12, groups)
    }
}

const DYING_BEFORE_REPLY: Behaviour = Behaviour::HalfOpen {
    polls: 2,
    hold: ms(200),
    last_hold: ms(500),
    patience: ms(1_300),
};

fn path_cut() -> Scenario {
    let cut = |polls| Behaviour::IdleClose {
        polls,
        hold: ms(120),
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
    scenario("path-cut", keep_alive(3000), 12, groups)
}

fn early_abort() -> Scenario {
    let truth = &["early-abort"];
    let groups = vec![
        group("FIN", 4, giving_up(0, 3_000, 800, false), truth),
        group("RST", 4, giving_up(0, 3_000, 800, true), truth),
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

/// Holds longer than the time that counts as a leak when the hold is not known.
fn early_abort_long() -> Scenario {
    let groups = vec![
        group("FIN", 4, giving_up(0, 7_500, 1_000, false), &["early-abort"]),
        innocents(4),
    ];
    scenario("early-abort-long", Knobs::default(), 18, groups)
}

/// Some polls succeed before one is given up.
fn early_abort_kept() -> Scenario {
    // The reset comes while a poll is pending; a firewall would reset an idle connection.
    let groups = vec![
        group("FIN", 4, giving_up(2, 3_000, 800, false), &["early-abort"]),
        group("RST", 4, giving_up(2, 3_000, 800, true), &["early-abort"]),
        innocents(4),
    ];
    scenario("early-abort-kept", Knobs::default(), 14, groups)
}

const fn giving_up(polls: u32, hold: u64, patience: u64, reset: bool) -> Behaviour {
    Behaviour::GiveUp {
        polls,
        hold: ms(hold),
        patience: ms(patience),
        pause: ms(100),
        reset,
    }
}

fn leak() -> Scenario {
    let leaking = Behaviour::MeetLeak {
        one_in: 1,
        hold: ms(50),
        pause: ms(700),
    };
    let groups = vec![group("leaked", 4, leaking, &["close-wait-leak"]), innocents(4)];
    Scenario {
        server: Server::Leaky,
        ..scenario("close-wait-leak", Knobs::default(), 10, groups)
    }
}

/// One path in three leaks; the same process closes the connections of the others correctly.
fn leak_of_some() -> Scenario {
    let leaking = Behaviour::MeetLeak {
        one_in: 3,
        hold: ms(50),
        pause: ms(250),
    };
    let groups = vec![group("leaked", 4, leaking, &["close-wait-leak"]), innocents(4)];
    Scenario {
        server: Server::Leaky,
        ..scenario("close-wait-leak-some", Knobs::default(), 12, groups)
    }
}
