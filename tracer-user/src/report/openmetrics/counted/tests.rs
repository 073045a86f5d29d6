//! Sums that go on, whatever becomes of the peers.

use std::sync::Arc;

use super::*;
use crate::{model::sample::Peer, report::example::sample};

#[test]
fn each_metric_is_a_figure() {
    for exported in EXPORTED {
        assert!(exported.figure().is_some(), "{}", exported.figure);
    }
}

fn opened(counted: &Counted, service: Service) -> u64 {
    counted.services[&service].figures[0][0]
}

#[test]
fn sums_go_on_where_a_peer_starts_again() {
    let (mut counted, mut sample) = (Counted::default(), sample());
    let service = Some((Direction::Inbound, 8081));
    counted.look(&sample, &Options::default());
    let before = opened(&counted, service);
    assert_eq!(before, 54);
    // 5 more, and then a reading that came before another.
    sample.peers[0].counters.opens_by_held.add(0, 5);
    counted.look(&sample, &Options::default());
    assert_eq!(opened(&counted, service), before + 5);
    sample.peers[0].counters.opens_by_held = Default::default();
    counted.look(&sample, &Options::default());
    assert_eq!(opened(&counted, service), before + 5, "it never falls");
}

#[test]
fn sums_go_on_when_peers_leave() {
    let (mut counted, mut sample) = (Counted::default(), sample());
    let service = Some((Direction::Inbound, 8081));
    counted.look(&sample, &Options::default());
    let before = opened(&counted, service);
    let overlaps = counted.services[&service].overlaps;
    let is_leaving = |peer: &mut Peer| Some(service_of(peer.id)) == service;
    let leaving: Vec<Peer> = sample.peers.extract_if(.., is_leaving).collect();
    let left = Arc::make_mut(&mut sample.left);
    leaving.iter().for_each(|peer| left.add(peer));
    counted.look(&sample, &Options::default());
    assert_eq!(opened(&counted, service), before);
    // One of them comes back, and starts again at 0.
    let mut back = leaving[0].clone();
    back.counters = Counters::default();
    back.counters.opens_by_held.add(0, 2);
    sample.peers.push(back);
    counted.look(&sample, &Options::default());
    assert_eq!(opened(&counted, service), before + 2);
    assert_eq!(counted.services[&service].overlaps, overlaps);
    // A service whose peers have all left before anybody looked has its series too.
    let mut later = Counted::default();
    sample.peers.clear();
    later.look(&sample, &Options::default());
    assert_eq!(opened(&later, service), before);
}

#[test]
fn a_counter_of_32_bits_may_wrap() {
    let mut sum = u64::from(u32::MAX) - 1;
    carry(&mut sum, 3);
    assert_eq!(sum, (1 << 32) + 3);
}

/// An outbound scanner meets all ports there are.
#[test]
fn services_are_bounded_and_nothing_is_lost() {
    let (mut counted, mut sample) = (Counted::default(), sample());
    let one = sample.peers[0].clone();
    let ports = 1..=1000_u16;
    sample.peers.extend(ports.map(|port| {
        let mut peer = one.clone();
        peer.id.port = port;
        peer
    }));
    counted.look(&sample, &Options::default());
    assert_eq!(counted.services.len(), MAX_SERVICES + 1);
    let all: u64 = counted
        .services
        .keys()
        .map(|service| opened(&counted, *service))
        .sum();
    assert_eq!(all, 54 + 1000 * 40);
    let busiest = Some((Direction::Inbound, 8081));
    assert!(
        counted.services.contains_key(&busiest),
        "the one with most connections is not among them"
    );
}

#[test]
fn an_overlap_depends_on_what_the_user_stated() {
    let overlaps = |expect| {
        let mut counted = Counted::default();
        let options = Options {
            expect,
            ..Options::default()
        };
        counted.look(&sample(), &options);
        counted.services[&Some((Direction::Inbound, 8081))].overlaps
    };
    // One peer opened 9 and one 4, each while it held those before.
    assert_eq!(overlaps(Expect::Auto), 8 + 3);
    assert_eq!(overlaps(Expect::Connections(4)), 5);
}
