//! The server's constants, which show in a service's peers together before they show in a single one.

use serde::{Deserialize, Serialize};

use super::{
    Figures,
    thresholds::{HANDSHAKE_TURNS, MIN_ALIKE, Thresholds, habitual, same},
};

/// A constant of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constant {
    /// Its value.
    pub value: u64,
    /// Number of ended connections that show it.
    pub closes: u64,
    /// Number of peers that show it.
    pub peers: u64,
}

/// Constants of the server, given or learned from how connections end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Keep-alive timeout given by the user, ns.
    pub keepalive_given_ns: Option<u64>,
    /// Idle time after which the server closes, ns.
    pub keepalive: Option<Constant>,
    /// Requests after which the server closes.
    pub request_limit: Option<Constant>,
    /// Age at which connections end, ns.
    pub age: Option<Constant>,
}

impl Learned {
    /// Whether an idle time equals the server's keep-alive timeout; `None` if that is unknown.
    pub fn is_keepalive(&self, idle_ns: u64) -> Option<bool> {
        let known = self
            .keepalive_given_ns
            .or(self.keepalive.map(|constant| constant.value))?;
        Some(same(idle_ns, known))
    }

    /// Whether connections end at this age, and more peers agree on the age than on a number of requests.
    /// Clients that poll at the same rate reach the same number of requests at the same age.
    pub fn is_age(&self, age_ns: u64) -> bool {
        let agree = |constant: Option<Constant>| constant.map_or(0, |constant| constant.peers);
        self.age.is_some_and(|age| same(age_ns, age.value)) && agree(self.age) > agree(self.request_limit)
    }
}

/// The lowest number of turns that counts as a limit. Unless turns are known to be requests, a handshake and
/// one request explain any lower number.
pub(super) fn least_limit(figures: &Figures) -> u64 {
    match figures.requests_told {
        true => 2,
        false => HANDSHAKE_TURNS + 2,
    }
}

/// What the peers of a service show of its server, put together one by one. Each entry is a value and the
/// number of connections that have it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    ages: Vec<(u64, u64)>,
    idle: Vec<(u64, u64)>,
    limits: Vec<(u64, u64)>,
}

impl Seen {
    /// Adds what a peer shows.
    pub(super) fn add(&mut self, figures: &Figures, thresholds: &Thresholds) {
        let idle = figures.idle.constant();
        let idle = idle.filter(|idle| idle.low_ns >= thresholds.server_at_once);
        // Connections that are ended when they have been idle for a time are of one age too, if they carry
        // the same.
        if idle.is_none()
            && let Some(cluster) = figures.age.constant_age(false)
            && let Some(age_ns) = figures.age.p50_ns
        {
            self.ages.push((age_ns, cluster.count));
        }
        if figures.closes == 0 || !habitual(figures.server_fin, figures.closes) {
            return;
        }
        if let (Some(typical_ns), Some(cluster)) = (figures.idle.p50_ns, idle) {
            self.idle.push((typical_ns, cluster.count));
        }
        let turns = &figures.turns;
        if figures.end_at_once(thresholds)
            && figures.turns_counted
            && habitual(turns.like_the_most(), turns.connections())
            && turns.max >= least_limit(figures)
        {
            self.limits.push((turns.max, turns.like_the_most()));
        }
    }

    /// The constants that enough connections agree on.
    pub(super) fn learned(self, keepalive_given_ns: Option<u64>, thresholds: &Thresholds) -> Learned {
        let enough = thresholds.min_closes;
        Learned {
            keepalive_given_ns,
            keepalive: constant(self.idle, same, enough),
            request_limit: constant(self.limits, |a, b| a == b, enough),
            age: constant(self.ages, same, enough),
        }
    }
}

/// The median value with the entries that agree with it, if there are enough.
fn constant(mut seen: Vec<(u64, u64)>, agree: fn(u64, u64) -> bool, enough: u64) -> Option<Constant> {
    seen.sort_unstable();
    let value = seen.get((seen.len().max(1) - 1) / 2)?.0;
    let with: Vec<u64> = seen
        .iter()
        .filter(|(other, _)| agree(*other, value))
        .map(|(_, closes)| *closes)
        .collect();
    let found = Constant {
        value,
        closes: with.iter().sum(),
        peers: with.len() as u64,
    };
    (found.closes >= enough || (found.peers >= MIN_ALIKE && found.closes >= MIN_ALIKE)).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diagnosis::{figures::Idle, thresholds::S},
        model::{durations::Cluster, turns::Turns},
    };

    fn learn(peers: &[Figures], keepalive_given_ns: Option<u64>) -> Learned {
        let thresholds = Thresholds::default();
        let mut seen = Seen::default();
        peers.iter().for_each(|figures| seen.add(figures, &thresholds));
        seen.learned(keepalive_given_ns, &thresholds)
    }

    fn closed_by_server(closes: u64, idle_ns: u64, turns: u32) -> Figures {
        let mut all = Turns {
            sum: closes * u64::from(turns),
            max: u64::from(turns),
            ..Turns::default()
        };
        all.buckets.add(
            tracer_ebpf::buckets::turn_bucket(turns) as usize,
            u32::try_from(closes).unwrap(),
        );
        Figures {
            closes,
            server_fin: closes,
            idle: Idle {
                count: closes,
                p50_ns: Some(idle_ns),
                max_ns: Some(idle_ns),
                cluster: Some(Cluster {
                    low_ns: idle_ns,
                    high_ns: idle_ns,
                    count: closes,
                }),
                bucket: None,
                at_once: 0,
            }
            .into(),
            turns: all,
            turns_counted: true,
            ..Figures::default()
        }
    }

    #[test]
    fn peers_that_agree_make_a_constant_and_one_that_does_not_does_not_move_it() {
        let peers = [
            closed_by_server(2, 5 * S, 1),
            closed_by_server(2, 5 * S + S / 100, 1),
            closed_by_server(3, 5 * S + S / 50, 1),
            closed_by_server(50, 30 * S, 1),
        ];
        let keepalive = learn(&peers, None).keepalive.unwrap();
        assert_eq!((keepalive.closes, keepalive.peers), (7, 3));
        assert!(same(keepalive.value, 5 * S));
    }

    #[test]
    fn a_few_closes_of_one_peer_are_no_constant_of_the_server() {
        assert_eq!(learn(&[closed_by_server(4, 5 * S, 1)], None).keepalive, None);
    }

    #[test]
    fn limits_are_told_from_timeouts_by_idle_time() {
        let peers = [closed_by_server(6, 0, 11)];
        let learned = learn(&peers, None);
        assert_eq!(learned.keepalive, None);
        assert_eq!(learned.request_limit.unwrap().value, 11);
    }

    #[test]
    fn what_is_given_counts_before_what_is_learned() {
        let peers = [closed_by_server(9, 5 * S, 1)];
        let learned = learn(&peers, Some(15 * S));
        assert_eq!(learned.is_keepalive(5 * S), Some(false));
        assert_eq!(learned.is_keepalive(15 * S), Some(true));
        assert_eq!(Learned::default().is_keepalive(S), None);
    }
}
