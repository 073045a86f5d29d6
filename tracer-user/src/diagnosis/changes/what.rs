//! One change, as it is kept and written.

use serde::{Deserialize, Serialize};

use crate::{
    diagnosis::{Answer, Verdict},
    model::{accounting::Losses, history::Surge, owner::Process, peer::PeerId, sample::Moment},
};

/// Something that came or went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its number in its run; those that came later have higher ones.
    pub id: u64,
    /// When it was found.
    pub at: Moment,
    /// On which host, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What.
    pub what: What,
}

/// What came or went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A peer is accused, is not any more, or is to be decided upon.
    Verdict {
        /// Who.
        peer: PeerId,
        /// What was said before.
        was: Verdict,
        /// What is said now.
        is: Verdict,
        /// How sure, 0 to 1.
        confidence: f64,
        /// Where an accusation was taken back: since when the cause has not shown again.
        good_since: Option<Moment>,
    },
    /// More verdicts changed at that moment than are listed.
    MoreVerdicts {
        /// Of how many more peers.
        peers: u64,
    },
    /// The whole answer.
    Answer {
        /// What it was.
        was: Answer,
        /// What it is.
        is: Answer,
        /// Peers that were accused then.
        accused: u64,
        /// Peers that were judged then.
        peers: u64,
    },
    /// A surge began. It is brought up to date for as long as it goes on.
    SurgeBegan(Surge),
    /// A surge is over.
    SurgeEnded {
        /// Which.
        surge: Surge,
        /// What was open when it was found to be over.
        open: u64,
    },
    /// A server has no worker left, or has some again.
    Capacity {
        /// Its process, if that is known.
        process: Option<Process>,
        /// Inode number of its network namespace.
        netns: u32,
        /// Its ports.
        ports: Vec<u16>,
        /// Whether none is left.
        none_left: bool,
    },
    /// Something was lost for another cause than before, or the counters ceased to agree with the socket list.
    Loss {
        /// All that was lost by then.
        losses: Losses,
        /// Connections counted beyond those that are listed, where that is what is new.
        drift: Option<i64>,
    },
}
