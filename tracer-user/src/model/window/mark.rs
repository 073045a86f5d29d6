//! What is kept of a peer at one moment, and how busy its connections were.

use serde::{Deserialize, Serialize};

use crate::model::{
    peer::Counters,
    socket::{Connection, State},
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
}

/// How busy a peer's connections were, over all the times they were looked at. All values only grow, so means
/// over a window are exact for what was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl Looks {
    /// Adds one look.
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

    /// The looks since an earlier state.
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
    /// Adds a connection.
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
