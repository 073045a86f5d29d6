//! Whole simulated runs, one second at a time: the verdict at each second, and what must not change it.

pub(crate) mod world;

use proptest::prelude::*;

use self::world::{Peer, World};
use super::*;
use crate::diagnosis::{Expect, What};

/// The verdict on one peer at each second.
fn run(
    world: &mut World,
    judge: &mut Judge,
    who: usize,
    seconds: u64,
    mut each: impl FnMut(&mut World, u64),
) -> Vec<Verdict> {
    run_with(world, judge, who, seconds, &Options::default(), &mut each)
}

fn run_with(
    world: &mut World,
    judge: &mut Judge,
    who: usize,
    seconds: u64,
    options: &Options,
    each: &mut dyn FnMut(&mut World, u64),
) -> Vec<Verdict> {
    (0..seconds)
        .map(|second| {
            each(world, second);
            let diagnosis = judge.look(&world.tick(), options);
            world.of(&diagnosis, who).finding.verdict
        })
        .collect()
}

/// Peers that hold one connection each and poll over it.
fn others(world: &mut World, n: usize) {
    for _ in 0..n {
        let who = world.add();
        world.peer(who).open();
    }
}

fn polls(world: &mut World) {
    world.peers().for_each(Peer::poll);
}

#[test]
fn the_bad_is_seen_and_acquitted_when_it_is_mended() {
    let mut world = World::new(1_000);
    let mut judge = Judge::new(Some(300 * world::S));
    let bad = world.add();
    others(&mut world, 6);
    let fresh = run(&mut world, &mut judge, bad, 60, |world, _| {
        polls(world);
        world.peer(bad).fresh(0);
    });
    let seen = fresh
        .iter()
        .position(|verdict| *verdict == Verdict::FreshPerRequest)
        .unwrap();
    assert!(seen <= 8, "{seen}");
    assert!(
        fresh[seen..]
            .iter()
            .all(|verdict| *verdict == Verdict::FreshPerRequest)
    );
    world.peer(bad).open();
    let good = run(&mut world, &mut judge, bad, 400, |world, _| polls(world));
    let acquitted = good
        .iter()
        .position(|verdict| *verdict == Verdict::Reusing)
        .unwrap();
    assert!(acquitted <= 12, "{acquitted}");
    assert!(
        good[acquitted..]
            .iter()
            .all(|verdict| *verdict == Verdict::Reusing)
    );
    let last = judge.look(&world.tick(), &Options::default());
    assert_eq!(world.of(&last, bad).recovered, None, "it has left the window");
    let verdicts = last
        .changes
        .iter()
        .filter(|change| matches!(change.what, What::Verdict { .. }));
    assert_eq!(verdicts.count(), 2);
}

/// Boundaries lie further apart the older they are, so that the steps between them hold more or less of what a
/// steady client opens.
#[test]
fn the_good_that_turns_bad_is_seen_at_any_pace_and_stays_seen() {
    // Connections opened at each second, in turns.
    let paces = [
        &[3, 3, 2, 2][..],
        &[3, 2, 2],
        &[1],
        &[1, 0],
        &[1, 0, 0],
        &[1, 0, 0, 0, 0],
    ];
    for (pace, good) in paces
        .iter()
        .flat_map(|pace| (120..124).map(move |good| (pace, good)))
    {
        let mut world = World::new(1_000);
        let mut judge = Judge::new(None);
        let bad = world.add();
        others(&mut world, 6);
        world.peer(bad).open();
        run(&mut world, &mut judge, bad, good, |world, _| polls(world));
        world.peer(bad).close();
        let mut opens = pace.iter().cycle();
        let verdicts = run(&mut world, &mut judge, bad, 200, |world, _| {
            polls(world);
            for _ in 0..*opens.next().unwrap() {
                world.peer(bad).fresh(0);
            }
        });
        let is_seen = |verdict: &Verdict| *verdict == Verdict::FreshPerRequest;
        let seen = verdicts.iter().position(is_seen).unwrap_or(verdicts.len());
        let opened = seen * pace.iter().sum::<usize>() / pace.len();
        assert!(seen <= 13 || opened <= 12, "{pace:?} after {good} s: {seen} s");
        assert!(
            verdicts[seen..].iter().all(is_seen),
            "{pace:?} after {good} s: {verdicts:?}"
        );
    }
}

/// The whole window accuses nobody any more, once the good time in it is long enough.
#[test]
fn what_was_withdrawn_is_told_for_as_long_as_it_is_in_the_window() {
    let mut world = World::new(1_000);
    let mut judge = Judge::new(None);
    let bad = world.add();
    others(&mut world, 6);
    run(&mut world, &mut judge, bad, 60, |world, _| {
        polls(world);
        world.peer(bad).fresh(0);
    });
    world.peer(bad).open();
    run(&mut world, &mut judge, bad, 600, |world, _| polls(world));
    let last = judge.look(&world.tick(), &Options::default());
    let peer = world.of(&last, bad);
    assert_eq!(peer.finding.verdict, Verdict::Reusing);
    assert!(
        peer.figures.requests > 3 * peer.figures.opens,
        "the whole is good"
    );
    let recovered = peer.recovered.as_ref().map(|recovered| recovered.verdict);
    assert_eq!(recovered, Some(Verdict::FreshPerRequest));
}

#[test]
fn a_pile_that_is_closed_at_once_has_been_one_and_nothing_else() {
    let mut world = World::new(1_000);
    let mut judge = Judge::new(None);
    let bad = world.add();
    world.peer(bad).open();
    others(&mut world, 6);
    let verdicts = run(&mut world, &mut judge, bad, 60, |world, second| {
        for (who, peer) in world.peers().enumerate() {
            if who != bad || second % 6 == 0 && peer.held() == 1 {
                peer.poll();
            }
        }
        match second {
            10..25 => world.peer(bad).open(),
            25 => (0..15).for_each(|_| world.peer(bad).close()),
            _ => {}
        }
    });
    let mut said = verdicts.clone();
    said.dedup();
    let only = [Verdict::Reusing, Verdict::PilingUp];
    assert!(
        said.iter()
            .all(|verdict| only.contains(verdict) || *verdict == said[0]),
        "{verdicts:?}"
    );
    let mended = verdicts.iter().rposition(|verdict| verdict.accuses()).unwrap();
    assert!((25..45).contains(&mended), "{verdicts:?}");
    let last = judge.look(&world.tick(), &Options::default());
    let recovered = world.of(&last, bad).recovered.as_ref();
    assert_eq!(
        recovered.map(|recovered| recovered.verdict),
        Some(Verdict::PilingUp)
    );
}

#[test]
fn what_stands_until_another_verdict_has_held_has_a_confidence_or_is_no_verdict() {
    let mut world = World::new(1_000);
    let mut judge = Judge::new(Some(300 * world::S));
    let bad = world.add();
    world.peer(bad).open();
    others(&mut world, 6);
    for second in 0..40 {
        polls(&mut world);
        if second >= 20 {
            world.peer(bad).open();
        }
        let diagnosis = judge.look(&world.tick(), &Options::default());
        let finding = &world.of(&diagnosis, bad).finding;
        let is_sure = finding.confidence > 0.0;
        assert_eq!(
            is_sure,
            finding.verdict != Verdict::InsufficientData,
            "{finding:?}"
        );
    }
}

#[test]
fn a_cause_that_becomes_less_clear_takes_nothing_back() {
    assert_eq!(cause_becomes_less_clear(|_| {}), Verdict::ServerClose);
    // It is not known which turns were requests, so that no other cause is found.
    assert_eq!(cause_becomes_less_clear(Peer::log_in), Verdict::ServerIdleClose);
}

/// The verdict at the end; from the first accusation on there was always one.
fn cause_becomes_less_clear(begin: impl Fn(&mut Peer)) -> Verdict {
    let mut world = World::new(1_000);
    let mut judge = Judge::new(Some(300 * world::S));
    let bad = world.add();
    begin(world.peer(bad));
    others(&mut world, 6);
    let verdicts = run(&mut world, &mut judge, bad, 60, |world, second| {
        polls(world);
        // Its idle times agree, and then no longer.
        match second {
            5 | 10 | 15 => world.peer(bad).fresh(5 * world::S),
            20 | 40 => world.peer(bad).fresh(3 * world::S),
            50 => world.peer(bad).fresh(8 * world::S),
            _ => {}
        }
    });
    let seen = verdicts.iter().position(|verdict| verdict.accuses()).unwrap();
    assert_eq!(verdicts[seen], Verdict::ServerIdleClose);
    assert!(seen <= 20, "{seen}");
    assert!(
        verdicts[seen..].iter().all(|verdict| verdict.accuses()),
        "{verdicts:?}"
    );
    verdicts[verdicts.len() - 1]
}

#[test]
fn a_good_past_acquits_nobody() {
    let mut world = World::new(1_000);
    let mut judge = Judge::new(Some(300 * world::S));
    let turned = world.add();
    world.peer(turned).open();
    others(&mut world, 6);
    let good = run(&mut world, &mut judge, turned, 900, |world, _| polls(world));
    assert!(good.iter().all(|verdict| !verdict.accuses()));
    world.peer(turned).close();
    let bad = run(&mut world, &mut judge, turned, 60, |world, _| {
        polls(world);
        world.peer(turned).fresh(0);
        world.peer(turned).fresh(0);
    });
    let seen = bad
        .iter()
        .position(|verdict| *verdict == Verdict::FreshPerRequest)
        .unwrap();
    assert!(seen <= 12, "{seen}: {bad:?}");
    assert!(
        bad[seen..]
            .iter()
            .all(|verdict| *verdict == Verdict::FreshPerRequest),
        "{bad:?}"
    );
}

#[test]
fn what_is_given_counts_against_a_pile_that_stands() {
    let mut world = World::new(1_000);
    let pile = world.add();
    (0..60).for_each(|_| world.peer(pile).find());
    others(&mut world, 20);
    let said = |expect| {
        let options = Options {
            expect,
            ..Options::default()
        };
        let mut world = world.clone();
        *run_with(
            &mut world,
            &mut Judge::default(),
            pile,
            10,
            &options,
            &mut |world, _| polls(world),
        )
        .last()
        .unwrap()
    };
    assert_eq!(said(Expect::Auto), Verdict::ManyHeld);
    assert_eq!(said(Expect::Connections(1)), Verdict::PilingUp);
    assert_eq!(said(Expect::Connections(60)), Verdict::Reusing);
}

#[test]
fn a_server_that_restarts_accuses_nobody() {
    let mut world = World::new(1_000);
    let nat = world.add();
    (0..40).for_each(|_| world.peer(nat).find());
    others(&mut world, 10);
    let said = run(&mut world, &mut Judge::default(), nat, 60, |world, second| {
        polls(world);
        if second == 20 {
            world.peers().for_each(|peer| {
                while peer.held() > 0 {
                    peer.close();
                }
            });
        }
        if second == 22 {
            world.peer(0).open_many(40);
            (1..11).for_each(|who| world.peer(who).open());
        }
    });
    assert!(said.iter().all(|verdict| !verdict.accuses()), "{said:?}");
}

#[test]
fn what_is_said_once_does_not_stand() {
    let mut world = World::new(1_000);
    let mut judge = Judge::default();
    let one = world.add();
    world.peer(one).open();
    others(&mut world, 6);
    run(&mut world, &mut judge, one, 10, |world, _| polls(world));
    // The queue shows in a single sample.
    world.peer(one).wait_to_be_accepted(true);
    let diagnosis = judge.look(&world.tick(), &Options::default());
    assert_eq!(world.of(&diagnosis, one).finding.verdict, Verdict::Reusing);
    world.peer(one).wait_to_be_accepted(false);
    let after = run(&mut world, &mut judge, one, 10, |world, _| polls(world));
    assert!(
        after.iter().all(|verdict| *verdict == Verdict::Reusing),
        "{after:?}"
    );
}

#[test]
fn one_event_more_changes_the_confidence_little() {
    let confidence = |closes: u64| {
        let mut world = World::new(1_000);
        let mut judge = Judge::default();
        let fresh = world.add();
        others(&mut world, 5);
        for second in 0..60 {
            polls(&mut world);
            if second < closes {
                world.peer(fresh).fresh(0);
            }
            judge.add(&world.tick());
        }
        let diagnosis = judge.again(&world.tick(), &Options::default());
        let peer = world.of(&diagnosis, fresh);
        (peer.finding.verdict, peer.finding.confidence)
    };
    for closes in 20..50 {
        let ((a, less), (b, more)) = (confidence(closes), confidence(closes + 1));
        if a == b {
            assert!((more - less).abs() <= 0.1, "{closes}: {less} {more}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Members come and go, and their number stays constant.
    #[test]
    fn a_constant_number_is_never_a_pile(
        held in 4_u64..60,
        churn in 0_u64..5,
        beside in 0_usize..12,
        window in prop::option::of(20_u64..120),
        before in any::<bool>(),
    ) {
        let mut world = World::new(1_000);
        let crowd = world.add();
        for _ in 0..held {
            if before { world.peer(crowd).find() } else { world.peer(crowd).open() }
        }
        others(&mut world, beside);
        let mut judge = Judge::new(window.map(|seconds| seconds * world::S));
        let said = run(&mut world, &mut judge, crowd, 90, |world, _| {
            polls(world);
            for _ in 0..churn.min(held) {
                world.peer(crowd).close();
                world.peer(crowd).open();
            }
        });
        prop_assert!(!said.contains(&Verdict::PilingUp), "{said:?}");
    }

    /// One peer grows while the others do not, then stays at that level for far longer than the window.
    #[test]
    fn what_grew_is_a_pile_for_as_long_as_it_stands(
        to in 8_u64..50,
        every in 1_u64..4,
        beside in 4_usize..12,
        window in 20_u64..60,
    ) {
        let mut world = World::new(1_000);
        let pile = world.add();
        world.peer(pile).open();
        others(&mut world, beside);
        let mut judge = Judge::new(Some(window * world::S));
        let said = run(&mut world, &mut judge, pile, to * every + 200, |world, second| {
            polls(world);
            if second % every == 0 && world.peer(pile).held() < to {
                world.peer(pile).open();
            }
        });
        let seen = said.iter().position(|verdict| *verdict == Verdict::PilingUp);
        prop_assert!(seen.is_some_and(|seen| seen < usize::try_from(6 * every + 12).unwrap()), "{said:?}");
        prop_assert!(said[seen.unwrap()..].iter().all(|verdict| *verdict == Verdict::PilingUp), "{said:?}");
    }

    /// Neither the time nor the number of well-behaved neighbours matters.
    #[test]
    fn times_and_good_neighbours_change_no_verdict(
        shift in 0_u64..1_000_000,
        more in 0_usize..20,
        which in 0_usize..4,
    ) {
        let said = |start: u64, beside: usize| {
            let mut world = World::new(start);
            let one = world.add();
            others(&mut world, beside);
            run(&mut world, &mut Judge::new(Some(40 * world::S)), one, 70, |world, second| {
                polls(world);
                match which {
                    0 => world.peer(one).fresh(0),
                    1 if second % 6 == 0 => world.peer(one).fresh(5 * world::S),
                    2 if second % 2 == 0 => world.peer(one).open(),
                    3 if second == 0 => world.peer(one).open(),
                    _ => {}
                }
            })
        };
        prop_assert_eq!(said(1_000, 5), said(1_000 + shift, 5 + more));
    }
}
