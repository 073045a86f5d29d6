//! What a run of samples shows that a single one does not: how fast things grow, how high they
//! went, and whether there was a surge. Bounded: it keeps the last minutes and two snapshots.

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

/// A listening port of a network namespace.
pub type PortKey = (u32, u16);

/// Ports whose movement is kept; a host with more listeners than this is not told about the rest.
const MAX_PORTS: usize = 4096;

/// Accepting takes a server that has a worker less than a millisecond, and a busy machine's delay, ns.
const STUCK_NS: u64 = 1_500_000_000;

/// How one listening port fared over the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PortHistory {
    /// Connections held, lately.
    pub held: Trend,
    /// Longest its accept queue was.
    pub accept_queue_peak: u64,
    /// Most connections that waited to be accepted.
    pub never_accepted_peak: u64,
    /// Since when some have waited without a break, monotonic, ns.
    #[serde(default)]
    pub stuck_since_ns: Option<u64>,
}

/// The run so far.
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
    /// Nothing seen yet; all of the run is judged.
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing seen yet; what happened in the last `window_ns` is judged, or all of the run.
    pub fn of_window(window_ns: Option<u64>) -> Self {
        Self {
            window: Window::new(window_ns),
            ..Self::default()
        }
    }

    /// The history of a run of which there is one sample.
    #[cfg(any(test, feature = "testing"))]
    pub fn of(sample: &Sample) -> Self {
        let mut history = Self::new();
        history.add(sample);
        history
    }

    /// Takes in one more sample; samples come in the order in which they were taken.
    pub fn add(&mut self, sample: &Sample) {
        self.window.add(sample);
        self.add_outline(sample);
    }

    /// Takes in a sample of which only the number of open connections is known.
    pub fn add_outline(&mut self, sample: &Sample) {
        self.samples += 1;
        self.watch.add(sample);
        self.add_ports(sample);
    }

    /// The time that is judged.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Judges only what happened in the last `length_ns` before a moment of its end, and from now on.
    pub fn shorten_window(&mut self, length_ns: u64, now_ns: u64) {
        self.window.shorten(length_ns, now_ns);
    }

    /// Judges from now on only what comes after the newest sample.
    pub fn begin_anew(&mut self) {
        self.window.begin_anew();
    }

    /// The surge that goes on, else the last one, unless that was over before the window.
    pub fn surge(&self) -> Option<&Surge> {
        let start = self.window.start();
        self.watch.surge().filter(|surge| match (surge.ended, start) {
            (Some(ended), Some(start)) => ended.monotonic_ns >= start.monotonic_ns,
            _ => true,
        })
    }

    /// How one listening port fared.
    pub fn port(&self, key: PortKey) -> Option<&PortHistory> {
        self.ports.get(&key)
    }

    /// Whether it can have come from a run: one that was read from a file need not.
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
            port.accept_queue_peak = port.accept_queue_peak.max(holding.accept_queue);
            port.never_accepted_peak = port.never_accepted_peak.max(holding.never_accepted);
            let known = port.stuck_since_ns;
            let waiting = holding.waiting_since_ns;
            let stuck = waiting.filter(|since| now_ns.saturating_sub(*since) >= STUCK_NS);
            port.stuck_since_ns = stuck.map(|since| known.map_or(since, |known| known.min(since)));
        }
    }
}
