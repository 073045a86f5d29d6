//! Peers that leave, and what must not change by it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use serde_json::Value;
use tcpreuse::testing::{
    filter::{Directions, Filter},
    kernel::settings::Settings,
    model::{peer::Direction, sample::Sample},
    source::live::Live,
};
use tcpreuse_tests::{
    StopOnDrop, eventually,
    namespace::Namespace,
    need_root,
    program::{self, figure},
    random::Random,
    recorder::Recorder,
    traffic::{EchoServer, abort, connect, pair, source, turn, visit},
};

fn settings(namespace: &Namespace, max_peers: u32, retain: Duration) -> Settings {
    Settings {
        filter: Filter {
            directions: Directions::Inbound,
            netns: Some(namespace.inode),
            ..Filter::default()
        },
        max_peers,
        retain_ns: Some(u64::try_from(retain.as_nanos()).unwrap()),
        ..Settings::default()
    }
}

/// Keeps quiet peers longer than any test takes.
const FOR_LONG: Duration = Duration::from_secs(3600);

/// Lets peers leave as soon as nothing has changed between two looks.
const AT_ONCE: Duration = Duration::from_nanos(1);

fn listed(sample: &Sample) -> Vec<IpAddr> {
    sample.peers.iter().map(|peer| peer.id.network.addr()).collect()
}

/// Each peer holds, opens and closes at random, and leaves at once whenever it holds nothing.
#[test]
fn totals_stay_exact_while_peers_leave_under_traffic() {
    need_root!();
    const WORKERS: u64 = 3;
    const EACH: u64 = 1500;
    /// Fewer slots than peers, which come again and again.
    const PEERS: u64 = 120;
    const SLOTS: u32 = 60;
    let namespace = Namespace::new();
    namespace.sysctl("net.ipv4.tcp_max_tw_buckets", "0");
    let mut live = Live::start(&settings(&namespace, SLOTS, AT_ONCE)).unwrap();
    let is_over = AtomicBool::new(false);
    let opened = AtomicU64::new(0);
    thread::scope(|scope| {
        let ending = StopOnDrop(&is_over);
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let opened = &opened;
                scope.spawn(move || {
                    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                    let server = listener.local_addr().unwrap();
                    let mut random = Random::new(worker + 1);
                    let mut held: Vec<(TcpStream, TcpStream)> = Vec::new();
                    for _ in 0..EACH {
                        let client = u16::try_from(random.below(PEERS)).unwrap();
                        held.push(pair(source(client), server, &listener));
                        opened.fetch_add(1, Ordering::Relaxed);
                        while random.below(10) < 6 && !held.is_empty() {
                            let which = usize::try_from(random.below(held.len() as u64)).unwrap();
                            let (client, accepted) = held.swap_remove(which);
                            if random.below(2) == 0 {
                                abort(client);
                            }
                            drop(accepted);
                        }
                        // Pauses, in which many hold nothing.
                        if random.below(60) == 0 {
                            held.clear();
                            thread::sleep(Duration::from_millis(random.below(200)));
                        }
                    }
                })
            })
            .collect();
        let looks = scope.spawn(|| {
            let mut before = live.totals().unwrap();
            let mut looks = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                live.glance().unwrap();
                let totals = live.totals().unwrap();
                // At most what was opened until now, and never less than before.
                assert!(totals.opened >= before.opened && totals.closed >= before.closed);
                assert!(totals.opened <= opened.load(Ordering::Relaxed) + WORKERS);
                before = totals;
                looks += 1;
                if looks.is_multiple_of(10) {
                    let sample = live.sample().unwrap();
                    assert_eq!(sample.accounting.drift, Some(0), "{:?}", sample.accounting);
                    assert_eq!(
                        sample.accounting.open_now,
                        sample.accounting.totals.open_now(),
                        "{:?}",
                        sample.accounting
                    );
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        for worker in workers {
            worker.join().unwrap();
        }
        drop(ending);
        looks.join().unwrap();
    });
    eventually("all to have left", || live.sample().unwrap().peers.is_empty());
    let last = live.sample().unwrap();
    let opened = opened.load(Ordering::Relaxed);
    assert_eq!(opened, WORKERS * EACH);
    let totals = last.accounting.totals;
    assert_eq!(
        (totals.opened, totals.closed),
        (opened, opened),
        "{:?}",
        last.losses
    );
    assert!(
        last.accounting.peers_left > u64::from(SLOTS),
        "{:?}",
        last.accounting
    );
    assert_eq!(last.losses.events(), 0, "{:?}", last.losses);
}

/// Slots go round, and each count is that of its peer alone.
#[test]
fn a_slot_that_was_given_back_has_nothing_of_the_peer_before() {
    need_root!();
    const SLOTS: u16 = 16;
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut live = Live::start(&settings(&namespace, SLOTS.into(), AT_ONCE)).unwrap();
    for round in 0..8 {
        let ours = |n: u16| source(round * 100 + n);
        for n in 0..SLOTS {
            for _ in 0..=n % 3 {
                visit(ours(n), server.address);
            }
        }
        let held: Vec<TcpStream> = (0..SLOTS)
            .map(|n| {
                let mut held = connect(ours(n), server.address).unwrap();
                turn(&mut held);
                held
            })
            .collect();
        let sample = live.sample().unwrap();
        assert_eq!(sample.peers.len(), usize::from(SLOTS), "{:?}", sample.losses);
        for peer in &sample.peers {
            let n = (0..SLOTS).find(|n| peer.id.network.addr() == ours(*n)).unwrap();
            let opens = u64::from(n % 3 + 2);
            let counters = &peer.counters;
            assert_eq!((counters.opens(), counters.open_now), (opens, 1), "{:?}", peer.id);
            assert_eq!(counters.closes.total(), opens - 1);
            assert_eq!(counters.turns.sum, opens - 1);
            assert_eq!(counters.lifetime.count(), opens - 1);
        }
        assert_eq!(sample.accounting.drift, Some(0));
        drop(held);
        eventually("all to have left", || live.sample().unwrap().peers.is_empty());
    }
    let sample = live.sample().unwrap();
    assert_eq!(sample.accounting.peers_left, 8 * u64::from(SLOTS));
    assert_eq!(sample.losses.peers_dropped, 0);
}

/// An attacker has a whole /64 and another one many addresses of IPv4. They ask for nothing.
#[test]
fn a_scan_takes_nothing_from_peers_that_hold_connections_or_come_again() {
    need_root!();
    const SLOTS: u32 = 128;
    const HOLDERS: u16 = 40;
    const REGULARS: u16 = 20;
    let namespace = Namespace::new();
    namespace.sysctl("net.ipv4.tcp_max_tw_buckets", "0");
    namespace.run("ip -6 route add local 2001:db8::/64 dev lo");
    namespace.sysctl("net.ipv6.ip_nonlocal_bind", "1");
    let server = EchoServer::start((Ipv6Addr::UNSPECIFIED, 0));
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, server.port()));
    let mut live = Live::start(&settings(&namespace, SLOTS, FOR_LONG)).unwrap();
    let mut holders: Vec<TcpStream> = (0..HOLDERS).map(|n| connect(source(n), v4).unwrap()).collect();
    holders.iter_mut().for_each(turn);
    let regular = |n: u16| source(1000 + n);
    for _ in 0..5 {
        (0..REGULARS).for_each(|n| visit(regular(n), v4));
    }
    // They were active a moment ago, as far as anybody knows.
    live.sample().unwrap();
    let mut strangers = 0_u16;
    let mut left = 0;
    while left < 4 * u64::from(SLOTS) {
        for _ in 0..10 {
            strangers += 1;
            let six = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 1, strangers);
            abort(connect(six.into(), v6).unwrap());
            abort(connect(source(2000 + strangers), v4).unwrap());
        }
        let sample = live.sample().unwrap();
        left = sample.accounting.peers_left;
        let there = listed(&sample);
        for address in (0..HOLDERS).map(source).chain((0..REGULARS).map(regular)) {
            assert!(
                there.contains(&address),
                "{address} has left: {:?}",
                sample.accounting
            );
        }
        thread::sleep(Duration::from_millis(50));
    }
    holders.iter_mut().for_each(turn);
    (0..REGULARS).for_each(|n| visit(regular(n), v4));
    drop(holders);
    let sample = live.sample().unwrap();
    for (address, opens) in (0..HOLDERS)
        .map(|n| (source(n), 1))
        .chain((0..REGULARS).map(|n| (regular(n), 6)))
    {
        let peer = sample
            .peers
            .iter()
            .find(|peer| peer.id.network.addr() == address && peer.id.direction == Direction::Inbound);
        assert_eq!(peer.unwrap().counters.opens(), opens, "{address}");
    }
    assert_eq!(sample.accounting.drift, Some(0));
}

/// Who found no room finds it once others have left, and is judged from then on.
#[test]
fn a_burst_beyond_the_table_is_over_when_it_is_over() {
    need_root!();
    const SLOTS: u16 = 8;
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let mut live = Live::start(&settings(&namespace, SLOTS.into(), FOR_LONG)).unwrap();
    for round in 1..=2_u64 {
        let held: Vec<TcpStream> = (0..3 * SLOTS)
            .map(|n| connect(source(n), server.address).unwrap())
            .collect();
        let full = live.sample().unwrap();
        assert_eq!(full.accounting.drift, Some(0));
        assert!(full.peers.len() <= usize::from(SLOTS));
        // Each burst counts anew.
        assert!(
            full.losses.peers_dropped >= round * u64::from(2 * SLOTS),
            "round {round}: {:?}",
            full.losses
        );
        assert_eq!(full.accounting.open_now, u64::from(3 * SLOTS));
        drop(held);
        let late = source(100 + u16::try_from(round).unwrap());
        eventually("room for another one", || {
            visit(late, server.address);
            listed(&live.sample().unwrap()).contains(&late)
        });
        assert_eq!(live.sample().unwrap().accounting.drift, Some(0));
    }
}

/// An attacker has all addresses of a /64. What is left of the table is for others.
#[test]
fn strangers_of_one_network_share_a_slot_while_the_table_is_nearly_full() {
    need_root!();
    const SLOTS: usize = 64;
    /// The last sixteenth is not for them.
    const ALONE: usize = 60;
    const STRANGERS: usize = 200;
    let namespace = Namespace::new();
    namespace.run("ip -6 route add local 2001:db8::/64 dev lo");
    namespace.sysctl("net.ipv6.ip_nonlocal_bind", "1");
    let six = EchoServer::start((Ipv6Addr::LOCALHOST, 0));
    let four = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("evidence");
    let ports = format!("{},{}", six.port(), four.port());
    let slots = SLOTS.to_string();
    let record = Recorder::start(
        &namespace,
        &place,
        &[
            "--port",
            &ports,
            "--max-peers",
            &slots,
            "--retain",
            "never",
            "--format",
            "json",
        ],
    );
    let stranger = |n: usize| IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8 << 96) + 1 + n as u128));
    let mut held: Vec<TcpStream> = (0..STRANGERS)
        .map(|n| connect(stranger(n), six.address).unwrap())
        .collect();
    // One of them uses a connection for each request, which others must not be accused of.
    (0..20).for_each(|_| visit(stranger(STRANGERS - 1), six.address));
    (0..3).for_each(|n| visit(source(n), four.address));
    held.iter_mut().for_each(turn);
    held.truncate(STRANGERS / 2);
    let live: Value = serde_json::from_str(&record.finish()).unwrap();
    drop(held);
    let together = u64::try_from(STRANGERS - ALONE + 20).unwrap();
    let check = |answer: &Value, of: &str| {
        assert_eq!(answer["accounting"]["losses"]["peers_dropped"], 0, "{of}");
        let peers = answer["peers"].as_array().unwrap();
        let called = |name: &str| {
            peers
                .iter()
                .filter(|peer| peer["peer"] == name)
                .collect::<Vec<_>>()
        };
        let [all] = called("2001:db8::/64")[..] else {
            panic!("{of}: {peers:#?}");
        };
        assert_eq!(figure(all, "opens"), together, "{of}: {all:#}");
        assert_eq!(all["verdict"], "insufficient-data", "{of}: {all:#}");
        assert_eq!(all["shared_address"], true, "{of}: {all:#}");
        assert_eq!(called(&stranger(0).to_string()).len(), 1, "{of}");
        assert!(called(&stranger(STRANGERS - 1).to_string()).is_empty(), "{of}");
        for n in 0..3 {
            assert_eq!(
                called(&source(n).to_string()).len(),
                1,
                "{of}: those of IPv4 have their own"
            );
        }
        assert_eq!(peers.len(), ALONE + 1 + 3, "{of}");
    };
    check(&live, "live");
    assert_eq!(live["accounting"]["drift"], 0);
    assert_eq!(live["accounting"]["opened"], STRANGERS + 20 + 3);
    let read = || -> Value {
        let answer = program::run(&["diagnose", "--from", place.to_str().unwrap(), "--format", "json"]);
        serde_json::from_slice(&answer.stdout).unwrap()
    };
    let from_state = read();
    assert_eq!(from_state["peers"], live["peers"]);
    std::fs::remove_file(place.join("state.json")).unwrap();
    check(&read(), "from the rows");
}
