//! Pools that do what pools do: they fill, breathe and renew their connections. Some are too small.

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

/// A pool with nobody beside it.
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

/// Load rises for a while and stays.
fn fills() -> Scenario {
    lone("pool-fills", 2, 12, Course::Rises(ms(8_000)), 20)
}

fn breathes() -> Scenario {
    lone("pool-breathes", 4, 10, Course::Breathes(ms(6_000)), 20)
}

/// Four connections for what takes five on average, beside a pool that has enough.
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

/// Of constant size. A connection in some sixty polls is no fault, whatever it ends after.
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

/// With nobody to be compared with, and a connection for some twenty polls.
fn recycled_alone() -> Scenario {
    let renewing = renewing(8, Renewal::Polls(20), 60, 60);
    let groups = vec![group("pool", 1, renewing, POOLED)];
    scenario("pool-recycled-alone", Knobs::default(), 12, groups)
}

/// A server, or a balancer before it, that ends every connection when it is 3 s old, used or not.
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

/// The client's pool ends them at that age, after a few polls each.
fn ended_by_age_of_client() -> Scenario {
    let renewal = Renewal::Age(ms(3_000));
    // With five polls in one rhythm on each, it looks as if it closed after five, which is no fault.
    let truth = &["reusing", "lifetime-close"];
    let groups = vec![
        group("one connection", 3, renewing(1, renewal, 300, 250), truth),
        group("a pool", 2, renewing(4, renewal, 300, 250), truth),
        innocents(5),
    ];
    scenario("lifetime-client", Knobs::default(), 15, groups)
}
