//! Series of samples, a second apart, in which only the numbers of connections matter.

use super::*;
use crate::model::peer::{Counters, Direction};

const S: u64 = 1_000_000_000;

fn sample(second: u64, held: &[u64]) -> Sample {
    let mut sample = Sample::empty(Moment {
        monotonic_ns: second * S,
        utc_ns: i128::from(second * S),
    });
    sample.peers = (1..)
        .zip(held)
        .map(|(slot, held): (u32, &u64)| Peer {
            id: PeerId {
                netns: 1,
                direction: Direction::Inbound,
                port: 80,
                network: std::net::IpAddr::from(slot.to_be_bytes()).into(),
                interface: None,
                process: None,
                program: None,
            },
            slot,
            counters: Counters {
                open_now: *held,
                ..Counters::default()
            },
        })
        .collect();
    sample.accounting.open_now = held.iter().sum();
    sample
}

/// The surge found if each peer holds `held(second, peer)` connections.
fn surge(seconds: u64, peers: usize, held: impl Fn(u64, usize) -> u64) -> Option<Surge> {
    told(0..seconds, 1, |second| {
        (0..peers).map(|peer| held(second, peer)).collect()
    })
    .pop()
}

/// All surges in their final form, with a sample every `step` seconds.
pub(super) fn told(seconds: std::ops::Range<u64>, step: usize, held: impl Fn(u64) -> Vec<u64>) -> Vec<Surge> {
    let mut watch = Watch::default();
    let mut told: Vec<Surge> = Vec::new();
    for second in seconds.step_by(step) {
        watch.add(&sample(second, &held(second)));
        assert!(watch.is_possible());
        let Some(surge) = watch.surge() else {
            continue;
        };
        match told.last_mut().filter(|last| last.number == surge.number) {
            Some(last) => {
                assert_eq!((last.started, last.from), (surge.started, surge.from));
                assert!(last.to <= surge.to);
                assert!(
                    last.ended.is_none() || last == surge,
                    "a surge that has ended does not change"
                );
                last.clone_from(surge);
            }
            None => {
                let one_at_a_time = told.last().is_none_or(|last| last.ended.is_some());
                assert!(one_at_a_time, "{told:?}");
                told.push(surge.clone());
            }
        }
    }
    told
}

#[test]
fn the_case_this_is_for() {
    // 200 peers with 10 each. From second 100 they grow to 75 each within 200 s.
    let found = surge(400, 200, |second, _| {
        10 + (second.saturating_sub(100) * 65 / 200).min(65)
    });
    let found = found.unwrap();
    assert_eq!((found.to, found.shape), (15_000, Shape::Uniform));
    assert!((2000..=3300).contains(&found.from), "{found:?}");
    let began = found.started.monotonic_ns / S;
    assert!((95..=125).contains(&began), "{began}");
    assert_eq!((found.grown, found.peers), (200, 200));
}

#[test]
fn one_peer_makes_it_concentrated() {
    let found = surge(100, 50, |second, peer| if peer == 7 { 1 + second * 3 } else { 1 }).unwrap();
    assert_eq!(found.shape, Shape::Concentrated);
    let behind = found.behind.iter();
    let behind: Vec<_> = behind.map(|one| (one.peer.name(), one.from, one.to)).collect();
    assert_eq!(behind, [("0.0.0.8".to_owned(), 1, 298)]);
}

#[test]
fn the_few_that_grew_most_are_named_and_no_others() {
    // Of 40 peers, 10 grow, the first ones most; each of the others opens one more.
    let found = surge(100, 40, |second, peer| match peer {
        0..10 if second > 50 => 1 + 300 / (peer as u64 + 1),
        _ => 1 + u64::from(second > 50),
    });
    let behind = found.unwrap().behind;
    assert_eq!(behind.len(), MAX_BEHIND);
    assert!(behind.is_sorted_by_key(|peer| std::cmp::Reverse(peer.grown())));
    assert_eq!((behind[0].from, behind[0].to), (1, 301));
    let even = surge(100, 40, |second, _| if second > 50 { 9 } else { 2 }).unwrap();
    assert_eq!((even.shape, even.behind), (Shape::Uniform, Vec::new()));
}

#[test]
fn a_normal_day_is_no_surge() {
    // Grows threefold over two hours, with some noise.
    let daily = |second: u64, peer: usize| 10 + second * 20 / 7200 + (second + peer as u64 * 7) % 3;
    assert_eq!(surge(7200, 20, daily), None);
}

#[test]
fn the_first_clients_of_a_server_are_no_surge() {
    assert_eq!(
        surge(60, 100, |second, peer| u64::from(second > peer as u64 / 10)),
        None
    );
}

#[test]
fn noise_is_no_surge_and_does_not_hide_one() {
    let noise = |second: u64, peer: usize| 10 + (second * 31 + peer as u64 * 17) % 5;
    assert_eq!(surge(1000, 30, noise), None);
    let found = surge(1000, 30, |second, peer| {
        noise(second, peer) + second.saturating_sub(900).min(60)
    });
    assert!(found.unwrap().started.monotonic_ns / S >= 880);
}

#[test]
fn a_surge_that_is_over_is_remembered() {
    let found = surge(
        2000,
        10,
        |second, _| if (100..200).contains(&second) { 50 } else { 5 },
    );
    let found = found.unwrap();
    assert_eq!((found.from, found.to), (50, 500));
    assert_eq!(found.ended.map(|at| at.monotonic_ns), Some(200 * S));
}

mod course;
