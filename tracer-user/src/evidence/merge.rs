//! Combines several recordings of one host, whose judged periods follow each other.

use hashbrown::HashMap;

use super::load::Loaded;
use crate::model::{
    earlier::EarlierPeer,
    peer::{Counters, PeerId},
    sample::{Peer, Sample},
};

/// Groups recordings by host, in order of first appearance, and merges those of each host in order of time.
pub fn by_host(all: Vec<Loaded>) -> Vec<Loaded> {
    let mut hosts: Vec<Vec<Loaded>> = Vec::new();
    for one in all {
        let host = |known: &&mut Vec<Loaded>| known.iter().any(|known| known.origin.host == one.origin.host);
        match hosts.iter_mut().find(host) {
            Some(known) => known.push(one),
            None => hosts.push(vec![one]),
        }
    }
    hosts.into_iter().filter_map(in_order).collect()
}

/// Merges the recordings of one host; `None` if there are none.
fn in_order(mut all: Vec<Loaded>) -> Option<Loaded> {
    all.sort_by_key(|one| (one.sample.started.utc_ns, one.sample.taken.utc_ns));
    all.into_iter().reduce(merge)
}

/// Merges two recordings. Open connections and growth are taken from the one that ends later.
fn merge(first: Loaded, second: Loaded) -> Loaded {
    let overlap = second.sample.started.utc_ns < first.sample.taken.utc_ns;
    let (earlier, mut known) = match first.sample.taken.utc_ns <= second.sample.taken.utc_ns {
        true => (first, second),
        false => (second, first),
    };
    let mut notes = earlier.notes.clone();
    if overlap {
        notes.push(format!(
            "recordings of {} overlap in time: connections that both saw are counted twice",
            known.origin.host
        ));
    }
    notes.append(&mut known.notes);
    known.notes = notes;
    let unseen = unseen(&known.sample, &earlier.sample);
    if unseen > 0 {
        known.notes.push(format!(
            "{unseen} connections to {} ended between two recordings; how they ended is unknown",
            known.origin.host
        ));
    }
    put_before(&mut known, &earlier);
    // Verdicts about one of them rest on less.
    known.judge.reconsider();
    known
}

/// Connections that were open at the end of one recording and not at the start of the next.
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

/// What a recording contributes to a later one: its peers, over the period judged.
fn judged(loaded: &Loaded) -> impl Iterator<Item = (PeerId, EarlierPeer)> + '_ {
    let (sample, window) = (&loaded.sample, loaded.judge.history().window());
    let begins_ns = window.start().unwrap_or(sample.started).monotonic_ns;
    sample.peers.iter().map(move |peer| {
        let base = window.base(peer.slot);
        let last = match base {
            Some(base) => Counters {
                // Connections open when that period began count as seeded.
                seeded: base.counters.open_now,
                ..peer.counters.since(&base.counters)
            },
            None => peer.counters.clone(),
        };
        let first_ns = window.seen(peer.slot).map_or(begins_ns, |seen| seen.first_ns);
        let there_ns = sample.taken.monotonic_ns.saturating_sub(begins_ns.max(first_ns));
        let all = match sample.earlier.peer(peer.slot) {
            Some(before) => EarlierPeer {
                counters: last.after(&before.counters),
                window_ns: before.window_ns.saturating_add(there_ns),
            },
            None => EarlierPeer {
                counters: last,
                window_ns: there_ns,
            },
        };
        (peer.id, all)
    })
}

fn put_before(known: &mut Loaded, earlier: &Loaded) {
    let window = earlier.judge.history().window();
    let began = window.start().unwrap_or(earlier.sample.started);
    let length_ns = earlier
        .sample
        .taken
        .monotonic_ns
        .saturating_sub(began.monotonic_ns);
    let before = &earlier.sample;
    let sample = &mut known.sample;
    sample.earlier.window_ns = length_ns.saturating_add(before.earlier.window_ns);
    sample.earlier.since = Some(before.earlier.since.unwrap_or(began.utc_ns).min(began.utc_ns));
    sample.started.utc_ns = sample.started.utc_ns.min(before.started.utc_ns);
    let mut slots: HashMap<PeerId, u32> = HashMap::new();
    let mut next = 1;
    let mut found = sample
        .unattributed
        .seeded
        .saturating_sub(before.unattributed.open_now);
    let open_then: HashMap<PeerId, u64> = before
        .peers
        .iter()
        .map(|peer| (peer.id, peer.counters.open_now))
        .collect();
    for peer in &sample.peers {
        slots.insert(peer.id, peer.slot);
        next = next.max(peer.slot.saturating_add(1));
        let open = open_then.get(&peer.id).copied().unwrap_or(0);
        found += peer.counters.seeded.saturating_sub(open);
    }
    for (id, peer) in judged(earlier) {
        let slot = *slots.entry(id).or_insert_with(|| {
            let slot = next;
            next = next.saturating_add(1);
            sample.peers.push(Peer {
                id,
                slot,
                counters: Counters::default(),
            });
            slot
        });
        sample.earlier.peers.insert(slot, peer);
    }
    sample.peers.sort_unstable_by_key(|peer| peer.id);
    sample.unattributed = sample.unattributed.after(&before.unattributed);
    for (pid, name) in &before.names {
        sample.names.entry(*pid).or_insert_with(|| name.clone());
    }
    let known = &mut sample.known;
    known.turns &= before.known.turns;
    known.requests &= before.known.requests;
    known.idle &= before.known.idle;
    known.bytes_received &= before.known.bytes_received;
    known.bytes_sent &= before.known.bytes_sent;
    known.retransmits &= before.known.retransmits;
    sample.losses.add(&before.losses);
    let (totals, of_before) = (&mut sample.accounting.totals, before.accounting.totals);
    totals.seeded = of_before.seeded + found;
    totals.opened += of_before.opened;
    totals.closed += of_before.closed;
    sample.accounting.peers_left += before.accounting.peers_left;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diagnosis::{Diagnosis, Judge, Memory, Options},
        model::history::History,
        report::example::{origin, sample},
    };

    const HOUR_NS: u64 = 3_600_000_000_000;

    fn loaded(sample: Sample) -> Loaded {
        let mut history = History::of(&Sample {
            taken: sample.started,
            ..sample.clone()
        });
        history.add(&sample);
        Loaded {
            judge: Judge::of(history, Memory::default()),
            sample,
            options: Options::default(),
            origin: origin(),
            notes: Vec::new(),
        }
    }

    /// The example, some hours later.
    fn later(hours: u64) -> Sample {
        let mut later = sample();
        for moment in [&mut later.started, &mut later.taken] {
            moment.monotonic_ns += hours * HOUR_NS;
            moment.utc_ns += i128::from(hours * HOUR_NS);
        }
        later
    }

    fn merged(all: Vec<Sample>) -> Loaded {
        let mut hosts = by_host(all.into_iter().map(loaded).collect());
        assert_eq!(hosts.len(), 1);
        hosts.remove(0)
    }

    fn diagnosis(loaded: &Loaded) -> Diagnosis {
        loaded.judge.again(&loaded.sample, &loaded.options)
    }

    #[test]
    fn windows_of_one_host_add_up_and_the_identity_holds() {
        let first = sample();
        let mut second = later(1);
        // A peer that only the first recording has seen.
        second.peers.remove(0);
        for order in [[first.clone(), second.clone()], [second, first.clone()]] {
            let merged = merged(order.to_vec());
            // None of the connections open then was found open by the second recording.
            assert!(
                merged.notes[0].starts_with("13 connections to web1"),
                "{:?}",
                merged.notes
            );
            let both = diagnosis(&merged);
            assert_eq!(both.peers.len(), first.peers.len());
            assert_eq!(both.started.utc_ns, first.started.utc_ns);
            let length_ns = first.taken.monotonic_ns - first.started.monotonic_ns;
            assert_eq!(both.window_ns(), 2 * length_ns, "what lies between was not seen");
            assert_eq!(
                merged.sample.accounting.totals.open_now(),
                both.accounting.open_now + 13
            );
            for peer in &both.peers {
                let before = first.peers.iter().find(|before| before.id == peer.id).unwrap();
                let times = if peer.id == first.peers[0].id { 1 } else { 2 };
                let figures = &peer.figures;
                assert_eq!(figures.opens, times * before.counters.opens(), "{:?}", peer.id);
                assert_eq!(figures.closes, times * before.counters.closes.total());
                assert!(figures.span_ns <= both.window_ns() && figures.span_ns > 0);
            }
        }
    }

    #[test]
    fn windows_that_overlap_are_told() {
        let merged = merged(vec![sample(), sample()]);
        assert!(merged.notes[0].contains("overlap"), "{:?}", merged.notes);
    }

    #[test]
    fn the_order_of_time_counts_and_not_that_of_the_names() {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let wanted = merged(vec![later(0), later(1), later(2)]);
        for order in orders {
            let merged = merged(order.map(later).to_vec());
            assert!(
                merged.notes.iter().all(|note| !note.contains("overlap")),
                "{order:?}: {:?}",
                merged.notes
            );
            assert_eq!(merged.sample, wanted.sample, "{order:?}");
        }
    }

    #[test]
    fn requests_are_known_if_all_recordings_know_them() {
        let mut older = sample();
        older.known.requests = false;
        assert!(merged(vec![sample(), later(1)]).sample.known.requests);
        assert!(!merged(vec![older, later(1)]).sample.known.requests);
    }

    #[test]
    fn a_month_does_not_shrink_to_a_boot_of_an_hour() {
        let mut month = later(0);
        let days = 30 * 24;
        month.taken.monotonic_ns += days * HOUR_NS;
        month.taken.utc_ns += i128::from(days * HOUR_NS);
        let mut young = later(days + 1);
        let run_ns = young.taken.monotonic_ns - young.started.monotonic_ns;
        (young.started.monotonic_ns, young.taken.monotonic_ns) = (HOUR_NS - run_ns, HOUR_NS);
        for socket in &mut young.sockets.connections {
            socket.since = crate::model::socket::Since::Unknown;
        }
        let both = diagnosis(&merged(vec![young, month]));
        assert_eq!(both.window_ns(), days * HOUR_NS + 2 * run_ns);
        assert!(
            both.peers
                .iter()
                .all(|peer| peer.figures.span_ns > days * HOUR_NS)
        );
    }

    #[test]
    fn only_what_is_judged_of_an_earlier_one_is_added() {
        let mut earlier = loaded(sample());
        earlier.judge.begin_anew();
        let hosts = by_host(vec![loaded(later(1)), earlier]);
        let both = diagnosis(&hosts[0]);
        let alone = diagnosis(&loaded(later(1)));
        let opens = |diagnosis: &Diagnosis| {
            let peers = diagnosis.peers.iter();
            peers.map(|peer| peer.figures.opens).sum::<u64>()
        };
        assert_eq!(opens(&both), opens(&alone), "its window has just begun");
        assert_eq!(both.window_ns(), alone.window_ns());
    }
}
