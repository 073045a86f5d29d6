//! What is kept of a peer at one moment, and how busy its connections were.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::TimeLine;
use crate::model::{
    peer::Counters,
    socket::{Connection, Since, State},
};

/// The live connections of a peer, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Established connections.
    pub established: u64,
    /// How many of them have an unanswered request.
    pub busy: u64,
    /// Request turns on them so far.
    pub turns: u64,
    /// Payload received on them, bytes.
    pub received: u64,
    /// Payload sent on them, bytes.
    pub sent: u64,
    /// When the newest one opened, monotonic, ns; 0 if that is not known of any.
    #[serde(skip)]
    pub newest_ns: u64,
    /// The longest time that one has been established and idle, ns.
    #[serde(skip)]
    pub idle_ns: u64,
}

/// A connection is new for at least this long, ns ...
const NEW_NS: u64 = 50_000_000;

/// ... and for as long as the peer's requests take on average, up to this, ns: no sooner is a connection that
/// was free when it opened likely to be free again after another request.
const LONGEST_NEW_NS: u64 = 250_000_000;

/// A connection that has been idle for this long was free, ns. A thread that has just taken it from a pool
/// has sent its request by then.
const FREE_NS: u64 = 30_000_000;

/// How busy a peer's connections were, over all the times they were looked at. All values only grow, so means
/// over a window are exact for what was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Looks {
    /// How often it was looked at while it had established connections.
    pub looks: u64,
    /// How often it was looked at while it had none.
    pub empty: u64,
    /// Sum of its established connections over all looks.
    pub established: u64,
    /// Sum of those with an unanswered request.
    pub busy: u64,
    /// How often it had several connections, none of them idle.
    pub none_idle: u64,
    /// How often one of its connections was new.
    pub just_opened: u64,
    /// How often of those another connection had been free when it opened.
    pub beside_free: u64,
}

impl Looks {
    /// Adds one look, at this monotonic time, ns. `mean_hold_ns` says how long the peer's requests took so
    /// far, on average, or 0.
    pub fn note(&mut self, live: Live, now_ns: u64, mean_hold_ns: impl FnOnce() -> u64) {
        if live.established == 0 {
            self.empty += 1;
            return;
        }
        self.looks += 1;
        self.established += live.established;
        self.busy += live.busy;
        self.none_idle += u64::from(live.established > 1 && live.busy >= live.established);
        let age_ns = now_ns.saturating_sub(live.newest_ns);
        if age_ns < LONGEST_NEW_NS && age_ns < mean_hold_ns().clamp(NEW_NS, LONGEST_NEW_NS) {
            self.just_opened += 1;
            self.beside_free += u64::from(live.idle_ns >= age_ns + FREE_NS);
        }
    }

    /// The looks since an earlier state.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            looks: self.looks.saturating_sub(earlier.looks),
            empty: self.empty.saturating_sub(earlier.empty),
            established: self.established.saturating_sub(earlier.established),
            busy: self.busy.saturating_sub(earlier.busy),
            none_idle: self.none_idle.saturating_sub(earlier.none_idle),
            just_opened: self.just_opened.saturating_sub(earlier.just_opened),
            beside_free: self.beside_free.saturating_sub(earlier.beside_free),
        }
    }
}

impl Live {
    /// Adds a connection.
    pub fn add(&mut self, connection: &Connection) {
        if connection.state == State::Established {
            self.established += 1;
            self.busy += u64::from(connection.holding);
            if !connection.holding && connection.unread == 0 {
                self.idle_ns = self.idle_ns.max(connection.idle_ns);
            }
        }
        if let Since::Opened(ns) = connection.since {
            self.newest_ns = self.newest_ns.max(ns);
        }
        self.turns += u64::from(connection.turns);
        self.received += connection.bytes_received;
        self.sent += connection.bytes_sent;
    }
}

/// A peer at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its counters.
    pub counters: Counters,
    /// Its open connections.
    pub live: Live,
    /// How busy they were so far.
    pub looks: Looks,
}

/// The number of connections a peer held at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The moment, monotonic, ns.
    pub at_ns: u64,
    /// Connections open and not in CLOSE_WAIT.
    pub held: u64,
    /// Connections opened until then.
    pub opens: u64,
    /// Connections ended until then.
    pub closes: u64,
}

impl Level {
    /// Taken from a peer's counters.
    pub fn of(at_ns: u64, counters: &Counters) -> Self {
        Self {
            at_ns,
            held: held(counters),
            opens: counters.opens(),
            closes: counters.closes.total(),
        }
    }
}

/// What the peers of several hosts held at moments that are the same for all, by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    times: Vec<u64>,
    /// What changed at which of these moments.
    of_slots: HashMap<u32, Vec<Level>>,
    lines: HashMap<u32, TimeLine>,
}

impl Levels {
    /// Adds those of a slot, oldest first.
    pub(super) fn push(&mut self, slot: u32, levels: Vec<Level>, line: Option<TimeLine>) {
        self.of_slots.insert(slot, levels);
        self.lines.extend(line.map(|line| (slot, line)));
    }

    pub(super) fn time_line(&self, slot: u32) -> Option<&TimeLine> {
        self.lines.get(&slot)
    }

    /// The same with all the moments.
    pub(super) fn at(self, times: Vec<u64>) -> Self {
        Self { times, ..self }
    }

    /// What was held at the first moment, and at each one since the peer came. What it held then may be noted
    /// at a moment by when it held more, so that only the first one says that it held none before.
    pub(super) fn course(&self, slot: u32) -> Vec<Level> {
        let mut changes = self.of_slots.get(&slot).into_iter().flatten().peekable();
        let mut now = None;
        let level = |(place, at_ns): (usize, &u64)| {
            while let Some(level) = changes.next_if(|level| level.at_ns <= *at_ns) {
                now = Some(*level);
            }
            let none = (place == 0).then_some(Level {
                at_ns: *at_ns,
                held: 0,
                opens: 0,
                closes: 0,
            });
            Some(Level {
                at_ns: *at_ns,
                ..now.or(none)?
            })
        };
        self.times.iter().enumerate().filter_map(level).collect()
    }
}

/// Connections a peer holds: open ones, except those only waiting for this host to close them.
pub fn held(counters: &Counters) -> u64 {
    counters.open_now.saturating_sub(counters.close_wait_now)
}

/// The live connections of each slot, summed up; the slot is the index.
pub fn live_by_slot(connections: &[Connection]) -> Vec<Live> {
    let slots = connections.iter().filter_map(|connection| connection.slot);
    let most = slots.max().map_or(0, |slot| slot as usize + 1);
    let mut all = vec![Live::default(); most];
    for connection in connections {
        let live = connection.slot.and_then(|slot| all.get_mut(slot as usize));
        if let Some(live) = live {
            live.add(connection);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::peer::Direction;
    use crate::units::{MS, S};

    /// A connection of this age that has been idle for so long, ms, at 1,000 ms.
    fn connection(age: u64, idle: u64) -> Connection {
        Connection {
            slot: Some(0),
            since: Since::Opened((1_000 - age) * MS),
            idle_ns: idle * MS,
            ..Connection::unknown(1, Direction::Inbound)
        }
    }

    fn looked_at(connections: &[Connection]) -> (u64, u64) {
        looked_at_with(connections, 0)
    }

    fn looked_at_with(connections: &[Connection], mean_hold: u64) -> (u64, u64) {
        let mut looks = Looks::default();
        for live in live_by_slot(connections) {
            looks.note(live, 1_000 * MS, || mean_hold * MS);
        }
        (looks.just_opened, looks.beside_free)
    }

    #[test]
    fn a_connection_is_new_while_requests_take_that_long() {
        let (younger, older) = ([connection(140, 0)], [connection(160, 0)]);
        assert_eq!(looked_at_with(&younger, 150), (1, 0));
        assert_eq!(looked_at_with(&older, 150), (0, 0));
        assert_eq!(looked_at_with(&older, 30_000), (1, 0));
        assert_eq!(looked_at_with(&[connection(260, 0)], 30_000), (0, 0));
        assert_eq!(looked_at_with(&[connection(40, 0)], 1), (1, 0));
    }

    #[test]
    fn a_new_connection_shows_whether_another_was_free() {
        let new = connection(20, 20);
        assert_eq!(looked_at(&[connection(60, 60)]), (0, 0), "no longer new");
        assert_eq!(looked_at(std::slice::from_ref(&new)), (1, 0));
        assert_eq!(looked_at(&[new.clone(), connection(500, 90)]), (1, 1));
        assert_eq!(
            looked_at(&[new.clone(), connection(500, 49)]),
            (1, 0),
            "just taken"
        );
        let busy = [true, false].map(|holding| Connection {
            holding,
            unread: u32::from(!holding),
            ..connection(500, 90)
        });
        assert_eq!(looked_at(&[new, busy[0].clone(), busy[1].clone()]), (1, 0));
    }

    /// Hosts note it when they look, and the first moment after that may be one by when there were two.
    #[test]
    fn what_several_hosts_noted_late_began_with_none() {
        let level = |second: u64, held| Level {
            at_ns: second * S,
            held,
            opens: held,
            closes: 0,
        };
        let mut levels = Levels::default();
        levels.push(1, vec![level(12, 2), level(22, 4)], None);
        levels.push(2, vec![level(0, 3)], None);
        let levels = levels.at((0..6).map(|n| 5 * n * S).collect());
        assert_eq!(
            levels.course(1),
            [level(0, 0), level(15, 2), level(20, 2), level(25, 4)]
        );
        assert!(levels.course(2).iter().all(|level| level.held == 3));
    }
}
