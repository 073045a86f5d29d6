//! Clients that are seen from their own host too: the same connections have another side there, and
//! somebody else to act.

use super::*;

pub(super) fn all() -> Vec<Scenario> {
    vec![forgotten(), client_leak(), stale_pool()]
}

/// A way that forgets idle connections without a word. The server, which has nothing to send, cannot
/// tell that from a client that forgot them; the client, whose requests go into the void, can.
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

/// A client that opens a connection for each request and never closes one, when the server has done
/// so long ago.
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

/// A pool whose connections the server closes between bursts, and which finds out with the next one:
/// CLOSE_WAIT, but no leak.
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
