//! Clients that change during tracing: from bad to good, or from good to bad.

use super::*;
use crate::scenarios::behaviour::Renewal;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        mended(),
        mended_soon(),
        turned("turned-bad-soon", 5, 15),
        turned("turned-bad-late", 16, 30),
        surge_ends(),
        two_surges(),
    ]
}

const FRESH: Behaviour = Behaviour::Fresh {
    hold: ms(150),
    pause: ms(250),
    asks: false,
};

const CLIENT_IDLE: Behaviour = Behaviour::IdleClose {
    polls: 2,
    hold: ms(150),
    idle: ms(700),
    pause: ms(300),
    reset: false,
};

const GIVING_UP: Behaviour = Behaviour::GiveUp {
    polls: 0,
    hold: ms(2_000),
    patience: ms(700),
    pause: ms(100),
    reset: false,
};

const fn pile(every: u64) -> Behaviour {
    Behaviour::Pile {
        at_once: 0,
        every: ms(every),
        most: 64,
        hold: ms(150),
        pause: ms(600),
    }
}

/// Bad for a time, then keeps one connection and closes the others.
fn bad_then_good(
    name: &'static str,
    behaviour: Behaviour,
    bad: u64,
    verdicts: &'static [&'static str],
) -> Group {
    let mended = behaviour.then(ms(bad * 1_000), reuse(300, 100));
    group(name, 3, mended, &["reusing"]).before(ms(bad * 1_000), verdicts)
}

fn mended() -> Scenario {
    let groups = vec![
        bad_then_good("fresh", FRESH, 10, &["fresh-per-request"]),
        bad_then_good("client idle", CLIENT_IDLE, 10, &["client-idle-close"]),
        bad_then_good("giving up", GIVING_UP, 10, &["early-abort"]),
        bad_then_good("piling", pile(700), 10, &["piling-up"]),
        innocents(5),
    ];
    scenario("mended", workers(150), 28, groups)
}

/// A single cause that shows within seconds, for a quick test.
fn mended_soon() -> Scenario {
    let groups = vec![
        bad_then_good("fresh", FRESH, 10, &["fresh-per-request"]),
        innocents(5),
    ];
    scenario("mended-soon", Knobs::default(), 20, groups)
}

/// Good for a time, then bad. The good phase uses either one connection or many, with some polls on each.
fn turned(name: &'static str, good: u64, seconds: u64) -> Scenario {
    // Some thirty polls a second, so that the past weighs hundreds of polls.
    let keeps = || reuse(15, 15);
    let renews = || Behaviour::Renew {
        connections: 1,
        renewal: Renewal::Polls(5),
        hold: ms(15),
        pause: ms(15),
    };
    let turned = |name, past: Behaviour, now, verdicts| {
        group(name, 2, past.then(ms(good * 1_000), now), verdicts).before(ms(good * 1_000), &["reusing"])
    };
    let (fresh, piling) = (&["fresh-per-request"], &["piling-up"]);
    let groups = vec![
        turned("fresh after one", keeps(), FRESH, fresh),
        turned("fresh after many", renews(), FRESH, fresh),
        turned("piling after one", keeps(), pile(700), piling),
        turned("piling after many", renews(), pile(700), piling),
        innocents(5),
    ];
    scenario(name, workers(200), seconds, groups)
}

/// Thirty clients that grow from one connection each to six or seven within seconds.
fn fleet(behaviour: Behaviour) -> Group {
    group("surging", 30, behaviour, &["reusing"])
}

fn good() -> Behaviour {
    reuse(600, 100)
}

fn surge_ends() -> Scenario {
    let surging = good().then(ms(5_000), pile(800)).then(ms(10_500), good());
    let group = fleet(surging)
        .before(ms(5_000), &["reusing"])
        .before(ms(10_500), &["piling-up"]);
    Scenario {
        surges: Some(1),
        ..scenario("surge-ends", workers(400), 24, vec![group, innocents(10)])
    }
}

fn two_surges() -> Scenario {
    let surging = good()
        .then(ms(4_000), pile(800))
        .then(ms(9_500), good())
        .then(ms(18_000), pile(800))
        .then(ms(23_500), good());
    let group = fleet(surging)
        .before(ms(4_000), &["reusing"])
        .before(ms(9_500), &["piling-up"])
        .before(ms(18_000), &["reusing"])
        .before(ms(23_500), &["piling-up"]);
    Scenario {
        surges: Some(2),
        ..scenario("surges-twice", workers(400), 30, vec![group, innocents(10)])
    }
}
