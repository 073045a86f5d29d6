//! The earlier moments: rows of peers and listeners as they were, as far as the view still knows.

use std::{borrow::Cow, collections::VecDeque, net::Ipv6Addr};

use hashbrown::HashMap;

use crate::{
    diagnosis::{Change, Diagnosis, ListenerNow, Verdict},
    evidence::{
        journal::Interval,
        recording::{Recording, Rows},
        rows::{ConnectionRow, EventRow, ListenerRow, PeerRow},
    },
    model::{
        peer::PeerId,
        sample::{Moment, Sample},
    },
    report::timestamp,
    view::{feed::Kept, keeper::Frame},
};

/// Writes the moments, each with the connections that had ended by then. Returns the rows of those that ended
/// later.
pub(super) fn write(
    recording: &mut Recording,
    kept: &Kept,
    diagnosis: &Diagnosis,
    ended: Vec<(u64, ConnectionRow)>,
) -> Vec<ConnectionRow> {
    let sample = &kept.sample;
    let window = kept.judge.history().window();
    let boundaries: HashMap<u64, usize> = (0..)
        .zip(window.boundaries())
        .map(|(number, at)| (at.monotonic_ns, number))
        .collect();
    let (mut ended, mut said) = (VecDeque::from(ended), HashMap::new());
    let expected: HashMap<PeerId, u32> = diagnosis
        .peers
        .iter()
        .map(|peer| (peer.id, peer.expected()))
        .collect();
    let mut told = 0;
    for frame in kept.film.frames() {
        said.extend(frame.said.iter().copied());
        let at = frame.at;
        let Some(boundary) = boundaries.get(&at.monotonic_ns).copied() else {
            continue;
        };
        if at.monotonic_ns >= sample.taken.monotonic_ns {
            // The last one contains everything.
            continue;
        }
        while let Some((_, row)) = ended.pop_front_if(|(closed_ns, _)| *closed_ns <= at.monotonic_ns) {
            recording.connection(&row);
        }
        let by_then = |change: &&Change| change.at.monotonic_ns <= at.monotonic_ns;
        let changes = || diagnosis.changes.iter().filter(by_then);
        let next = changes().next_back().map_or(told, |change| change.id + 1);
        let rows = Rows {
            peers: peers(kept, &expected, boundary, at, &said),
            listeners: listeners(frame, sample),
            events: changes()
                .filter(|change| change.id >= told)
                .map(EventRow::of)
                .collect(),
            told: next,
        };
        told = next;
        recording.earlier_interval(
            rows,
            Interval {
                at: timestamp(at),
                monotonic_ns: at.monotonic_ns,
                accounting: frame.accounting,
                losses: frame.losses,
                ..Interval::default()
            },
        );
    }
    ended.into_iter().map(|(_, row)| row).collect()
}

fn peers(
    kept: &Kept,
    expected: &HashMap<PeerId, u32>,
    boundary: usize,
    at: Moment,
    said: &HashMap<u32, Verdict>,
) -> Vec<PeerRow> {
    let window = kept.judge.history().window();
    let row = |peer: &crate::model::sample::Peer| {
        // A peer that came later has none.
        let mark = window.mark(boundary, peer.slot)?;
        let expected = expected.get(&peer.id).copied().unwrap_or(1);
        let number = kept.numbers.get(peer.id);
        let verdict = number.and_then(|number| said.get(&number));
        let row = PeerRow::of(peer.id, &mark.counters, mark.live, kept.sample.known, expected);
        Some(PeerRow {
            verdict: Cow::Borrowed(verdict.map_or("", |verdict| verdict.id())),
            name: kept.options.names.get(peer.id.network).cloned(),
            ..row.at(at)
        })
    };
    kept.sample.peers.iter().filter_map(row).collect()
}

/// One row per port, since it is not known which of its addresses held the connections.
fn listeners(frame: &Frame, sample: &Sample) -> Vec<ListenerRow> {
    let row = |now: &ListenerNow| {
        let sockets = sample.sockets.listeners.iter();
        let same = sockets.filter(|socket| (socket.netns, socket.port) == (now.netns, now.port));
        let first = same.map(|socket| socket.address).min();
        let of = |workers: Option<u32>| workers.map(u64::from);
        let (placed, others) = ListenerRow::cells_of(&now.backlog);
        ListenerRow {
            sampled_at: frame.at.utc_ns,
            netns: now.netns,
            local: (first.unwrap_or(Ipv6Addr::UNSPECIFIED.into()), now.port),
            held: now.held,
            close_wait: now.close_wait,
            never_accepted: now.never_accepted,
            placed,
            busy_workers: of(now.busy_workers),
            idle_workers: None,
            owner: now.owner.process().cloned(),
            others,
        }
    };
    frame.listeners.iter().map(row).collect()
}
