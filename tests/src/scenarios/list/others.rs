//! Protocols beside HTTP/1.1: clients that connect for every request, that keep their connections, and whose
//! connections are ended when idle, by the server or by themselves.

use super::*;
use crate::scenarios::installed::{MQTT_DOOR, NODE, POSTGRESQL_DOOR, REDIS_DOOR, SECURE_POSTGRESQL};

pub(super) fn all() -> Vec<Scenario> {
    vec![several(), by_seconds()]
}

fn several() -> Scenario {
    let mut groups = [POSTGRESQL_DOOR, SECURE_POSTGRESQL, NODE]
        .map(of_dialect)
        .concat();
    groups.extend([REDIS_DOOR, MQTT_DOOR].map(without_timeout).concat());
    Scenario {
        server: Server::Installed(&[
            Installed::Redis,
            Installed::PostgreSql,
            Installed::Mosquitto,
            Installed::Node,
        ]),
        ..scenario("other-protocols", Knobs::default(), 16, groups)
    }
}

/// Redis and mosquitto count idle time in whole seconds, so it takes some for Redis's timer to look constant.
/// A client of MQTT chooses the time itself; mosquitto closes up to five seconds later.
fn by_seconds() -> Scenario {
    let idle = |door, truth| {
        let mut groups = vec![group("reusing", 2, REUSING, &["reusing"]).through(door)];
        for behaviour in idle_at_server(7_000) {
            let idle = group("server idle", 2, behaviour, truth);
            groups.push(idle.through(door).seen_from_client(truth));
        }
        groups
    };
    let groups = [
        idle(REDIS_DOOR, &["server-idle-close"]),
        idle(MQTT_DOOR, &["server-idle-close", "server-close"]),
    ];
    Scenario {
        server: Server::Installed(&[Installed::Redis, Installed::Mosquitto]),
        ..scenario("timeouts-by-seconds", Knobs::default(), 50, groups.concat())
    }
}

/// Keeps its connection busy enough for any timeout here.
pub(super) const REUSING: Behaviour = reuse(200, 150);

/// Longer than [`TIMEOUT_MS`](crate::scenarios::installed::TIMEOUT_MS), in ms.
pub(super) const PAUSE: u64 = 2_700;

const FRESH: Behaviour = Behaviour::Fresh {
    hold: ms(20),
    pause: ms(350),
    asks: false,
};

/// Closes before the server would.
pub(super) fn idle_at_client() -> Behaviour {
    Behaviour::IdleClose {
        polls: 2,
        hold: ms(120),
        idle: ms(700),
        pause: ms(400),
        reset: false,
    }
}

/// Pauses for longer than the server keeps a connection.
pub(super) fn idle_at_server(pause: u64) -> [Behaviour; 2] {
    [Notices::AtOnce, Notices::WithTheNextPoll].map(|notices| Behaviour::Reuse {
        connections: 1,
        hold: ms(50),
        pause: ms(pause),
        notices,
    })
}

/// The habits that every protocol has.
pub(super) fn of_dialect(door: Door) -> Vec<Group> {
    let mut all = without_timeout(door);
    let pause = match door.dialect {
        Dialect::PostgreSql => 4_000,
        _ => PAUSE,
    };
    for behaviour in idle_at_server(pause) {
        let truth = &["server-idle-close"];
        let idle = group("server idle", 2, behaviour, truth);
        all.push(idle.through(door).seen_from_client(truth));
    }
    all
}

/// Those that do not depend on the server's timeout.
fn without_timeout(door: Door) -> Vec<Group> {
    let of = |name, behaviour: &Behaviour, truth| {
        group(name, 2, behaviour.clone(), truth)
            .through(door)
            .seen_from_client(truth)
    };
    vec![
        of("reusing", &REUSING, &["reusing"]),
        of("fresh", &FRESH, &["fresh-per-request"]),
        of("client idle", &idle_at_client(), &["client-idle-close"]),
    ]
}
