//! Addresses that many users share: the number held stands still while members come and go, and
//! accuses nobody.

use super::*;

pub(super) fn all() -> Vec<Scenario> {
    vec![nat_alone(), nat_beside(), nat_from_before(), restart()]
}

const SHARED: &[&str] = &["reusing", "many-held"];

/// Users behind one address who stay for some seconds and some ten polls.
const fn members(members: u16, stay: u64) -> Behaviour {
    Behaviour::Members {
        members,
        stay: ms(stay),
        away: ms(150),
        hold: ms(250),
        pause: ms(100),
    }
}

/// With nobody to be compared with.
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

/// Some members are those of before, others come while it is traced.
fn nat_from_before() -> Scenario {
    Scenario {
        name: "nat-from-before",
        warm_up: ms(3_000),
        tracing: ms(16_000),
        ..nat_beside()
    }
}

/// The server restarts, and everybody reconnects at once: a return to what was held before.
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
