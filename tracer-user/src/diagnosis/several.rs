//! Combines the diagnoses of several hosts.

use super::Diagnosis;
use crate::model::{figure::Table, history::Surge, sample::Moment};

/// Combines the diagnoses. Each peer, listener, process and change gets the name of its host. Returns `None`
/// if there are no diagnoses.
///
/// Learned and expected values belong to a single host; the first host's are used for the whole.
pub fn combine(hosts: Vec<(String, Diagnosis)>) -> Option<Diagnosis> {
    let mut hosts = hosts.into_iter().map(|(host, mut diagnosis)| {
        for peer in &mut diagnosis.peers {
            peer.host = Some(host.clone());
        }
        for listener in &mut diagnosis.listeners {
            listener.host = Some(host.clone());
        }
        for process in &mut diagnosis.capacity {
            process.host = Some(host.clone());
        }
        for change in &mut diagnosis.changes {
            change.host = Some(host.clone());
        }
        diagnosis
    });
    let mut all = hosts.next()?;
    all.workers = None;
    for other in hosts {
        (all.started, all.taken, all.earlier_ns) = window(&all, &other);
        all.window_start = all.started;
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
    Some(all)
}

/// From the first start to the last end, and the part of that which the monotonic clock at the end does not
/// cover, because that host may have booted since. Monotonic clocks of different hosts cannot be compared, so
/// the length is in UTC.
fn window(a: &Diagnosis, b: &Diagnosis) -> (Moment, Moment, u64) {
    let start = a.started.utc_ns.min(b.started.utc_ns);
    let end = if a.taken.utc_ns >= b.taken.utc_ns {
        a.taken
    } else {
        b.taken
    };
    let length = u64::try_from(end.utc_ns - start).unwrap_or(0);
    let started = Moment {
        monotonic_ns: end.monotonic_ns.saturating_sub(length),
        utc_ns: start,
    };
    let on_its_clock = end.monotonic_ns - started.monotonic_ns;
    (started, end, length.saturating_sub(on_its_clock))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diagnosis::{Change, What},
        report::example::example,
    };

    #[test]
    fn peers_of_different_hosts_stay_apart() {
        let mut one = example();
        one.changes.push(Change {
            id: 1,
            at: one.taken,
            host: None,
            what: What::MoreVerdicts { peers: 9 },
        });
        let both = combine(vec![
            ("web1".to_owned(), one.clone()),
            ("web2".to_owned(), one.clone()),
        ])
        .unwrap();
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
        assert_eq!(combine(Vec::new()), None);
    }

    #[test]
    fn the_length_is_not_limited_by_the_youngest_boot() {
        const DAY_NS: u64 = 86_400_000_000_000;
        let old = example();
        let mut young = old.clone();
        for moment in [&mut young.started, &mut young.taken] {
            moment.utc_ns += i128::from(30 * DAY_NS);
        }
        let hour_ns = DAY_NS / 24;
        let run_ns = young.taken.monotonic_ns - young.started.monotonic_ns;
        (young.started.monotonic_ns, young.taken.monotonic_ns) = (hour_ns - run_ns, hour_ns);
        let both = combine(vec![("a".to_owned(), old.clone()), ("b".to_owned(), young)]).unwrap();
        assert_eq!(both.window_ns(), old.run_ns() + 30 * DAY_NS);
    }
}
