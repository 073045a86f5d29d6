//! Servers whose workers are all taken.

use super::*;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        never_accepted(),
        never_accepted_unfiltered(),
        at_the_limit(),
        surge(),
        surge_full_queue(),
    ]
}

fn waiting(patience: u64) -> Behaviour {
    Behaviour::GiveUp {
        polls: 0,
        hold: ms(200),
        patience: ms(patience),
        pause: ms(300),
        reset: false,
    }
}

/// Well-behaved clients take all workers, others wait.
fn starved(name: &'static str, knobs: Knobs, waiters: u16) -> Scenario {
    let workers = u16::try_from(knobs.max_request_workers).unwrap_or(u16::MAX);
    let late = |group| Group {
        after: ms(1_000),
        ..group
    };
    let truth = &["never-accepted"];
    let groups = vec![
        group("holding", workers, reuse(800, 50), &["reusing"]),
        late(group("waiting", waiters, waiting(60_000), truth)),
        late(group("giving up", waiters, waiting(2_000), truth)),
    ];
    Scenario {
        options: Options {
            max_workers: Some(knobs.max_request_workers),
            ..Options::default()
        },
        ..scenario(name, knobs, 10, groups)
    }
}

fn never_accepted() -> Scenario {
    starved("never-accepted", few_workers(8), 6)
}

/// And the accept queue has less room than they need: whoever comes when it is full is not seen.
fn never_accepted_unfiltered() -> Scenario {
    let knobs = Knobs {
        defer_accept: false,
        listen_backlog: 10,
        ..few_workers(8)
    };
    starved("never-accepted-unfiltered", knobs, 4)
}

/// As many clients as workers, and nobody waits.
fn at_the_limit() -> Scenario {
    let groups = vec![group("well-behaved", 20, reuse(700, 50), &["reusing"])];
    Scenario {
        options: Options {
            max_workers: Some(20),
            ..Options::default()
        },
        ..scenario("at-the-limit", few_workers(20), 8, groups)
    }
}

/// The case this is all for: a fleet that is steady for a while and then opens further connections
/// without closing any, until no worker is left and connections wait.
fn surge() -> Scenario {
    let group = Group {
        also: &["never-accepted"],
        ..group("surging", 200, SURGING, &["piling-up"])
    };
    surging("surge", 4_000, group)
}

/// The same with Apache's own backlog: as soon as that is full, further connections are not seen,
/// and some peers have not got far beyond their first by then.
fn surge_full_queue() -> Scenario {
    let group = group("surging", 200, SURGING, &["piling-up", "never-accepted"]);
    surging("surge-full-queue", 511, group)
}

const SURGING: Behaviour = Behaviour::Surge {
    after: ms(7_000),
    every: ms(1_500),
    hold: ms(2_500),
};

fn surging(name: &'static str, listen_backlog: u32, group: Group) -> Scenario {
    let knobs = Knobs {
        max_request_workers: 400,
        threads_per_child: 50,
        listen_backlog,
        ..Knobs::default()
    };
    Scenario {
        warm_up: ms(3_000),
        options: Options {
            max_workers: Some(400),
            ..Options::default()
        },
        ..scenario(name, knobs, 13, vec![group, innocents(10)])
    }
}
