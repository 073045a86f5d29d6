//! Addresses shared by many users: the number of connections is steady while users come and go. Nobody may be
//! accused.

use super::*;

pub(super) fn all() -> Vec<Scenario> {
    vec![nat_alone(), nat_beside(), nat_from_before(), restart()]
}

const SHARED: &[&str] = &["reusing", "many-held"];

/// Users behind one address, each staying for some seconds and some ten polls.
const fn members(members: u16, stay: u64) -> Behaviour {
    Behaviour::Members {
        members,
        stay: ms(stay),
        away: ms(150),
        hold: ms(250),
        pause: ms(100),
    }
}

/// No other clients to compare with.
fn nat_alone() -> Scenario {
    let groups = vec![group("members", 1, members(12, 4_000), SHARED)];
    scenario("nat-alone", Knobs::default(), 15, groups)
}

fn nat_beside() -> Scenario {
    let groups = vec![
        group("short stays", 1, members(15, 3_000), SHARED),
        group("longer stays", 1, members(15, 5_000), SHARED),
        innocents(12),
    ];
    scenario("nat-beside", Knobs::default(), 15, groups)
}

/// Some users were there before tracing, others arrive during it.
fn nat_from_before() -> Scenario {
    Scenario {
        name: "nat-from-before",
        warm_up: ms(3_000),
        tracing: ms(16_000),
        ..nat_beside()
    }
}

/// The server restarts and everyone reconnects at once, returning to the number held before.
fn restart() -> Scenario {
    let pool = |connections| Behaviour::Reuse {
        connections,
        hold: ms(300),
        pause: ms(200),
        notices: Notices::AtOnce,
    };
    let groups = vec![
        group("one each", 15, reuse(400, 150), &["reusing"]),
        group("pools", 5, pool(4), &["reusing"]),
        group("shared address", 1, pool(25), SHARED),
    ];
    Scenario {
        server: Server::Own(Manner::default()),
        warm_up: ms(1_000),
        restart: Some(ms(6_000)),
        ..scenario("server-restart", Knobs::default(), 14, groups)
    }
}
