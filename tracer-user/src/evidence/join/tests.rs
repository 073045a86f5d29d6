mod directories;

use proptest::prelude::*;

use super::{plan::Group, *};
use crate::{
    diagnosis::{Expect, Judged, Skew, Verdict, judge::tests::world::World},
    evidence::load::Loaded,
    units::S,
};

/// A host that was watched: its samples, one a second.
fn watched(name: &str, samples: impl Iterator<Item = Sample>) -> Loaded {
    let (mut judge, options) = (Judge::new(None), Options::default());
    let mut last = None;
    for sample in samples {
        judge.look(&sample, &options);
        last = Some(sample);
    }
    Loaded {
        sample: last.unwrap(),
        judge,
        options,
        origin: Origin {
            host: name.to_owned(),
            kernel: "6.12.0".to_owned(),
        },
        notes: Vec::new(),
    }
}

/// Hosts that were watched from the same second on. `acts` is what happens on each host in each second.
fn hosts(n: usize, clients: usize, seconds: u64, acts: impl Fn(usize, u64, &mut World)) -> Vec<Loaded> {
    let host = |host: usize| {
        let mut world = World::new(1000);
        for _ in 0..clients {
            world.add();
        }
        let samples = (0..seconds).map(|second| {
            acts(host, second, &mut world);
            world.tick()
        });
        watched(&format!("web{host:02}"), samples)
    };
    (0..n).map(host).collect()
}

fn plan(hosts: &[Loaded]) -> Plan {
    let groups = hosts.iter().map(|loaded| Group {
        host: loaded.origin.host.clone(),
        service: 0,
        paths: Vec::new(),
        begin: loaded.sample.started.utc_ns,
        started: loaded.sample.started.utc_ns,
        end: loaded.sample.taken.utc_ns,
        has_outbound: false,
        skew: Skew::Unknown,
    });
    of_groups(groups.collect())
}

fn of_groups(groups: Vec<Group>) -> Plan {
    let begin = groups.iter().map(|group| group.common_ns(group.begin)).min();
    let end = groups.iter().map(|group| group.common_ns(group.end)).max();
    Plan {
        services: vec![None],
        grid: Grid::between(begin.unwrap(), end.unwrap()),
        started_ns: begin.unwrap(),
        groups,
    }
}

fn joined_by(plan: &Plan, hosts: Vec<Loaded>) -> Joined {
    let mut join = Join::new(plan);
    for (loaded, group) in hosts.into_iter().zip(&plan.groups) {
        join.add(Part::of(loaded, group, plan));
    }
    join.finish().unwrap()
}

fn joined(hosts: Vec<Loaded>) -> Joined {
    joined_by(&plan(&hosts), hosts)
}

/// A client by its number in the world.
fn client(joined: &Joined, who: usize) -> &Judged {
    let name = format!("10.0.0.{}", who + 1);
    joined
        .diagnosis
        .peers
        .iter()
        .find(|peer| peer.id.name() == name)
        .unwrap()
}

/// Clients 1 to 5 keep one connection, each on the host of its number; client 0 does what it likes.
fn among_others(host: usize, second: u64, world: &mut World) {
    if second == 0 && (1..=5).contains(&host) {
        world.peer(host).find();
    }
    world.peers().for_each(|peer| peer.poll());
}

#[test]
fn one_connection_on_each_of_twenty_hosts_is_a_pile_of_twenty() {
    let all = joined(hosts(20, 6, 90, |host, second, world| {
        if second == 10 + 2 * host as u64 {
            world.peer(0).open();
        }
        among_others(host, second, world);
    }));
    let pile = client(&all, 0);
    assert_eq!(pile.finding.verdict, Verdict::PilingUp, "{}", pile.explanation());
    assert_eq!(
        (pile.figures.course.end, pile.figures.opens, pile.expected()),
        (20, 20, 1)
    );
    let over = pile.over.as_ref().unwrap();
    assert_eq!((over.hosts.len(), over.of), (20, 20));
    assert!(
        over.hosts
            .iter()
            .all(|on| (on.opens, on.held, on.verdict) == (1, 1, Verdict::Reusing))
    );
    let said = pile.explanation();
    let wanted = "reusing on each of 20 hosts, piling-up for the service: holds 20 connections, 1 expected";
    assert!(said.starts_with(wanted), "{said}");
    for other in 1..=5 {
        let other = client(&all, other);
        assert_eq!(other.finding.verdict, Verdict::Reusing, "{}", other.explanation());
    }
    assert_eq!(all.diagnosis.tally.peers, 6);
    assert_eq!(all.diagnosis.hosts.len(), 20);
}

#[test]
fn growth_is_seen_whole_wherever_the_moments_lie_that_are_compared() {
    for (begins, seconds) in (1..=8)
        .zip([50, 62].into_iter().cycle())
        .chain([(1, 62), (2, 61), (3, 75)])
    {
        for apart in 7..=10 {
            let all = joined(hosts(4, 6, seconds, |host, second, world| {
                if second == begins + apart * host as u64 {
                    world.peer(0).open();
                }
                world.peers().for_each(|peer| peer.poll());
            }));
            let pile = client(&all, 0);
            let course = pile.figures.course;
            assert_eq!(
                (course.start, course.grown),
                (1, 3),
                "{begins} {apart} {seconds}: {course:?}"
            );
        }
    }
}

#[test]
fn what_stood_before_is_to_be_decided_unless_a_number_was_given() {
    let stood = |expect| {
        let mut all = hosts(20, 6, 60, |host, second, world| {
            if second == 0 {
                world.peer(0).find();
            }
            among_others(host, second, world);
        });
        all.iter_mut().for_each(|host| host.options.expect = expect);
        joined(all)
    };
    let before = stood(Expect::Auto);
    assert_eq!(client(&before, 0).finding.verdict, Verdict::ManyHeld);
    assert_eq!(before.diagnosis.movement.from, 25);
    let stated = stood(Expect::Connections(2));
    assert_eq!(client(&stated, 0).finding.verdict, Verdict::PilingUp);
}

#[test]
fn a_client_that_is_too_thin_for_any_host_is_found_in_the_sum() {
    let all = joined(hosts(12, 6, 60, |host, second, world| {
        if second == 3 + 4 * host as u64 {
            world.peer(0).fresh(0);
        }
        among_others(host, second, world);
    }));
    let thin = client(&all, 0);
    assert_eq!(
        thin.finding.verdict,
        Verdict::FreshPerRequest,
        "{}",
        thin.explanation()
    );
    let on = &thin.over.as_ref().unwrap().hosts;
    assert!(
        on.iter()
            .all(|on| on.verdict == Verdict::InsufficientData && on.opens == 1)
    );
}

#[test]
fn many_clients_behind_one_address_are_not_accused() {
    let all = joined(hosts(10, 6, 90, |host, second, world| {
        let nat = world.peer(0);
        if second == 0 {
            (0..3).for_each(|_| nat.find());
        } else if (second + host as u64).is_multiple_of(7) {
            nat.close();
            nat.open();
        }
        among_others(host, second, world);
    }));
    let nat = client(&all, 0);
    assert!(
        !nat.finding.verdict.accuses(),
        "{}: {}",
        nat.finding.verdict,
        nat.explanation()
    );
    assert!(nat.shared_address);
    assert_eq!(nat.figures.course.end, 30);
}

#[test]
fn a_host_that_was_watched_late_is_no_growth() {
    let mut all = hosts(6, 6, 90, |host, second, world| {
        if second == 0 && host == 0 {
            world.peer(0).find();
        }
        among_others(host, second, world);
    });
    let mut world = World::new(1060);
    for _ in 0..6 {
        world.add();
    }
    (0..7).for_each(|_| world.peer(0).find());
    let late = (0..30).map(|_| {
        world.peer(0).poll();
        world.tick()
    });
    all.push(watched("web99", late));
    let all = joined(all);
    let there_before = client(&all, 0);
    assert_eq!(
        (there_before.figures.course.end, there_before.figures.course.grown),
        (8, 0)
    );
    assert!(
        !there_before.finding.verdict.accuses(),
        "{}",
        there_before.explanation()
    );
    let late = &all.diagnosis.hosts[6];
    assert!(
        late.lacks[0].contains("was recorded only from"),
        "{:?}",
        late.lacks
    );
    assert!(
        all.notes
            .iter()
            .any(|note| note.starts_with("web99: was recorded only"))
    );
}

#[test]
fn a_clock_that_is_wrong_changes_nothing_once_it_is_measured() {
    let with_clocks = |ahead: &[i64]| {
        let mut all = hosts(6, 6, 60, |host, second, world| {
            if second == 20 + 5 * host as u64 {
                world.peer(0).open();
            }
            among_others(host, second, world);
        });
        let mut groups = plan(&all).groups;
        for ((loaded, group), ahead) in all.iter_mut().zip(&mut groups).zip(ahead) {
            for at in [&mut loaded.sample.taken, &mut loaded.sample.started] {
                at.utc_ns += i128::from(*ahead);
            }
            group.skew = Skew::Measured {
                ahead_ns: *ahead,
                connections: 1,
            };
            for at in [&mut group.begin, &mut group.started, &mut group.end] {
                *at += i128::from(*ahead);
            }
        }
        let mut found = joined_by(&of_groups(groups), all).diagnosis.peers;
        found.iter_mut().for_each(|peer| peer.over = None);
        found
    };
    let hour = 3600 * S.cast_signed();
    assert_eq!(
        with_clocks(&[0; 6]),
        with_clocks(&[0, hour, -hour, 7, 0, 3 * hour])
    );
}

#[test]
fn addresses_that_mean_the_host_itself_stay_apart() {
    let mut all = hosts(3, 6, 30, |host, second, world| {
        if second == 2 {
            world.peer(0).open();
        }
        among_others(host, second, world);
    });
    for host in &mut all {
        let peer = host.sample.peers.iter_mut().find(|peer| peer.slot == 1).unwrap();
        peer.id.network = "127.0.0.1/32".parse().unwrap();
    }
    let all = joined(all);
    let local = |peer: &&Judged| peer.id.name() == "127.0.0.1";
    let hosts: Vec<_> = all
        .diagnosis
        .peers
        .iter()
        .filter(local)
        .map(|peer| peer.host.clone())
        .collect();
    assert_eq!(hosts.len(), 3);
    assert!(hosts.iter().all(Option::is_some), "{hosts:?}");
}

/// What a client does each second.
type Habit = Vec<u8>;

fn act(world: &mut World, who: usize, act: u8) {
    let peer = world.peer(who);
    match act {
        0 | 1 => peer.poll(),
        2 => peer.open(),
        3 => peer.close(),
        4 => peer.fresh(0),
        _ => peer.fresh(5 * S),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn clients_that_each_use_one_host_are_judged_as_if_it_were_a_single_one(
        habits in prop::collection::vec(prop::collection::vec(0..6_u8, 1..5), 2..8),
        found in 0..3_u8,
        seconds in 20..80_u64,
    ) {
        let habits: Vec<Habit> = habits;
        let run = |here: &dyn Fn(usize) -> bool, name: &str| {
            let mut world = World::new(1000);
            for who in 0..habits.len() {
                world.add();
                (0..found).filter(|_| here(who)).for_each(|_| world.peer(who).find());
            }
            let samples = (0..seconds).map(|second| {
                for (who, habit) in habits.iter().enumerate().filter(|(who, _)| here(*who)) {
                    act(&mut world, who, habit[usize::try_from(second).unwrap() % habit.len()]);
                }
                let mut sample = world.tick();
                sample.peers.retain(|peer| here(peer.slot as usize - 1));
                sample
            });
            watched(name, samples)
        };
        let alone = run(&|_| true, "web0");
        let all = joined(vec![run(&|who| who % 2 == 0, "web1"), run(&|who| who % 2 == 1, "web2")]);
        let single = crate::diagnosis::diagnose(&alone.sample, alone.judge.history(), &alone.options);
        for judged in &single.peers {
            let other = all.diagnosis.peers.iter().find(|peer| peer.id.network == judged.id.network).unwrap();
            let (one, both) = (&judged.figures, &other.figures);
            // What was done lately is judged by itself if it differs; the two may begin at different moments.
            let all_ns = seconds * S;
            if (one.occupancy.window_ns, both.occupancy.window_ns) == (all_ns, all_ns) {
                prop_assert_eq!(
                    (one.opens, one.closes, one.open_now, one.requests, one.span_ns, one.occupancy.start),
                    (both.opens, both.closes, both.open_now, both.requests, both.span_ns, both.occupancy.start)
                );
                prop_assert_eq!((one.course.end, one.held, &one.idle), (both.course.end, both.held, &both.idle));
                prop_assert_eq!(one.occupancy.held_ms, both.occupancy.held_ms);
                prop_assert_eq!(judged.expected(), other.expected());
            }
        }
    }
}

#[test]
fn a_grid_is_close_near_its_end_and_begins_where_it_should() {
    let moments = |seconds: u64| {
        let grid = Grid::between(5 * S, (5 + seconds) * S);
        assert_eq!((grid.begin_ns(), grid.end_ns()), (5 * S, (5 + seconds) * S));
        format!("{grid:?}").matches(',').count()
    };
    assert!(
        moments(600) < 60 && moments(86_400) < 80,
        "{} {}",
        moments(600),
        moments(86_400)
    );
    assert!(moments(0) > 0);
}
