//! What several hosts of one service have of a peer, and the verdicts on each of them.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Verdict,
    words::{count, number},
};

/// A peer of a service that several hosts stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OverHosts {
    /// The service, if it has a name.
    pub service: Option<Arc<str>>,
    /// Number of hosts of the service.
    pub of: usize,
    /// The hosts the peer was seen on, by name.
    pub hosts: Vec<OnHost>,
    /// Whether overlaps and gaps are those of the joined time line. Otherwise the overlaps of each host are
    /// added, which is the least there can have been, and gaps are unknown.
    pub is_exact: bool,
}

/// The share of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnHost {
    /// Its name.
    pub host: Arc<str>,
    /// Connections opened to it within the window.
    pub opens: u64,
    /// Connections it holds now, without those in CLOSE_WAIT.
    pub held: u64,
    /// The verdict on the peer by what this host alone has seen.
    pub verdict: Verdict,
}

/// A host whose peers were joined with those of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedHost {
    /// Its name.
    pub host: Arc<str>,
    /// Its service, if that has a name.
    pub service: Option<Arc<str>>,
    /// The period that is judged of it; UTC by its own clock, ns.
    pub period: (i128, i128),
    /// What is known of its clock.
    pub skew: Skew,
    /// What was lost there, and other reasons why its share may be too small.
    pub lacks: Vec<String>,
}

/// How a host's clock differs from those of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// It is the one that the others are compared with.
    Reference,
    /// By so much it is ahead, ns, as connections show that two hosts have recorded.
    Measured {
        /// Ahead by this, ns; negative if it is behind.
        ahead_ns: i64,
        /// Number of connections.
        connections: usize,
    },
    /// Not known; its UTC is taken as it is.
    Unknown,
}

impl OverHosts {
    /// Where it was seen, to be put behind its name.
    pub fn place(&self) -> Option<String> {
        match self.hosts.as_slice() {
            [] => None,
            [on] => Some(format!(" on {}", on.host)),
            several => Some(format!(" on {} of {} hosts", several.len(), self.of)),
        }
    }

    /// How the verdicts on the hosts differ from that on the service, or on how many hosts the peer was seen;
    /// `None` for a single host that says the same.
    pub(super) fn said(&self, verdict: Verdict) -> Option<String> {
        let mut verdicts: BTreeMap<Verdict, u64> = BTreeMap::new();
        for on in &self.hosts {
            *verdicts.entry(on.verdict).or_default() += 1;
        }
        let hosts = self.hosts.len() as u64;
        if verdicts.len() == 1 && verdicts.contains_key(&verdict) {
            return (hosts > 1).then(|| format!("over {}", count(hosts, "host", "hosts")));
        }
        let mut most: Vec<(Verdict, u64)> = verdicts.into_iter().collect();
        most.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let there = match (most.as_slice(), self.hosts.first()) {
            ([], _) | (_, None) => return None,
            ([(one, 1)], Some(on)) => format!("{one} on {}", on.host),
            ([(one, n)], _) => format!("{one} on each of {} hosts", number(*n)),
            (several, _) => {
                let parts: Vec<String> = several
                    .iter()
                    .map(|(verdict, n)| format!("{verdict} on {}", number(*n)))
                    .collect();
                format!("{} of {} hosts", parts.join(" and "), number(hosts))
            }
        };
        Some(format!("{there}, {verdict} for the service"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(verdicts: &[Verdict]) -> OverHosts {
        let hosts = verdicts.iter().map(|verdict| OnHost {
            host: "web1".into(),
            opens: 1,
            held: 1,
            verdict: *verdict,
        });
        OverHosts {
            of: 4,
            hosts: hosts.collect(),
            ..OverHosts::default()
        }
    }

    #[test]
    fn both_verdicts_are_said_where_they_differ() {
        use Verdict::{InsufficientData, PilingUp, Reusing};
        let said = |verdicts: &[Verdict], verdict| over(verdicts).said(verdict);
        assert_eq!(said(&[Reusing], Reusing), None);
        assert_eq!(said(&[Reusing; 3], Reusing).unwrap(), "over 3 hosts");
        assert_eq!(
            said(&[Reusing; 3], PilingUp).unwrap(),
            "reusing on each of 3 hosts, piling-up for the service"
        );
        assert_eq!(
            said(&[Reusing, InsufficientData, Reusing], PilingUp).unwrap(),
            "reusing on 2 and insufficient-data on 1 of 3 hosts, piling-up for the service"
        );
        assert_eq!(
            said(&[Reusing], PilingUp).unwrap(),
            "reusing on web1, piling-up for the service"
        );
        assert_eq!(said(&[], Reusing), None);
    }
}
