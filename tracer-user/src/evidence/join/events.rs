//! When the connections of a host's peers opened and ended, as far as all of them are known.

use std::path::Path;

use hashbrown::HashMap;

use super::plan::{Group, shown};
use crate::{
    evidence::{
        EvidenceError,
        read::Evidence,
        rows::{ConnectionRow, Kind},
    },
    model::{
        peer::{Direction, PeerId},
        sample::Sample,
        socket::Since,
        window::{Event, HostWindow},
    },
};

/// With more rows than these they are not read: it would take seconds for each host.
const MAX_ROWS: u64 = 500_000;

/// The events of each slot within the window. A slot is missing if some of its events may be.
pub(super) fn of(group: &Group, host: &HostWindow<'_>) -> HashMap<u32, Vec<Event>> {
    let sample = host.sample;
    let (Some(path), None) = (
        group.paths.first().filter(|_| group.paths.len() == 1),
        sample.earlier.since,
    ) else {
        return HashMap::new();
    };
    let mut events: HashMap<u32, Vec<Event>> = HashMap::new();
    let begins_ns = host.window.start().unwrap_or(sample.started).monotonic_ns;
    for one in &sample.sockets.connections {
        if let (Some(slot), Since::Opened(at_ns)) = (one.slot, one.since)
            && at_ns > begins_ns
        {
            events
                .entry(slot)
                .or_default()
                .push(Event::open(host.common_ns(at_ns)));
        }
    }
    let begins_ns = host.common_ns(begins_ns);
    let read = ended(path, group, sample, |slot, opened, closed| {
        if let Some(at_ns) = opened.filter(|at_ns| *at_ns > begins_ns) {
            events.entry(slot).or_default().push(Event::open(at_ns));
        }
        if closed > begins_ns {
            events.entry(slot).or_default().push(Event::end(closed));
        }
    });
    if let Err(error) = read {
        log::debug!("{}: no time line: {error}", shown(path));
    }
    // What was counted says whether there is a row of each.
    let whole = sample.peers.iter().filter_map(|peer| {
        let found = events.remove(&peer.slot).unwrap_or_default();
        let base = host.window.base(peer.slot).unwrap_or_default().counters;
        let opened = peer.counters.opens().saturating_sub(base.opens());
        let ended = peer.counters.closes.total().saturating_sub(base.closes.total());
        let opens = found.iter().filter(|event| event.is_open()).count() as u64;
        let ends = found.len() as u64 - opens;
        ((opens, ends) == (opened, ended)).then_some((peer.slot, found))
    });
    whole.collect()
}

/// Hands over the ended inbound connections by slot, with the times on the common clock.
fn ended(
    path: &Path,
    group: &Group,
    sample: &Sample,
    mut each: impl FnMut(u32, Option<u64>, u64),
) -> Result<(), EvidenceError> {
    let mut evidence = Evidence::open(path, None)?;
    evidence.narrow(group.begin, group.end)?;
    let rows: u64 = evidence.frames.iter().map(|frame| frame.connections).sum();
    if rows > MAX_ROWS || !evidence.has(Kind::Connections) {
        return Ok(());
    }
    let prefixes = evidence.manifest.session.filters.prefixes();
    let slots: HashMap<PeerId, u32> = sample.peers.iter().map(|peer| (peer.id, peer.slot)).collect();
    for row in evidence.rows::<ConnectionRow>()? {
        let row = row?;
        let (Some(closed), Direction::Inbound) = (row.closed_at, row.direction) else {
            continue;
        };
        let id = row.peer(prefixes);
        let mut ids = std::iter::once(id).chain(id.among_strangers());
        if let Some(slot) = ids.find_map(|id| slots.get(&id)) {
            each(
                *slot,
                row.opened_at.map(|at| group.common_ns(at)),
                group.common_ns(closed),
            );
        }
    }
    Ok(())
}
