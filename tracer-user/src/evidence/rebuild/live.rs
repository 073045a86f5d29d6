//! Open connections, from the rows written at stop or else from the gauges of the last interval.

use std::net::{IpAddr, Ipv4Addr};

use super::{MAX_LIVE, Rebuild, asked_and_answered, peer::Entry};
use crate::{
    evidence::rows::{ConnectionRow, ListenerRow},
    model::{
        ended::LastState,
        peer::{Direction, PeerId},
        sample::Moment,
        socket::{Connection, Since, State},
    },
};

/// The connection of a row that was open at stop.
pub(super) fn of_row(
    rebuild: &Rebuild,
    row: &ConnectionRow,
    slot: Option<u32>,
    started: Moment,
    taken: Moment,
) -> Connection {
    let narrow = |n: Option<u64>| u32::try_from(n.unwrap_or(0)).unwrap_or(u32::MAX);
    let state = match row.state {
        LastState::Open(state) => state,
        _ => State::Established,
    };
    let owned = matches!(state, State::Established | State::CloseWait);
    let (segs_in, segs_out) = (narrow(row.segs_in), narrow(row.segs_out));
    let (asked, answered) = asked_and_answered(row);
    let unanswered = asked > 0 && answered == 0;
    Connection {
        slot,
        interface: row.interface,
        local: row.local,
        remote: row.remote,
        state,
        since: match row.opened_at {
            Some(at) => Since::Opened(rebuild.moment(at).monotonic_ns),
            None => Since::Seeded(started.monotonic_ns),
        },
        close_wait_since_ns: row
            .close_wait_ms
            .filter(|_| state == State::CloseWait)
            .map(|ms| taken.monotonic_ns.saturating_sub(ms * 1_000_000)),
        has_file: owned && row.accepted != Some(false),
        orphan: !owned,
        bytes_received: row.bytes_received.unwrap_or(0),
        bytes_sent: row.bytes_sent.unwrap_or(0),
        data_segs_in: segs_in,
        data_segs_out: segs_out,
        retransmits: narrow(row.retransmits),
        held: row.overlap.map(|overlap| u32::from(overlap) * rebuild.expected),
        turns: row
            .turns
            .map_or(segs_in.min(segs_out), |turns| narrow(Some(turns))),
        protocol: row.protocol,
        requests_exact: row.requests_exact == Some(true),
        unanswered: unanswered && state == State::CloseWait,
        holding: unanswered,
        owner: row.owner_pid,
        ..Connection::unknown(row.netns, row.direction)
    }
}

/// As many connections as were open according to the last interval.
pub(super) fn of_gauges(
    rebuild: &Rebuild,
    id: PeerId,
    entry: &Entry,
    started: Moment,
    taken: Moment,
    to: &mut Vec<Connection>,
) {
    let Some(gauge) = &entry.gauge else { return };
    let ns = |at: i128| rebuild.moment(at).monotonic_ns.min(taken.monotonic_ns);
    let room = MAX_LIVE.saturating_sub(to.len());
    let open = entry.opened.len().min(room);
    let lingering = entry.lingering.len().min(open);
    let end: (IpAddr, u16) = (id.network.addr(), id.remote_port().unwrap_or(0));
    let turns = Shares::of(gauge.turns_open.unwrap_or(0), open);
    let busy = usize::try_from(gauge.busy.unwrap_or(0)).unwrap_or(usize::MAX);
    for (n, opened) in entry.opened.iter().take(open).enumerate() {
        let close_wait = n < lingering;
        // Connections waiting to be accepted came last, and those that stopped waiting are in CLOSE_WAIT.
        let from_the_end = match close_wait {
            true => lingering - 1 - n,
            false => lingering + (open - 1 - n),
        };
        let waits_since = entry.lingering.get(n).filter(|_| close_wait).map(|at| ns(*at));
        to.push(Connection {
            slot: Some(entry.slot),
            interface: id.interface,
            local: (Ipv4Addr::UNSPECIFIED.into(), id.local_port().unwrap_or(0)),
            remote: end,
            state: if close_wait {
                State::CloseWait
            } else {
                State::Established
            },
            since: began(ns(*opened), waits_since, started),
            close_wait_since_ns: waits_since,
            has_file: from_the_end as u64 >= gauge.never_accepted.unwrap_or(0),
            turns: turns.of_place(n),
            // Connections in CLOSE_WAIT are not counted as busy, and come first.
            holding: !close_wait && n - lingering < busy,
            ..Connection::unknown(id.netns, id.direction)
        });
    }
}

/// When a connection began. What was in CLOSE_WAIT before tracing began was open then, and all its times are
/// lower bounds.
pub(super) fn began(opened_ns: u64, waits_since_ns: Option<u64>, started: Moment) -> Since {
    match waits_since_ns {
        Some(since) if since < started.monotonic_ns => Since::Seeded(started.monotonic_ns),
        _ => Since::Opened(opened_ns),
    }
}

/// Distributes a number evenly over several connections, since nothing shows which it belongs to.
struct Shares {
    each: u64,
    one_more: u64,
}

impl Shares {
    fn of(sum: u64, places: usize) -> Self {
        let places = (places as u64).max(1);
        Self {
            each: sum / places,
            one_more: sum % places,
        }
    }

    fn of_place(&self, place: usize) -> u32 {
        let share = self.each + u64::from((place as u64) < self.one_more);
        u32::try_from(share).unwrap_or(u32::MAX)
    }
}

/// As many connections as a listener holds, so that its port's figures are right.
pub(super) fn of_listener(row: &ListenerRow, to: &mut Vec<Connection>) {
    let room = MAX_LIVE.saturating_sub(to.len());
    let held = usize::try_from(row.held).unwrap_or(usize::MAX).min(room);
    for n in 0..held {
        to.push(Connection {
            local: row.local,
            has_file: n as u64 >= row.never_accepted,
            ..Connection::unknown(row.netns, Direction::Inbound)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_in_close_wait_before_tracing_has_no_exact_age() {
        let started = Moment {
            monotonic_ns: 1_000,
            utc_ns: 0,
        };
        for (waits_since, wanted) in [
            (None, Since::Opened(1_500)),
            (Some(1_700), Since::Opened(1_500)),
            (Some(1_000), Since::Opened(1_500)),
            (Some(999), Since::Seeded(1_000)),
        ] {
            assert_eq!(began(1_500, waits_since, started), wanted, "{waits_since:?}");
        }
    }
}
