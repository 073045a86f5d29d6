//! Narrows what was recorded to what is asked for: the filters of a live trace, afterwards.

use hashbrown::HashSet;

use crate::{
    exit::Failure,
    filter::{Directions, Filter},
    model::{
        accounting::{Accounting, Totals},
        peer::{Direction, PeerId},
        sample::Sample,
    },
};

/// Leaves out what the filter does not admit. The identity is that of the rest; it cannot be
/// checked against the kernel's list any more.
///
/// # Errors
/// When the filter asks for what a recording does not know.
pub fn select(sample: &mut Sample, filter: &Filter) -> Result<(), Failure> {
    if filter.cgroup.is_some() {
        return Err(Failure::Usage(
            "--cgroup needs a live trace: which cgroup a connection belongs to is not recorded".to_owned(),
        ));
    }
    if (filter.prefix4, filter.prefix6) != (32, 128) {
        return Err(Failure::Usage(
            "--prefix4 and --prefix6 are for recording: peers cannot be grouped afterwards".to_owned(),
        ));
    }
    if *filter == Filter::default() {
        return Ok(());
    }
    sample.peers.retain(|peer| admits(filter, &peer.id));
    let slots: HashSet<u32> = sample.peers.iter().map(|peer| peer.slot).collect();
    let sockets = &mut sample.sockets;
    sockets
        .connections
        .retain(|connection| connection.slot.is_some_and(|slot| slots.contains(&slot)));
    sockets.listeners.retain(|listener| {
        (filter.ports.is_empty() || filter.ports.contains(&listener.port))
            && filter.netns.is_none_or(|netns| netns == listener.netns)
    });
    let mut totals = Totals::default();
    let mut open_now = 0;
    for peer in &sample.peers {
        totals.add(&peer.counters);
        open_now += peer.counters.open_now;
    }
    sample.accounting = Accounting {
        totals,
        open_now,
        drift: None,
    };
    Ok(())
}

fn admits(filter: &Filter, peer: &PeerId) -> bool {
    let within = |networks: &[ipnet::IpNet]| networks.iter().any(|network| network.contains(&peer.network));
    let direction = match filter.directions {
        Directions::Both => true,
        Directions::Inbound => peer.direction == Direction::Inbound,
        Directions::Outbound => peer.direction == Direction::Outbound,
    };
    direction
        && (filter.ports.is_empty() || filter.ports.contains(&peer.port))
        && filter.netns.is_none_or(|netns| netns == peer.netns)
        && (filter.include.is_empty() || within(&filter.include))
        && !within(&filter.exclude)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example::sample;

    #[test]
    fn what_is_left_is_consistent() {
        let mut some = sample();
        let filter = Filter {
            exclude: vec!["192.0.2.12/32".parse().unwrap()],
            ports: vec![8081],
            ..Filter::default()
        };
        select(&mut some, &filter).unwrap();
        assert_eq!(some.peers.len(), sample().peers.len() - 1);
        let totals = some.accounting.totals;
        assert_eq!(totals.open_now(), some.accounting.open_now);
        assert_eq!(some.accounting.open_now, some.sockets.connections.len() as u64);
        let mut none = sample();
        select(
            &mut none,
            &Filter {
                ports: vec![1],
                ..Filter::default()
            },
        )
        .unwrap();
        assert!(none.peers.is_empty() && none.sockets.listeners.is_empty());
        let mut all = sample();
        select(&mut all, &Filter::default()).unwrap();
        assert_eq!(all, sample());
    }
}
