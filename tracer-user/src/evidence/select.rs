//! Restricts a recording to what a filter admits, as a live trace would have.

use hashbrown::HashSet;

use crate::{
    diagnosis::{Diagnosis, What},
    exit::Failure,
    filter::{Directions, Filter},
    model::{
        accounting::{Accounting, Totals},
        peer::{Direction, PeerId},
        sample::Sample,
    },
};

/// Drops what the filter does not admit. The accounting identity is that of the rest; it can no longer be
/// checked against the kernel's list.
///
/// # Errors
/// If the filter asks for something that a recording does not contain.
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
        peers_left: 0,
    };
    Ok(())
}

/// Drops from a diagnosis what concerns all peers of its recordings. The losses stay, since it is unknown
/// which peers they affect.
pub fn narrow(diagnosis: &mut Diagnosis, filter: &Filter) {
    if *filter == Filter::default() {
        return;
    }
    diagnosis.movement.surge = None;
    diagnosis.changes.retain(|change| match &change.what {
        What::Verdict { peer, .. } => admits(filter, peer),
        What::Capacity { .. } | What::Loss { .. } => true,
        What::MoreVerdicts { .. } | What::Answer { .. } | What::SurgeBegan(_) | What::SurgeEnded { .. } => {
            false
        }
    });
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
    use crate::{
        diagnosis::{Change, Verdict},
        model::history::{Shape, Surge},
        report::example::{example, sample},
    };

    #[test]
    fn surge_and_changes_are_those_of_the_selection() {
        let mut some = example();
        let surge = Surge {
            number: 1,
            started: some.started,
            ended: None,
            from: 1,
            to: 60,
            shape: Shape::Uniform,
            grown: 5,
            peers: 5,
            behind: Vec::new(),
            ports: Vec::new(),
        };
        let mut change = |what| {
            let (id, at) = (some.changes.len() as u64, some.taken);
            some.changes.push(Change {
                id,
                at,
                host: None,
                what,
            });
        };
        for peer in &sample().peers {
            change(What::Verdict {
                peer: peer.id,
                was: Verdict::Reusing,
                is: Verdict::PilingUp,
                confidence: 0.9,
                good_since: None,
            });
        }
        change(What::SurgeBegan(surge.clone()));
        some.movement.surge = Some(surge);
        let all = some.clone();
        narrow(&mut some, &Filter::default());
        assert_eq!(some, all);
        let filter = Filter {
            include: vec!["192.0.2.12/32".parse().unwrap()],
            ..Filter::default()
        };
        narrow(&mut some, &filter);
        assert_eq!(some.movement.surge, None);
        let left: Vec<&What> = some.changes.iter().map(|change| &change.what).collect();
        assert!(
            matches!(&*left, [What::Verdict { peer, .. }] if peer.network == filter.include[0]),
            "{left:?}"
        );
    }

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
