//! Several causes at once, and causes that affect few or many clients.

use super::*;

const FRESH: Behaviour = Behaviour::Fresh {
    hold: ms(150),
    pause: ms(250),
    asks: false,
};

const PILE: Behaviour = Behaviour::Pile {
    at_once: 0,
    every: ms(900),
    most: 64,
    hold: ms(150),
    pause: ms(900),
};

const CLIENT_IDLE: Behaviour = Behaviour::IdleClose {
    polls: 2,
    hold: ms(200),
    idle: ms(700),
    pause: ms(400),
    reset: false,
};

const CUT: Behaviour = Behaviour::IdleClose {
    polls: 2,
    hold: ms(200),
    idle: ms(1000),
    pause: ms(400),
    reset: true,
};

pub(super) fn all() -> Vec<Scenario> {
    vec![one_percent(), half(), everybody(), already(), nat(), mixture()]
}

fn one_percent() -> Scenario {
    let groups = vec![innocents(99), group("fresh", 1, FRESH, &["fresh-per-request"])];
    scenario("one-percent", Knobs::default(), 8, groups)
}

fn half() -> Scenario {
    let groups = vec![
        innocents(24),
        group("fresh", 8, FRESH, &["fresh-per-request"]),
        group("piling", 8, PILE, &["piling-up"]),
        group("client idle", 8, CLIENT_IDLE, &["client-idle-close"]),
    ];
    let knobs = Knobs {
        max_request_workers: 250,
        ..Knobs::default()
    };
    scenario("half", knobs, 12, groups)
}

fn everybody() -> Scenario {
    let groups = vec![group("piling", 20, PILE, &["piling-up"])];
    let knobs = Knobs {
        max_request_workers: 400,
        ..Knobs::default()
    };
    scenario("everybody", knobs, 10, groups)
}

/// All clients were at fault before tracing began, so that the number of connections they held then is not a
/// measure of normal use.
fn already() -> Scenario {
    Scenario {
        name: "already-piling",
        warm_up: ms(5_000),
        ..everybody()
    }
}

/// Many users behind one address, connected before tracing began. Their number alone proves nothing.
fn nat() -> Scenario {
    let behind = Behaviour::Reuse {
        connections: 30,
        hold: ms(500),
        pause: ms(200),
        notices: Notices::AtOnce,
    };
    let groups = vec![
        group("shared address", 2, behind, &["many-held", "reusing"]),
        innocents(8),
    ];
    Scenario {
        warm_up: ms(1_500),
        ..scenario("shared-address", Knobs::default(), 6, groups)
    }
}

/// As many causes as a single server can show at once.
fn mixture() -> Scenario {
    let server_idle = Behaviour::Reuse {
        connections: 1,
        hold: ms(200),
        pause: ms(2_000),
        notices: Notices::WithTheNextPoll,
    };
    let giving_up = |reset| Behaviour::GiveUp {
        polls: 0,
        hold: ms(3_000),
        patience: ms(800),
        pause: ms(100),
        reset,
    };
    let dying = Behaviour::HalfOpen {
        polls: 2,
        hold: ms(300),
        last_hold: ms(20_000),
        patience: ms(1_200),
    };
    let groups = vec![
        innocents(10),
        group("slow", 3, reuse(300, 1_000), &["reusing"]),
        group("fresh", 3, FRESH, &["fresh-per-request"]),
        group("server idle", 3, server_idle, &["server-idle-close"]),
        group("client idle", 3, CLIENT_IDLE, &["client-idle-close"]),
        group("cut", 3, CUT, &["path-cut"]),
        group("piling", 3, PILE, &["piling-up"]),
        group("dying", 3, dying, &["half-open"]),
        group("giving up, FIN", 3, giving_up(false), &["early-abort"]),
        group("giving up, RST", 3, giving_up(true), &["early-abort"]),
        group("knocking", 3, Behaviour::Knock { every: ms(800) }, &["stray"]),
    ];
    let knobs = Knobs {
        max_request_workers: 250,
        ..keep_alive(1_500)
    };
    Scenario {
        sysctls: broken::QUICK_PROBES,
        ..scenario("mixture", knobs, 16, groups)
    }
}
