//! Several recordings of one host as one: their windows follow each other.

use hashbrown::HashMap;

use super::load::Loaded;
use crate::model::{
    accounting::Totals,
    peer::{Counters, PeerId},
    sample::{Moment, Peer, Sample},
};

/// Groups recordings by host, in the order in which the hosts come first, and merges those of each.
pub fn by_host(all: Vec<Loaded>) -> Vec<Loaded> {
    let mut hosts: Vec<Loaded> = Vec::new();
    for one in all {
        match hosts
            .iter_mut()
            .find(|known| known.origin.host == one.origin.host)
        {
            Some(known) => merge(known, one),
            None => hosts.push(one),
        }
    }
    hosts
}

/// Connections that were open at the end of one recording and were not at the start of the next.
fn unseen(sample: &Sample, earlier: &Sample) -> u64 {
    let seeded: HashMap<PeerId, u64> = sample
        .peers
        .iter()
        .map(|peer| (peer.id, peer.counters.seeded))
        .collect();
    let ends = earlier.peers.iter().map(|peer| {
        let still = seeded.get(&peer.id).copied().unwrap_or(0);
        peer.counters.open_now.saturating_sub(still)
    });
    ends.sum()
}

/// Puts one recording to another. What is open, and how fast things grow, the later one says.
fn merge(known: &mut Loaded, other: Loaded) {
    if overlap(&known.sample, &other.sample) {
        known.notes.push(format!(
            "recordings of {} overlap in time: what both saw is counted twice",
            known.origin.host
        ));
    }
    known.notes.extend(other.notes);
    if known.sample.taken.utc_ns <= other.sample.taken.utc_ns {
        let earlier = std::mem::replace(&mut known.sample, other.sample);
        (known.judge, known.options, known.origin) = (other.judge, other.options, other.origin);
        put_before(known, earlier);
    } else {
        put_before(known, other.sample);
    }
}

fn put_before(known: &mut Loaded, earlier: Sample) {
    let unseen = unseen(&known.sample, &earlier);
    if unseen > 0 {
        known.notes.push(format!(
            "{unseen} connections to {} ended between two recordings, how is not known",
            known.origin.host
        ));
    }
    add_earlier(&mut known.sample, earlier);
}

fn overlap(a: &Sample, b: &Sample) -> bool {
    a.started.utc_ns < b.taken.utc_ns && b.started.utc_ns < a.taken.utc_ns
}

fn add_earlier(sample: &mut Sample, earlier: Sample) {
    sample.started = start(sample, &earlier);
    let mut slots: HashMap<PeerId, usize> = HashMap::new();
    let mut next = 1;
    for (at, peer) in sample.peers.iter().enumerate() {
        slots.insert(peer.id, at);
        next = next.max(peer.slot.saturating_add(1));
    }
    for peer in earlier.peers {
        match slots.get(&peer.id).and_then(|at| sample.peers.get_mut(*at)) {
            Some(known) => add(&mut known.counters, &peer.counters),
            None => {
                let mut counters = Counters::default();
                add(&mut counters, &peer.counters);
                sample.peers.push(Peer {
                    id: peer.id,
                    slot: next,
                    counters,
                });
                next = next.saturating_add(1);
            }
        }
    }
    sample.peers.sort_unstable_by_key(|peer| peer.id);
    add(&mut sample.unattributed, &earlier.unattributed);
    for (pid, name) in earlier.names {
        sample.names.entry(pid).or_insert(name);
    }
    let known = &mut sample.known;
    known.turns &= earlier.known.turns;
    known.idle &= earlier.known.idle;
    known.bytes_received &= earlier.known.bytes_received;
    known.bytes_sent &= earlier.known.bytes_sent;
    known.retransmits &= earlier.known.retransmits;
    sample.losses.add(&earlier.losses);
    let mut totals = Totals::default();
    totals.add(&sample.unattributed);
    for peer in &sample.peers {
        totals.add(&peer.counters);
    }
    sample.accounting.totals = totals;
}

/// The earlier start on the later one's monotonic clock: the machine may have been started again in
/// between.
fn start(sample: &Sample, earlier: &Sample) -> Moment {
    if earlier.started.utc_ns >= sample.started.utc_ns {
        return sample.started;
    }
    let before = u64::try_from(sample.started.utc_ns - earlier.started.utc_ns).unwrap_or(u64::MAX);
    Moment {
        monotonic_ns: sample.started.monotonic_ns.saturating_sub(before),
        utc_ns: earlier.started.utc_ns,
    }
}

/// Adds an earlier window: what is open now stays as it is. What was open at the start of the later
/// one was open at the end of the earlier one, or else was found open all the same.
fn add(counters: &mut Counters, earlier: &Counters) {
    let now = counters.clone();
    let found = counters.seeded.saturating_sub(earlier.open_now);
    counters.absorb(earlier);
    counters.open_now = now.open_now;
    counters.open_peak = now.open_peak.max(earlier.open_peak);
    counters.close_wait_now = now.close_wait_now;
    counters.close_wait_entered_mean_ns = now.close_wait_entered_mean_ns;
    counters.seeded = earlier.seeded + found;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diagnosis::Options,
        diagnosis::{Judge, Memory},
        model::history::History,
        report::example::{origin, sample},
    };

    fn loaded(sample: Sample) -> Loaded {
        Loaded {
            judge: Judge::of(History::of(&sample), Memory::default()),
            sample,
            options: Options::default(),
            origin: origin(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn windows_of_one_host_add_up_and_the_identity_holds() {
        let first = sample();
        let mut second = sample();
        for moment in [&mut second.started, &mut second.taken] {
            moment.monotonic_ns += 3_600_000_000_000;
            moment.utc_ns += 3_600_000_000_000;
        }
        // A peer that only the first one has seen.
        second.peers.remove(0);
        for order in [[first.clone(), second.clone()], [second, first.clone()]] {
            let hosts = by_host(order.into_iter().map(loaded).collect());
            let [merged] = &hosts[..] else { panic!("{hosts:?}") };
            let both = &merged.sample;
            // Nothing of what was open then is among what the second one found.
            assert!(
                merged.notes[0].starts_with("13 connections to web1"),
                "{:?}",
                merged.notes
            );
            assert_eq!(both.peers.len(), first.peers.len());
            assert_eq!(
                (both.started, both.taken.utc_ns - first.taken.utc_ns),
                (first.started, 3_600_000_000_000)
            );
            for peer in &both.peers {
                let counters = &peer.counters;
                let unseen = first
                    .peers
                    .iter()
                    .find(|before| before.id == peer.id)
                    .map_or(0, |before| before.counters.open_now - before.counters.seeded);
                assert_eq!(
                    counters.seeded + counters.opens(),
                    counters.closes.total() + counters.open_now + unseen,
                    "{counters:?}"
                );
            }
        }
    }

    #[test]
    fn windows_that_overlap_are_told() {
        let hosts = by_host(vec![loaded(sample()), loaded(sample())]);
        assert!(hosts[0].notes[0].contains("overlap"), "{:?}", hosts[0].notes);
    }
}
