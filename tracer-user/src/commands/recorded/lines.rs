//! The judged peers as lines for `tcpreuse judge`.

use std::io::{self, Write};

use hashbrown::HashMap;

use super::Answered;
use crate::{
    diagnosis::line,
    evidence::load::Loaded,
    model::{peer::PeerId, sample::Peer},
};

/// Writes a line for each peer. Of several hosts, only the clients that are joined have one.
pub(super) fn write(to: &mut dyn Write, answered: &Answered) -> io::Result<()> {
    let Loaded { sample, judge, .. } = &answered.loaded;
    let known: HashMap<PeerId, &Peer> = sample.peers.iter().map(|peer| (peer.id, peer)).collect();
    let window = judge.history().window();
    for judged in answered.diagnosis.peers.iter().filter(|peer| peer.host.is_none()) {
        let Some(peer) = known.get(&judged.id) else {
            continue;
        };
        let counters = match sample.earlier.peer(peer.slot) {
            Some(earlier) => window.counters(peer).after(&earlier.counters),
            // What was done lately may be judged by itself.
            None => {
                let judged_ns = judged.figures.occupancy.window_ns;
                let begins_ns = sample.taken.monotonic_ns.saturating_sub(judged_ns);
                window.counters_from(peer, begins_ns, sample)
            }
        };
        serde_json::to_writer(&mut *to, &line::of_judged(judged, &counters))?;
        to.write_all(b"\n")?;
    }
    Ok(())
}
