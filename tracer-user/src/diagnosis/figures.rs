//! A peer's figures: its counters and its live sockets, put together for rules and reports.

mod clocks;
mod course;
mod held;
mod idle;
mod lingering;
mod made;
mod sparse;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(super) use self::made::{Known, Of, Processes, of, opens_beyond};
pub use self::{course::Course, held::HeldNow, idle::Idle, lingering::Lingering, sparse::Sparse};
use super::thresholds::{Thresholds, share};
use crate::model::{
    counters::Plain,
    durations::Durations,
    owner::Process,
    peer::{Closes, Direction},
    protocol::Protocol,
    sample,
    turns::Turns,
    window::Looks,
};
use crate::units::MS;

/// Median and longest of something, ns; `None`: not measured, or nothing happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Median.
    pub p50_ns: Option<u64>,
    /// Longest.
    pub max_ns: Option<u64>,
}

impl From<&Durations> for Spread {
    fn from(durations: &Durations) -> Self {
        let summary = durations.summary();
        Self {
            p50_ns: summary.map(|all| all.median_ns),
            max_ns: summary.map(|all| all.max_ns),
        }
    }
}

/// How long something takes from turn to turn, ns; without a count, it is not known or did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// How often.
    pub count: u64,
    /// All of it together.
    pub sum_ns: u64,
    /// Median.
    pub p50_ns: Option<u64>,
    /// 95 of 100 take no longer.
    pub p95_ns: Option<u64>,
    /// Longest.
    pub max_ns: Option<u64>,
}

impl From<&Durations> for Pace {
    fn from(durations: &Durations) -> Self {
        let Some(summary) = durations.summary() else {
            return Self::default();
        };
        Self {
            count: summary.count,
            sum_ns: durations.sum_ns,
            p50_ns: Some(summary.median_ns),
            p95_ns: Some(summary.p95_ns),
            max_ns: Some(summary.max_ns),
        }
    }
}

/// How many connections a peer held over the time that is judged, and for how long. CLOSE_WAIT does not
/// count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occupancy {
    /// How long that time is, ns; a peer that came later held none before.
    pub window_ns: u64,
    /// Held at its beginning.
    pub start: u64,
    /// The most held at once. Exact if none was in CLOSE_WAIT; else the most that was seen.
    pub peak: u64,
    /// All connections' time together, ms; `None`: not known.
    pub held_ms: Option<u64>,
    /// Of that, with a request that waited for its answer; `None`: not all holds are known.
    pub busy_ms: Option<u64>,
}

impl Occupancy {
    /// How many it held, on average.
    pub fn mean(&self) -> Option<f64> {
        let held_ms = self.held_ms.filter(|_| self.window_ns > 0)?;
        Some(share(held_ms.saturating_mul(MS), self.window_ns))
    }

    /// Time of connections that had nothing to do, ms.
    pub fn idle_ms(&self) -> Option<u64> {
        Some(self.held_ms?.saturating_sub(self.busy_ms?))
    }
}

/// CLOSE_WAIT of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CloseWait {
    /// In it now.
    pub now: u64,
    /// Of these, how long the oldest has been, ns; "at least" when it was there before the tracer.
    pub oldest_ns: Option<u64>,
    /// Whether that is only "at least".
    pub oldest_is_bound: bool,
    /// Of these, not accepted by any process.
    pub never_accepted: u64,
    /// Entered it while traced.
    pub entered: u64,
    /// Left it again while traced.
    pub left: u64,
    /// Median of those that left it, ns.
    pub p50_ns: Option<u64>,
    /// Longest of those that left it, ns.
    pub longest_ns: Option<u64>,
}

/// Connections of a peer that wait in an accept queue now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// How many.
    pub now: u64,
    /// How long the oldest has waited, ns; "at least" when it was there before the tracer.
    pub oldest_ns: u64,
}

/// Everything a rule or a report says about a peer, within the time that is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// How much of that time the peer was there, ns.
    pub span_ns: u64,
    /// When it was there first, monotonic, ns.
    pub first_seen_ns: u64,
    /// When it last did anything, monotonic, ns.
    pub last_seen_ns: u64,
    /// Opened.
    pub opens: u64,
    /// Of these, while it held none.
    pub opens_with_none: u64,
    /// Ended.
    pub closes: u64,
    /// Requests over all its connections, or the most there can have been.
    pub requests: u64,
    /// When the oldest of its connections was opened that came while it held as many as expected, monotonic,
    /// ns.
    pub first_overlap_ns: Option<u64>,
    /// How the number held moved.
    pub course: Course,
    /// How busy its connections were found.
    pub looks: Sparse<Looks>,
    /// How much it held over that time, and how busy that was.
    pub occupancy: Occupancy,
    /// Open now.
    pub open_now: u64,
    /// Most open at once.
    pub open_peak: u64,
    /// Opens while the expected number was held already.
    pub overlaps: u64,
    /// Opens while more was held than the least of the window.
    pub opens_beyond: u64,
    /// Failed connects.
    pub failed: u64,
    /// Open before tracing began.
    pub seeded: u64,
    /// Ended, by reason.
    pub close_reasons: Closes,
    /// Ended by the client: by its FIN, the remote side's when this host is the server, or its goodbye.
    pub client_fin: u64,
    /// Aborted by the client.
    pub client_rst: u64,
    /// Ended by the server: by its FIN, or its goodbye.
    pub server_fin: u64,
    /// Aborted by the server; seen from the client, perhaps by something on the path.
    pub server_rst: u64,
    /// What is shown as it was counted.
    pub counted: Plain,
    /// Which figures this kernel gives.
    pub known: sample::Known,
    /// Lifetime of the ended, from which a constant age can be told from chance.
    pub age: Sparse<Idle>,
    /// The sum of their lifetimes, ns.
    pub lifetime_sum_ns: u64,
    /// Idle before the first FIN or RST.
    pub idle: Sparse<Idle>,
    /// Time without a connection before a reopen.
    pub gap: Sparse<Spread>,
    /// From a request to the end of its answer or, for outbound peers, to its beginning.
    pub hold: Sparse<Pace>,
    /// From the end of an answer to the next request on the same connection.
    pub pause: Sparse<Pace>,
    /// CLOSE_WAIT.
    pub close_wait: Sparse<CloseWait>,
    /// Accepted connections in CLOSE_WAIT, which most peers have none of.
    pub lingering: Option<Box<Lingering>>,
    /// In an accept queue, in whatever state.
    pub waiting: Waiting,
    /// The longest that a first request lay unread, of those that did for a second or longer, ns.
    pub late_read_max_ns: u64,
    /// The established ones.
    pub held: HeldNow,
    /// Whether its open connections prove that it is a single host; if not, nothing is known.
    pub one_host: bool,
    /// Established for a while without any request.
    pub without_request: u64,
    /// Request turns of the ended connections, or the most there can have been.
    pub turns: Turns,
    /// Whether turns are counted; else they are bounds.
    pub turns_counted: bool,
    /// Whether turns are requests: every read of the ended connections was told from handshakes and the like.
    pub requests_told: bool,
    /// What its connections speak; `None`: unknown.
    pub protocol: Option<Protocol>,
    /// Payload received, live connections included, bytes; `None`: this kernel does not say.
    pub bytes_received: Option<u64>,
    /// Payload sent likewise.
    pub bytes_sent: Option<u64>,
    /// Segments sent again likewise.
    pub retransmits: Option<u64>,
    /// Process of this host that has most to do with the peer.
    #[serde(with = "crate::model::serial::shared")]
    pub owner: Option<Arc<Process>>,
}

impl Figures {
    /// Payload that came from the client and from the server, bytes.
    pub fn bytes_by_role(&self, direction: Direction) -> (Option<u64>, Option<u64>) {
        match direction {
            Direction::Inbound => (self.bytes_received, self.bytes_sent),
            Direction::Outbound => (self.bytes_sent, self.bytes_received),
        }
    }

    /// Whether the kernel tells idle times, and none is known of these connections: a server's goodbye hides
    /// when it answered. One that waited for the next request would have been seen waiting.
    pub fn is_idle_hidden(&self) -> bool {
        self.known.idle && self.idle.count == 0 && self.closes > 0
    }

    /// Whether half of the connections or more ended sooner after the last data than a timeout would end them, or
    /// all of them may have, as far as is known.
    pub fn end_at_once(&self, thresholds: &Thresholds) -> bool {
        match self.idle.p50_ns {
            Some(idle) => idle < thresholds.server_at_once,
            None => self.is_idle_hidden(),
        }
    }

    /// Lifetime of the ended.
    pub fn lifetime(&self) -> Spread {
        Spread {
            p50_ns: self.age.p50_ns,
            max_ns: self.age.max_ns,
        }
    }
}
