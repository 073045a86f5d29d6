//! What is kept of a peer at one moment, and how its connections were found.

use serde::{Deserialize, Serialize};

use crate::model::{
    peer::Counters,
    socket::{Connection, State},
};

/// What the live connections of one peer come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Established ones.
    pub established: u64,
    /// Of these, how many have a request without an answer.
    pub busy: u64,
    /// Their request turns so far.
    pub turns: u64,
    /// Payload they received, bytes.
    pub received: u64,
    /// Payload they sent, bytes.
    pub sent: u64,
}

/// How busy a peer's connections were found, each time that somebody looked. All of them only grow, so that a
/// window's means are exact means of what was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looks {
    /// How often it was looked at and had any established.
    pub looks: u64,
    /// How often it had none.
    pub empty: u64,
    /// Sum of its established connections.
    pub established: u64,
    /// Sum of those of them that had a request without an answer.
    pub busy: u64,
    /// How often it had several and not one of them was idle.
    pub none_idle: u64,
}

impl Looks {
    /// Notes what was found once.
    pub fn note(&mut self, live: Live) {
        if live.established == 0 {
            self.empty += 1;
            return;
        }
        self.looks += 1;
        self.established += live.established;
        self.busy += live.busy;
        self.none_idle += u64::from(live.established > 1 && live.busy >= live.established);
    }

    /// What was seen since an earlier state.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            looks: self.looks.saturating_sub(earlier.looks),
            empty: self.empty.saturating_sub(earlier.empty),
            established: self.established.saturating_sub(earlier.established),
            busy: self.busy.saturating_sub(earlier.busy),
            none_idle: self.none_idle.saturating_sub(earlier.none_idle),
        }
    }
}

impl Live {
    /// Adds one connection.
    pub fn add(&mut self, connection: &Connection) {
        if connection.state == State::Established {
            self.established += 1;
            self.busy += u64::from(connection.holding);
        }
        self.turns += u64::from(connection.turns);
        self.received += connection.bytes_received;
        self.sent += connection.bytes_sent;
    }
}

/// One peer at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its counters.
    pub counters: Counters,
    /// What was open.
    pub live: Live,
    /// How busy that was found so far.
    pub looks: Looks,
}

/// How many connections a peer held at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// When, monotonic, ns.
    pub at_ns: u64,
    /// Open and not in CLOSE_WAIT.
    pub held: u64,
    /// Opened until then.
    pub opens: u64,
    /// Ended until then.
    pub closes: u64,
}

impl Level {
    /// What a peer's counters say.
    pub fn of(at_ns: u64, counters: &Counters) -> Self {
        Self {
            at_ns,
            held: held(counters),
            opens: counters.opens(),
            closes: counters.closes.total(),
        }
    }
}

/// Connections a peer holds: open, and not only waiting for this host to close them.
pub fn held(counters: &Counters) -> u64 {
    counters.open_now.saturating_sub(counters.close_wait_now)
}

/// What the live connections of each slot come to, by slot.
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
