//! What a series of samples shows beyond a single one: how fast numbers grow, their peaks, and surges. Its
//! size is limited: it keeps the last minutes and two snapshots.

mod surge;
mod trend;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

#[cfg(test)]
pub(crate) use self::surge::Behind;
use self::surge::Watch;
pub use self::{
    surge::{Shape, Surge},
    trend::Trend,
};
use super::{listening, sample::Sample, window::Window};

/// Identifies a listening port: the inode number of its network namespace, and the port.
pub type PortKey = (u32, u16);

/// Maximum number of ports tracked. Further ports have no history.
const MAX_PORTS: usize = 4096;

/// Accepting takes a server with a free worker less than a millisecond. This allows for a busy machine, ns.
const STUCK_NS: u64 = 1_500_000_000;

/// The history of one listening port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PortHistory {
    /// Recent number of connections held.
    pub held: Trend,
    /// The longest its accept queue was.
    pub accept_queue_peak: u64,
    /// The most connections that were waiting to be accepted.
    pub never_accepted_peak: u64,
    /// Since when some have been waiting without interruption, monotonic, ns.
    #[serde(default)]
    pub stuck_since_ns: Option<u64>,
}

/// The history of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct History {
    watch: Watch,
    #[serde(with = "super::serial::pairs")]
    ports: HashMap<PortKey, PortHistory>,
    samples: u64,
    #[serde(default)]
    window: Window,
}

impl History {
    /// An empty history whose window is the whole run.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty history with a window of the last `window_ns`, or the whole run for `None`.
    pub fn of_window(window_ns: Option<u64>) -> Self {
        Self {
            window: Window::new(window_ns),
            ..Self::default()
        }
    }

    /// The history of several hosts together: their window and their ports.
    pub fn joined(window: Window, ports: impl IntoIterator<Item = (PortKey, PortHistory)>) -> Self {
        Self {
            window,
            ports: ports.into_iter().collect(),
            ..Self::default()
        }
    }

    /// A history with a single sample.
    #[cfg(any(test, feature = "testing"))]
    pub fn of(sample: &Sample) -> Self {
        let mut history = Self::new();
        history.add(sample);
        history
    }

    /// Adds a sample. Samples must come in order of time. Returns the slots whose peers have left, in
    /// ascending order.
    pub fn add(&mut self, sample: &Sample) -> Vec<u32> {
        let moved = self.window.add(sample);
        self.watch.forget(&moved);
        self.add_outline(sample);
        moved
    }

    /// Adds the outline of a sample, which has only the number of open connections.
    pub fn add_outline(&mut self, sample: &Sample) {
        self.samples += 1;
        self.watch.add(sample);
        self.add_ports(sample);
    }

    /// The window.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Shortens the window to the last `length_ns` before `now_ns`, now and from now on.
    pub fn shorten_window(&mut self, length_ns: u64, now_ns: u64) {
        self.window.shorten(length_ns, now_ns);
    }

    /// Starts the window at the newest sample.
    pub fn begin_anew(&mut self) {
        self.window.begin_anew();
    }

    /// The current surge, else the last one unless it ended before the window.
    pub fn surge(&self) -> Option<&Surge> {
        let start = self.window.start();
        self.watch.surge().filter(|surge| match (surge.ended, start) {
            (Some(ended), Some(start)) => ended.monotonic_ns >= start.monotonic_ns,
            _ => true,
        })
    }

    /// The history of a listening port.
    pub fn port(&self, key: PortKey) -> Option<&PortHistory> {
        self.ports.get(&key)
    }

    /// Whether a run can have produced it, which is not certain if it was read from a file.
    pub fn is_possible(&self) -> bool {
        self.watch.is_possible()
            && self.window.is_possible()
            && self.ports.values().all(|port| port.held.is_possible())
    }

    fn add_ports(&mut self, sample: &Sample) {
        let now_ns = sample.taken.monotonic_ns;
        for (key, holding) in listening::by_port(&sample.sockets) {
            if self.ports.len() >= MAX_PORTS && !self.ports.contains_key(&key) {
                continue;
            }
            let port = self.ports.entry(key).or_default();
            port.held.add(now_ns, holding.held);
            port.accept_queue_peak = port.accept_queue_peak.max(holding.backlog.accept_queue);
            port.never_accepted_peak = port.never_accepted_peak.max(holding.never_accepted);
            let known = port.stuck_since_ns;
            let waiting = holding.waiting_since_ns;
            let stuck = waiting.filter(|since| now_ns.saturating_sub(*since) >= STUCK_NS);
            port.stuck_since_ns = stuck.map(|since| known.map_or(since, |known| known.min(since)));
        }
    }
}
