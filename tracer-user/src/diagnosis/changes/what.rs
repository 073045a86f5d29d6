//! A change, as stored and written.

use serde::{Deserialize, Serialize};

use crate::{
    diagnosis::{Answer, Verdict},
    model::{accounting::Losses, history::Surge, owner::Process, peer::PeerId, sample::Moment},
};

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its number within the run, ascending with time.
    pub id: u64,
    /// When it was found.
    pub at: Moment,
    /// The host it belongs to, when several are combined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What changed.
    pub what: What,
}

/// The kind of change, with its details.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A peer's verdict changed: it became accused, is no longer accused, or has to be decided.
    Verdict {
        /// The peer.
        peer: PeerId,
        /// The verdict before.
        was: Verdict,
        /// The verdict now.
        is: Verdict,
        /// Confidence, 0 to 1.
        confidence: f64,
        /// If an accusation was withdrawn: start of the period in which its cause has not been seen.
        good_since: Option<Moment>,
    },
    /// More verdicts changed at that moment than are listed.
    MoreVerdicts {
        /// Number of peers not listed.
        peers: u64,
    },
    /// The overall answer changed.
    Answer {
        /// The answer before.
        was: Answer,
        /// The answer now.
        is: Answer,
        /// Number of peers accused.
        accused: u64,
        /// Number of peers judged.
        peers: u64,
    },
    /// A surge began. The entry is updated while the surge lasts.
    SurgeBegan(Surge),
    /// A surge ended.
    SurgeEnded {
        /// The surge.
        surge: Surge,
        /// Connections open when it was found to have ended.
        open: u64,
    },
    /// A server ran out of workers, or has some again.
    Capacity {
        /// Its process, if known.
        process: Option<Process>,
        /// Inode number of its network namespace.
        netns: u32,
        /// Its ports.
        ports: Vec<u16>,
        /// Whether no worker is left.
        none_left: bool,
    },
    /// A new cause of loss appeared, or the counters no longer agree with the socket list.
    Loss {
        /// All losses so far.
        losses: Losses,
        /// Connections counted minus connections listed, if this disagreement is what is new.
        drift: Option<i64>,
    },
}
