//! What the clients did against what the diagnosis says.

use std::{fmt, net::IpAddr};

use super::Tally;
use crate::diagnosis::Diagnosis;

/// Something the diagnosis has wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A client that is not among the peers.
    Absent(IpAddr),
    /// A peer with another verdict than its client earned.
    Verdict {
        /// Who.
        peer: IpAddr,
        /// What its client did.
        truth: &'static str,
        /// What was said.
        said: &'static str,
    },
    /// A peer with another number of opens than its client made.
    Opens {
        /// Who.
        peer: IpAddr,
        /// What its client made.
        truth: u64,
        /// What was counted.
        counted: u64,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(peer) => write!(f, "{peer} is not in the diagnosis"),
            Self::Verdict { peer, truth, said } => write!(f, "{peer} is {truth}, and was called {said}"),
            Self::Opens { peer, truth, counted } => {
                write!(f, "{peer} opened {truth}, counted were {counted}")
            }
        }
    }
}

/// All differences, in the order of the tallies.
pub fn compare(tallies: &[Tally], diagnosis: &Diagnosis) -> Vec<Difference> {
    let mut differences = Vec::new();
    for tally in tallies {
        let address = IpAddr::V4(tally.client.source);
        let Some(peer) = diagnosis
            .peers
            .iter()
            .find(|peer| peer.id.network.addr() == address)
        else {
            differences.push(Difference::Absent(address));
            continue;
        };
        let (truth, said) = (tally.client.behaviour.verdict(), peer.finding.verdict.id());
        if truth != said {
            differences.push(Difference::Verdict {
                peer: address,
                truth,
                said,
            });
        }
        if tally.opened != peer.figures.opens {
            differences.push(Difference::Opens {
                peer: address,
                truth: tally.opened,
                counted: peer.figures.opens,
            });
        }
    }
    differences
}
