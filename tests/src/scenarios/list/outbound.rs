//! Clients whose own host is traced too. There the same connections are outbound, and someone else has to
//! act.

use super::*;

pub(super) fn all() -> Vec<Scenario> {
    vec![forgotten(), client_leak(), stale_pool()]
}

/// A path that silently forgets idle connections. The server has nothing to send, so to it the client seems
/// to have abandoned them. The client can tell, because its requests get no reply.
fn forgotten() -> Scenario {
    let forgotten = Behaviour::Forgotten {
        polls: 3,
        hold: ms(150),
        idle: ms(1_200),
        patience: ms(1_200),
    };
    let groups = vec![
        group("forgotten", 4, forgotten, &["abandoned", "half-open"]).seen_from_client(&["half-open"]),
        innocents(5).seen_from_client(&["reusing"]),
    ];
    scenario("forgotten-paths", keep_alive(60_000), 15, groups)
}

/// A client that opens a connection for each request and never closes one, although the server has closed
/// long ago.
fn client_leak() -> Scenario {
    let leaking = Behaviour::Hoard {
        every: ms(700),
        hold: ms(50),
        closes: false,
    };
    let groups = vec![
        group(
            "leaking",
            3,
            leaking,
            &["fresh-per-request", "piling-up", "abandoned"],
        )
        .seen_from_client(&["close-wait-leak"]),
        innocents(5).seen_from_client(&["reusing"]),
    ];
    scenario("client-leak", keep_alive(1_000), 15, groups)
}

/// A pool whose connections the server closes between bursts. The pool notices only at the next burst. It has
/// connections in CLOSE_WAIT until then, but no leak.
fn stale_pool() -> Scenario {
    let bursts = Behaviour::Reuse {
        connections: 5,
        hold: ms(100),
        pause: ms(3_000),
        notices: Notices::WithTheNextPoll,
    };
    let truth = &["server-idle-close"];
    let groups = vec![
        group("bursts", 3, bursts, truth).seen_from_client(truth),
        innocents(5).seen_from_client(&["reusing"]),
    ];
    scenario("stale-pool", keep_alive(1_200), 15, groups)
}
