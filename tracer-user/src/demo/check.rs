//! Compares what the clients did with the diagnosis.

use std::{fmt, net::IpAddr};

use super::Tally;
use crate::diagnosis::Diagnosis;

/// An error in the diagnosis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A client is missing from the peers.
    Absent(IpAddr),
    /// A peer has the wrong verdict.
    Verdict {
        /// The peer.
        peer: IpAddr,
        /// The right verdict, by what its client did.
        truth: &'static str,
        /// The verdict in the diagnosis.
        said: &'static str,
    },
    /// A peer has the wrong number of opens.
    Opens {
        /// The peer.
        peer: IpAddr,
        /// The number its client opened.
        truth: u64,
        /// The number counted.
        counted: u64,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(peer) => write!(f, "{peer} is not in the diagnosis"),
            Self::Verdict { peer, truth, said } => write!(f, "{peer} is {truth}, but was called {said}"),
            Self::Opens { peer, truth, counted } => {
                write!(f, "{peer} opened {truth}, but {counted} were counted")
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
