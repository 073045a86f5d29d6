//! Servers without a free worker.

use super::*;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        never_accepted(),
        never_accepted_unfiltered(),
        at_the_limit(),
        exhausted_before(),
        exhausted_by(),
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

/// Well-behaved clients occupy all workers; others wait.
fn starved(name: &'static str, knobs: Knobs, waiters: u16) -> Scenario {
    let workers = u16::try_from(knobs.max_request_workers).unwrap_or(u16::MAX);
    let late = |group: Group| group.late(ms(1_000));
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

/// The same with an accept queue that is too short for them: clients that arrive while it is full are not
/// seen.
fn never_accepted_unfiltered() -> Scenario {
    let knobs = Knobs {
        defer_accept: false,
        listen_backlog: 10,
        ..few_workers(8)
    };
    starved("never-accepted-unfiltered", knobs, 4)
}

/// As many clients as workers; nobody waits.
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

const fn piling(every: u64) -> Behaviour {
    Behaviour::Pile {
        at_once: 0,
        every: ms(every),
        most: 64,
        hold: ms(400),
        pause: ms(100),
    }
}

/// All workers are occupied when other clients start to open more and more connections. These are not
/// answered, so the server is at fault.
fn exhausted_before() -> Scenario {
    let knobs = few_workers(8);
    let groups = vec![
        group("holding", 8, reuse(800, 50), &["reusing"]),
        group("retrying", 5, piling(900), &["never-accepted"]).late(ms(2_000)),
    ];
    Scenario {
        options: Options {
            max_workers: Some(knobs.max_request_workers),
            ..Options::default()
        },
        ..scenario("exhausted-before-pile", knobs, 13, groups)
    }
}

/// The pile occupies all workers, and its last connections wait.
fn exhausted_by() -> Scenario {
    let knobs = few_workers(40);
    let piling = group("piling", 10, piling(700), &["piling-up"]).also(&["never-accepted"]);
    Scenario {
        options: Options {
            max_workers: Some(knobs.max_request_workers),
            ..Options::default()
        },
        ..scenario("exhausted-by-pile", knobs, 14, vec![innocents(5), piling])
    }
}

/// The case that this tool exists for: a fleet is steady for a while, then keeps opening connections without
/// closing any, until no worker is left and connections wait.
fn surge() -> Scenario {
    let group = group("surging", 200, surging_after(7_000), &["piling-up"]).also(&["never-accepted"]);
    surging("surge", 4_000, group)
}

/// The same with Apache's default backlog. Once that is full, further connections are not seen, so some peers
/// hold hardly more than their first connection.
fn surge_full_queue() -> Scenario {
    let group = group(
        "surging",
        200,
        surging_after(7_000),
        &["piling-up", "never-accepted"],
    );
    surging("surge-full-queue", 511, group)
}

/// Steady for a time, then one more connection at regular intervals.
fn surging_after(good: u64) -> Behaviour {
    let pile = Behaviour::Pile {
        at_once: 0,
        every: ms(1_500),
        most: 64,
        hold: ms(2_500),
        pause: ms(0),
    };
    reuse(2_500, 0).then(ms(good), pile)
}

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
