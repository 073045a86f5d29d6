//! The time of a sample and its diagnosis with many peers.

use tcpreuse::testing::{
    diagnosis::{Options, diagnose},
    filter::Directions,
    model::history::History,
    source::live::Live,
};

use super::{median_ms, sample, settings, timed};
use crate::{
    bench::{holder::hold, math::median, process::Memory},
    namespace::Namespace,
    program::Trace,
    programs,
};

/// Number of repetitions of each measurement.
const TIMES: u32 = 7;

/// The results with one number of peers.
#[derive(Clone, Debug)]
pub struct Look {
    /// Number of peers, each with one inbound connection.
    pub peers: u32,
    /// Sample (maps and sockets) and diagnosis while all connections are open, ms.
    pub whole_ms: f64,
    /// Reading the maps alone, ms.
    pub maps_ms: f64,
    /// The diagnosis alone, ms.
    pub diagnosis_ms: f64,
    /// The first sample, which searches `/proc` for the owners of the sockets, ms.
    pub first_ms: f64,
    /// Sample and diagnosis once all connections have ended, ms.
    pub idle_ms: f64,
    /// Memory of `tcpreuse diagnose` while all connections are open.
    pub memory: Option<Memory>,
    /// Memory of its maps in the kernel, bytes.
    pub map_bytes: Option<u64>,
}

/// Measures with this number of peers.
///
/// # Panics
/// If not root, or if tracing is not possible.
pub fn measure(peers: u32) -> Look {
    let namespace = Namespace::new();
    let _resident = namespace.resident();
    let settings = settings(namespace.inode, Directions::Inbound, peers, peers);
    let trace = Trace::start(
        &namespace,
        &[
            "--direction",
            "inbound",
            "--max-peers",
            &settings.max_peers.to_string(),
            "--max-connections",
            &settings.max_connections.to_string(),
        ],
    );
    let mut live = Live::start(&settings).expect("tracing");
    let mut history = History::new();
    let options = Options::default();
    let held = hold(peers);
    let (_, first_ms) = sample(&mut live, &mut history);
    let mut whole = |history: &mut History| {
        let each = (0..TIMES).map(|_| {
            let (sample, looked_ms) = sample(&mut live, history);
            let (diagnosis, judged_ms) = timed(|| diagnose(&sample, history, &options));
            assert_eq!(diagnosis.peers.len(), peers as usize, "peers in the diagnosis");
            (looked_ms + judged_ms, judged_ms)
        });
        let (whole, diagnosis): (Vec<f64>, Vec<f64>) = each.unzip();
        [whole, diagnosis].map(|each| median(&each).unwrap_or(f64::NAN))
    };
    let [whole_ms, diagnosis_ms] = whole(&mut history);
    let memory = Memory::of(trace.pid());
    let map_bytes = programs::map_bytes(trace.pid());
    drop(trace);
    drop(held);
    let [idle_ms, _] = whole(&mut history);
    let maps_ms = median_ms(TIMES, || live.tracer().peers().expect("the peers"));
    Look {
        peers,
        whole_ms,
        maps_ms,
        diagnosis_ms,
        first_ms,
        idle_ms,
        memory,
        map_bytes,
    }
}
