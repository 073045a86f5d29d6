//! Clients and server settings that waste connections: one at a time, next to clients that do nothing wrong.

use super::*;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        reusing(),
        fresh(),
        keep_alive_off(),
        server_idle(),
        client_idle(),
        request_limit(),
        high_request_limit(),
        never_used(),
        probes(),
        piling_held(),
        piling_idle(),
        stray(),
        stray_unfiltered(),
    ]
}

fn reusing() -> Scenario {
    let pool = Behaviour::Reuse {
        connections: 6,
        hold: ms(500),
        pause: ms(300),
        notices: Notices::AtOnce,
    };
    // Renews its connections now and then, as some pools do.
    let renewing = Behaviour::IdleClose {
        polls: 8,
        hold: ms(300),
        idle: ms(0),
        pause: ms(20),
        reset: false,
    };
    let truth = &["reusing"];
    let groups = vec![
        group("steady", 4, reuse(600, 100), truth),
        group("slow", 4, reuse(300, 1400), truth),
        group("pool", 4, pool, truth),
        group("renewing", 4, renewing, truth),
    ];
    scenario("reusing", keep_alive(2000), 9, groups)
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
    scenario("server-idle-close", keep_alive(1000), 12, groups)
}

fn client_idle() -> Scenario {
    let closing = |polls| Behaviour::IdleClose {
        polls,
        hold: ms(120),
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
    scenario("client-idle-close", keep_alive(3000), 12, groups)
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
    scenario("request-limit-close", knobs, 10, groups)
}

/// A limit that hardly matters: one new connection per thousand polls.
fn high_request_limit() -> Scenario {
    let knobs = Knobs {
        max_keep_alive_requests: 1_000,
        ..Knobs::default()
    };
    let groups = vec![group("quick", 3, reuse(0, 1), &["reusing"])];
    scenario("request-limit-1000", knobs, 15, groups)
}

/// Opens connections while it holds idle ones, which the server closes eventually. That does not mean that
/// the keep-alive timeout is too short.
fn never_used() -> Scenario {
    let hoarding = Behaviour::Hoard {
        every: ms(1_500),
        hold: ms(50),
        closes: true,
    };
    let groups = vec![
        group("hoarding", 4, hoarding, &["fresh-per-request"]),
        innocents(6),
    ];
    scenario("never-used", keep_alive(5_000), 20, groups)
}

/// Health checks: a tiny request once a second, each on a new connection.
fn probes() -> Scenario {
    let probing = Behaviour::Fresh {
        hold: ms(0),
        pause: ms(1_000),
        asks: true,
    };
    let groups = vec![
        group("probing", 3, probing, &["stray", "fresh-per-request"]),
        innocents(5),
    ];
    scenario("probes", Knobs::default(), 12, groups)
}

fn piling_held() -> Scenario {
    let pile = |hold| Behaviour::Pile {
        at_once: 0,
        every: ms(900),
        most: 64,
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
        at_once: 0,
        every: ms(800),
        most: 64,
        hold: ms(150),
        pause: ms(1300),
    };
    let groups = vec![group("idle", 5, pile, &["piling-up"]), innocents(4)];
    scenario("piling-up-idle", keep_alive(2000), 10, groups)
}

fn stray() -> Scenario {
    scenario("stray", Knobs::default(), 7, strays())
}

fn stray_unfiltered() -> Scenario {
    let knobs = Knobs {
        defer_accept: false,
        ..Knobs::default()
    };
    scenario("stray-unfiltered", knobs, 7, strays())
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
