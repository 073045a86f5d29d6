//! How the clocks of hosts differ, by connections that both ends have recorded.
//!
//! The client's end opens when the answer to its SYN comes, the server's when the client's acknowledgement
//! does: half a round trip later. So two clocks are compared no better than that.

use std::net::IpAddr;

use hashbrown::HashMap;

use super::plan::{Group, shown};
use crate::{
    diagnosis::Skew,
    evidence::{
        EvidenceError,
        read::Evidence,
        rows::{ConnectionRow, Kind},
    },
    model::peer::Direction,
};

/// Rows that are looked through of each host, the first ones of the period.
const MAX_ROWS: usize = 200_000;

/// Connections that are kept of all hosts.
const MAX_KEPT: usize = 1_000_000;

/// Connections of one pair of hosts that disagree by more are not the same ones, ns.
const MAX_APART_NS: i128 = 1_000_000_000;

/// Client's end and server's end.
type Ends = ((IpAddr, u16), (IpAddr, u16));

/// What is known of each host's clock. Only hosts that traced their own connections can show anything.
pub(super) fn measure(groups: &[Group]) -> Vec<Skew> {
    let mut clients: HashMap<Ends, (usize, i128)> = HashMap::new();
    for (number, group) in groups.iter().enumerate().filter(|(_, group)| group.has_outbound) {
        opened(group, Direction::Outbound, |ends, at| {
            if clients.len() < MAX_KEPT {
                clients.insert(ends, (number, at));
            }
        });
    }
    if clients.is_empty() {
        return vec![Skew::Unknown; groups.len()];
    }
    let mut pairs: HashMap<(usize, usize), Vec<i128>> = HashMap::new();
    for (number, group) in groups.iter().enumerate() {
        opened(group, Direction::Inbound, |ends, at| {
            if let Some((client, since)) = clients.get(&ends).filter(|(client, _)| *client != number) {
                pairs.entry((*client, number)).or_default().push(at - since);
            }
        });
    }
    let pairs = pairs
        .into_iter()
        .filter_map(|(hosts, apart)| Some((hosts, agreed(apart)?)));
    spread(groups.len(), &pairs.collect())
}

/// The median and the number of values that agree with it, if most do.
fn agreed(mut apart: Vec<i128>) -> Option<(i128, usize)> {
    apart.sort_unstable();
    let median = *apart.get(apart.len() / 2)?;
    let near = apart.iter().filter(|one| (**one - median).abs() <= MAX_APART_NS);
    let near = near.count();
    (2 * near > apart.len()).then_some((median, near))
}

/// From how pairs differ to how each differs from the first one that is compared with any.
fn spread(hosts: usize, pairs: &HashMap<(usize, usize), (i128, usize)>) -> Vec<Skew> {
    let mut known = vec![Skew::Unknown; hosts];
    let Some(reference) = pairs.keys().flat_map(|(a, b)| [*a, *b]).min() else {
        return known;
    };
    let mut ahead: HashMap<usize, i128> = HashMap::from([(reference, 0)]);
    if let Some(first) = known.get_mut(reference) {
        *first = Skew::Reference;
    }
    let mut order: Vec<_> = pairs.iter().collect();
    order.sort_unstable();
    loop {
        let mut found = None;
        for ((client, server), (apart, connections)) in &order {
            let next = match (ahead.get(client), ahead.get(server)) {
                (Some(client), None) => (*server, client + apart),
                (None, Some(server)) => (*client, server - apart),
                _ => continue,
            };
            found = Some((next, *connections));
            break;
        }
        let Some(((host, by), connections)) = found else {
            return known;
        };
        ahead.insert(host, by);
        if let (Some(skew), Ok(ahead_ns)) = (known.get_mut(host), i64::try_from(by)) {
            *skew = Skew::Measured {
                ahead_ns,
                connections,
            };
        }
    }
}

/// Hands over the connections of one direction with the time at which they opened, by the host's clock.
fn opened(group: &Group, direction: Direction, mut each: impl FnMut(Ends, i128)) {
    for path in &group.paths {
        let rows = || -> Result<(), EvidenceError> {
            let mut evidence = Evidence::open(path, None)?;
            evidence.narrow(group.begin, group.end)?;
            if !evidence.has(Kind::Connections) {
                return Ok(());
            }
            for row in evidence.rows::<ConnectionRow>()?.take(MAX_ROWS) {
                let row = row?;
                if let Some(at) = row
                    .opened_at
                    .filter(|_| row.direction == direction && !row.seeded)
                {
                    let ends = match direction {
                        Direction::Outbound => (row.local, row.remote),
                        Direction::Inbound => (row.remote, row.local),
                    };
                    each(ends, at);
                }
            }
            Ok(())
        };
        let mut rows = rows;
        if let Err(error) = rows() {
            // The reader of the whole recording says so as well.
            log::debug!("{}: no clock can be compared: {error}", shown(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i128 = 1_000_000_000;

    #[test]
    fn most_connections_have_to_agree() {
        assert_eq!(agreed(vec![5 * S, 5 * S + 1, 90 * S]), Some((5 * S + 1, 2)));
        assert_eq!(agreed(vec![0, 5 * S, 90 * S]), None);
        assert_eq!(agreed(vec![]), None);
    }

    #[test]
    fn clocks_are_compared_over_several_hosts() {
        let pairs = HashMap::from([((0, 1), (2 * S, 9)), ((2, 1), (3 * S, 4)), ((4, 5), (S, 1))]);
        let ahead = |by: i128, connections| Skew::Measured {
            ahead_ns: i64::try_from(by).unwrap(),
            connections,
        };
        assert_eq!(
            spread(6, &pairs),
            [
                Skew::Reference,
                ahead(2 * S, 9),
                ahead(-S, 4),
                Skew::Unknown,
                Skew::Unknown,
                Skew::Unknown
            ]
        );
        assert_eq!(spread(2, &HashMap::new()), [Skew::Unknown; 2]);
    }
}
