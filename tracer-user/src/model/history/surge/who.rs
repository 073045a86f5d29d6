//! Which peers caused a surge: all alike, or a few.

use std::collections::BTreeMap;

use super::{Behind, MAX_BEHIND, MAX_PORTS, Shape, Snapshot, Surge};
use crate::model::sample::Sample;

/// The shape is [`Shape::Uniform`] if the rise is as even as one shared by this part of the peers or more.
const UNIFORM_SHARE: f64 = 0.5;

/// The peers named account for at least this part of the growth, in percent.
const ENOUGH: u64 = 90;

/// Records which peers hold more than before.
///
/// The evenness of their growth is the number of equal shares that would be as uneven (the inverse of the
/// Herfindahl index), relative to the number of peers.
pub(super) fn note(surge: &mut Surge, base: &Snapshot, sample: &Sample) {
    let (mut peers, mut sum, mut squares) = (0_u64, 0_u64, 0.0_f64);
    let mut grown = Vec::new();
    let mut ports: BTreeMap<u16, u64> = BTreeMap::new();
    for peer in &sample.peers {
        let from = base.held.get(&peer.slot).copied().unwrap_or(0);
        let to = peer.counters.open_now;
        peers += u64::from(from > 0 || to > 0);
        if to > from {
            #[expect(clippy::cast_precision_loss, reason = "connections of one peer")]
            let growth = (to - from) as f64;
            sum += to - from;
            *ports.entry(peer.id.port).or_default() += to - from;
            squares += growth * growth;
            grown.push(Behind {
                peer: peer.id,
                from,
                to,
            });
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "connections and peers")]
    let (all, wanted) = (sum as f64, UNIFORM_SHARE * peers as f64);
    let is_even = squares > 0.0 && grown.len() > 1 && all * all / squares >= wanted;
    surge.grown = grown.len() as u64;
    surge.peers = peers;
    ports.retain(|_, growth| growth.saturating_mul(MAX_PORTS as u64) >= sum);
    surge.ports = ports.into_keys().take(MAX_PORTS).collect();
    (surge.shape, surge.behind) = if is_even {
        (Shape::Uniform, Vec::new())
    } else {
        (Shape::Concentrated, most(grown, sum))
    };
}

/// The peers that grew most, as many as explain nearly all of the growth.
fn most(mut grown: Vec<Behind>, sum: u64) -> Vec<Behind> {
    grown.sort_unstable_by_key(|peer| (std::cmp::Reverse(peer.grown()), peer.peer));
    let mut so_far = 0_u64;
    grown
        .into_iter()
        .take(MAX_BEHIND)
        .take_while(|peer| {
            let is_wanted = so_far.saturating_mul(100) < sum.saturating_mul(ENOUGH);
            so_far += peer.grown();
            is_wanted
        })
        .collect()
}
