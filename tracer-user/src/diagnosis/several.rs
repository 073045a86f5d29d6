//! Puts what is one host's own beside the verdicts on all hosts together.

use super::{Diagnosis, JoinedHost};
use crate::model::{figure::Table, history::Surge};

/// Adds the sums, listeners, processes and changes of the hosts to the diagnosis of their joined peers, and
/// the peers that stay apart. Each of these gets the name of its host.
pub fn around_hosts(joined: Diagnosis, of: Vec<JoinedHost>, hosts: Vec<(String, Diagnosis)>) -> Diagnosis {
    let mut all = joined;
    all.hosts = of;
    (all.workers, all.movement.surge) = (None, None);
    for (number, (host, mut other)) in hosts.into_iter().enumerate() {
        for peer in &mut other.peers {
            peer.host = Some(host.clone());
        }
        for listener in &mut other.listeners {
            listener.host = Some(host.clone());
        }
        for process in &mut other.capacity {
            process.host = Some(host.clone());
        }
        for change in &mut other.changes {
            change.host = Some(host.clone());
        }
        if number == 0 {
            (all.accounting, all.losses) = (other.accounting, other.losses);
            (all.movement, all.unattributed) = (other.movement, other.unattributed);
            (all.listeners, all.capacity) = (other.listeners, other.capacity);
            (all.changes, all.changes_dropped) = (other.changes, other.changes_dropped);
            all.peers.extend(other.peers);
            continue;
        }
        all.accounting.add(&other.accounting);
        all.losses.add(&other.losses);
        all.unattributed.accumulate(&other.unattributed);
        all.movement.from += other.movement.from;
        all.movement.to += other.movement.to;
        let rise = |diagnosis: &Diagnosis| diagnosis.movement.surge.as_ref().map_or(0, Surge::rise);
        if rise(&other) > rise(&all) {
            all.movement.surge = other.movement.surge;
        }
        all.listeners.extend(other.listeners);
        all.capacity.extend(other.capacity);
        all.peers.extend(other.peers);
        all.changes.extend(other.changes);
        all.changes_dropped += other.changes_dropped;
    }
    // A stable sort, so that changes a host found at the same moment keep their order.
    all.changes.sort_by_key(|change| change.at.utc_ns);
    all.order();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diagnosis::{Change, What},
        report::example::example,
    };

    #[test]
    fn what_belongs_to_one_host_has_its_name() {
        let mut one = example();
        one.changes.push(Change {
            id: 1,
            at: one.taken,
            host: None,
            what: What::MoreVerdicts { peers: 9 },
        });
        let joined = Diagnosis {
            peers: Vec::new(),
            ..one.clone()
        };
        let both = around_hosts(
            joined,
            Vec::new(),
            vec![("web1".to_owned(), one.clone()), ("web2".to_owned(), one.clone())],
        );
        assert_eq!(both.peers.len(), 2 * one.peers.len());
        for host in ["web1", "web2"] {
            let of_host = both
                .peers
                .iter()
                .filter(|peer| peer.host.as_deref() == Some(host));
            assert_eq!(of_host.count(), one.peers.len());
        }
        assert_eq!(both.accounting.open_now, 2 * one.accounting.open_now);
        assert_eq!(both.window_ns(), one.window_ns());
        assert_eq!(both.causes.len(), one.causes.len());
        let of_changes: Vec<_> = both.changes.iter().map(|change| change.host.as_deref()).collect();
        assert_eq!(of_changes, [Some("web1"), Some("web2")]);
        assert_eq!(both.listeners.len(), 2 * one.listeners.len());
    }
}
