//! From a sample to the answer: which peers do not reuse their connections, why, what to change.
//!
//! Pure: a diagnosis is a function of one [`Sample`] and the [`Options`]. Each verdict is one
//! [`rules::Rule`] in a file of its own; the numbers they compare with are in [`thresholds`].

mod answer;
mod expected;
mod figures;
mod listeners;
pub mod rules;
pub mod thresholds;
mod verdict;

use hashbrown::HashMap;

use self::rules::Case;
pub use self::{
    answer::{Answer, Cause, Diagnosis, Judged, Surge},
    expected::{Expect, Expected},
    figures::{CloseWait, Figures, HeldNow, Spread},
    listeners::ListenerNow,
    verdict::Verdict,
};
use crate::model::{sample::Sample, socket::Connection};

/// What the user knows and the counters cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How many connections one well-behaved peer holds.
    pub expect: Expect,
    /// How long the server may hold a poll, ns.
    pub hold_ns: Option<u64>,
    /// How many workers the server has.
    pub max_workers: Option<u32>,
}

/// Judges every peer and the whole.
pub fn diagnose(sample: &Sample, options: &Options) -> Diagnosis {
    let mut by_slot: HashMap<u32, Vec<&Connection>> = HashMap::new();
    for connection in &sample.sockets.connections {
        if let Some(slot) = connection.slot {
            by_slot.entry(slot).or_default().push(connection);
        }
    }
    let now_ns = sample.taken.monotonic_ns;
    let live = |slot: u32| by_slot.get(&slot).map(Vec::as_slice).unwrap_or_default();
    let expected = expected::learn(
        options.expect,
        sample.peers.iter().map(|peer| peer.counters.seeded),
    );
    let window_ns = now_ns.saturating_sub(sample.started.monotonic_ns);
    let mut peers: Vec<Judged> = sample
        .peers
        .iter()
        .map(|peer| {
            let live = live(peer.slot);
            let figures = figures::of(&peer.counters, live, sample.known, expected.connections, now_ns);
            let case = Case {
                figures: &figures,
                expected: expected.connections,
                window_ns,
                hold_ns: options.hold_ns,
            };
            let finding = rules::judge(&case);
            Judged {
                id: peer.id,
                finding,
                figures,
            }
        })
        .collect();
    peers.sort_by(answer::worst_first);
    Diagnosis {
        answer: answer::overall(&peers),
        started: sample.started,
        taken: sample.taken,
        expected,
        accounting: sample.accounting,
        losses: sample.losses,
        unattributed: sample.unattributed.clone(),
        listeners: listeners::of(&sample.sockets, options.max_workers),
        surge: Surge {
            from: sample.accounting.totals.seeded,
            to: sample.accounting.open_now,
        },
        causes: answer::causes(&peers),
        peers,
    }
}
