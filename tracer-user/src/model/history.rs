//! What a series of samples shows beyond a single one: how fast numbers grow, their peaks, and surges. Its
//! size is limited: it keeps the last minutes and two snapshots.

mod surge;
mod trend;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use self::surge::Watch;
pub use self::{
    surge::{Behind, Shape, Surge},
    trend::Trend,
};
use super::{
    peer::Direction,
    sample::Sample,
    socket::{Connection, Since, State},
    window::Window,
};

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

    /// A history with a single sample.
    pub fn of(sample: &Sample) -> Self {
        let mut history = Self::new();
        history.add(sample);
        history
    }

    /// Adds a sample. Samples must come in order of time.
    pub fn add(&mut self, sample: &Sample) {
        self.window.add(sample);
        self.add_outline(sample);
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

    /// Number of samples added.
    pub fn samples(&self) -> u64 {
        self.samples
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
        let mut now: HashMap<PortKey, (u64, u64, u64)> = HashMap::new();
        let mut waiting_since: HashMap<PortKey, u64> = HashMap::new();
        let now_ns = sample.taken.monotonic_ns;
        for listener in &sample.sockets.listeners {
            let (queue, _, _) = now.entry((listener.netns, listener.port)).or_default();
            *queue += u64::from(listener.accept_queue);
        }
        for connection in &sample.sockets.connections {
            if let Some((_, held, waiting)) = inbound_port(connection).and_then(|key| now.get_mut(&key)) {
                *held += 1;
                *waiting += u64::from(connection.never_accepted());
            }
            if let (Some(key), Some(since)) = (inbound_port(connection), stuck_since(connection, now_ns)) {
                let oldest = waiting_since.entry(key).or_insert(since);
                *oldest = since.min(*oldest);
            }
        }
        for (key, (queue, held, waiting)) in now {
            if self.ports.len() >= MAX_PORTS && !self.ports.contains_key(&key) {
                continue;
            }
            let port = self.ports.entry(key).or_default();
            port.held.add(sample.taken.monotonic_ns, held);
            port.accept_queue_peak = port.accept_queue_peak.max(queue);
            port.never_accepted_peak = port.never_accepted_peak.max(waiting);
            let known = port.stuck_since_ns;
            let oldest = waiting_since.get(&key).copied();
            port.stuck_since_ns = oldest.map(|oldest| known.map_or(oldest, |known| known.min(oldest)));
        }
    }
}

/// Since when a connection has been waiting to be accepted, if for longer than a server with a free worker
/// needs.
fn stuck_since(connection: &Connection, now_ns: u64) -> Option<u64> {
    match connection.since {
        Since::Opened(at) | Since::Seeded(at) if connection.never_accepted() => {
            (now_ns.saturating_sub(at) >= STUCK_NS).then_some(at)
        }
        _ => None,
    }
}

/// The listening port of an inbound connection.
pub fn inbound_port(connection: &Connection) -> Option<PortKey> {
    (connection.direction == Direction::Inbound).then_some((connection.netns, connection.local.1))
}

/// Whether a connection occupies a worker, on a server that dedicates one to each open connection: it has
/// been accepted, and the server has not closed it yet.
pub fn occupies_worker(connection: &Connection) -> bool {
    connection.has_file && matches!(connection.state, State::Established | State::CloseWait)
}
