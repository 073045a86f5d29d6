//! The time to list live sockets, compared with `ss`.

use std::process::{Command, Stdio};

use tcpreuse::testing::{filter::Directions, kernel::tracer::Tracer};

use super::{settings, timed};
use crate::{
    bench::{holder::hold, math::median},
    namespace::Namespace,
};

/// Number of repetitions; the tools take turns.
const TIMES: u32 = 5;

/// The results with one number of sockets.
#[derive(Clone, Debug)]
pub struct List {
    /// Number of sockets, two per connection.
    pub sockets: u32,
    /// Time of our iterator, ms.
    pub ours_ms: f64,
    /// Time of `ss -tan`, ms; `None` if it is not installed.
    pub ss_ms: Option<f64>,
    /// Time of the seeding walk over the same sockets, ms.
    pub seed_ms: f64,
}

/// Measures with this number of sockets.
///
/// # Panics
/// If not root, or if tracing is not possible.
pub fn measure(sockets: u32) -> List {
    let namespace = Namespace::new();
    let _resident = namespace.resident();
    let connections = sockets / 2;
    let _held = hold(connections);
    let settings = settings(namespace.inode, Directions::Both, connections, connections);
    let mut tracer = Tracer::start(&settings).expect("tracing");
    let (seeded, seed_ms) = timed(|| tracer.seed());
    seeded.expect("a walk over the sockets");
    let (mut ours, mut ss) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let (listed, took) = timed(|| tracer.sockets().expect("the sockets"));
        assert_eq!(
            listed.connections.len(),
            2 * connections as usize,
            "sockets listed"
        );
        ours.push(took);
        ss.extend(ss_ms());
    }
    List {
        sockets,
        ours_ms: median(&ours).unwrap_or(f64::NAN),
        ss_ms: median(&ss),
        seed_ms,
    }
}

fn ss_ms() -> Option<f64> {
    let mut command = Command::new("ss");
    command.arg("-tan").stdout(Stdio::null()).stderr(Stdio::null());
    let (status, took) = timed(|| command.status());
    status.is_ok_and(|status| status.success()).then_some(took)
}
