//! Pools that behave as pools should: they fill, follow the load and renew their connections. Some are too
//! small.

use super::*;
use crate::scenarios::behaviour::{Course, Renewal};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        fills(),
        breathes(),
        too_small(),
        recycled(),
        recycled_alone(),
        ended_by_age_of_server(),
        ended_by_age_of_client(),
    ]
}

const POOLED: &[&str] = &["reusing", "many-held"];

/// A pool without other clients to compare it with.
fn lone(name: &'static str, least: u16, most: u16, course: Course, seconds: u64) -> Scenario {
    let load = Behaviour::Load {
        least,
        most,
        course,
        hold: ms(150),
        pause: ms(250),
    };
    scenario(
        name,
        Knobs::default(),
        seconds,
        vec![group("pool", 1, load, POOLED)],
    )
}

/// The load rises for a while and stays high.
fn fills() -> Scenario {
    lone("pool-fills", 2, 12, Course::Rises(ms(8_000)), 20)
}

fn breathes() -> Scenario {
    lone("pool-breathes", 4, 10, Course::Breathes(ms(6_000)), 20)
}

/// Four connections for a load that needs five on average, next to a pool that is large enough.
fn too_small() -> Scenario {
    let pool = |pool| Behaviour::Threads {
        threads: 14,
        pool,
        hold: ms(120),
        pause: ms(220),
    };
    let groups = vec![
        group("too small", 2, pool(4), &["pool-overflow"]),
        group("well-sized", 1, pool(14), &["reusing"]),
    ];
    scenario("pool-too-small", keep_alive(5_000), 14, groups)
}

const fn renewing(connections: u16, renewal: Renewal, hold: u64, pause: u64) -> Behaviour {
    Behaviour::Renew {
        connections,
        renewal,
        hold: ms(hold),
        pause: ms(pause),
    }
}

/// Pools of constant size. One new connection for some sixty polls is harmless, whatever makes it end.
fn recycled() -> Scenario {
    let groups = vec![
        group(
            "after 60 polls",
            2,
            renewing(6, Renewal::Polls(60), 20, 20),
            POOLED,
        ),
        group(
            "after 4 s",
            2,
            renewing(6, Renewal::Age(ms(4_000)), 20, 20),
            POOLED,
        ),
        innocents(6),
    ];
    scenario("pool-recycled", Knobs::default(), 15, groups)
}

/// No other clients to compare with, and one new connection for some twenty polls.
fn recycled_alone() -> Scenario {
    let renewing = renewing(8, Renewal::Polls(20), 60, 60);
    let groups = vec![group("pool", 1, renewing, POOLED)];
    scenario("pool-recycled-alone", Knobs::default(), 12, groups)
}

/// A server, or a load balancer in front of it, that closes every connection at the age of 3 s, whether used
/// or not.
fn ended_by_age_of_server() -> Scenario {
    let socket = Behaviour::Stream {
        streams: 1,
        apart: ms(0),
        kind: Stream::WebSocket,
        every: ms(400),
        pause: ms(400),
    };
    let truth = &["lifetime-close"];
    let groups = vec![
        group("WebSocket", 3, socket, truth),
        group("polls", 3, reuse(100, 250), truth),
    ];
    Scenario {
        server: Server::Own(Manner { age: Some(ms(3_000)) }),
        ..scenario("lifetime-server", Knobs::default(), 15, groups)
    }
}

/// The client's pool closes its connections at that age, after a few polls each.
fn ended_by_age_of_client() -> Scenario {
    let renewal = Renewal::Age(ms(3_000));
    // A regular rhythm gives every connection five polls, so a limit of five polls, which is harmless, is
    // also right.
    let truth = &["reusing", "lifetime-close"];
    let groups = vec![
        group("one connection", 3, renewing(1, renewal, 300, 250), truth),
        group("a pool", 2, renewing(4, renewal, 300, 250), truth),
        innocents(5),
    ];
    scenario("lifetime-client", Knobs::default(), 15, groups)
}
