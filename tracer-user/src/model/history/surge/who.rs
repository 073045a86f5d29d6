//! Who is behind a surge: all peers alike, or a few.

use super::{Behind, MAX_BEHIND, Shape, Snapshot, Surge};
use crate::model::sample::Sample;

/// If the rise were shared evenly by this part of the peers or more, it is [`Shape::Uniform`].
const UNIFORM_SHARE: f64 = 0.5;

/// Peers that together brought this part of the growth are enough to name, in percent.
const ENOUGH: u64 = 90;

/// Notes who holds more than before.
///
/// How evenly they share the growth is the number of equal shares that would be as uneven (the inverse of the
/// Herfindahl index), out of all peers.
pub(super) fn note(surge: &mut Surge, base: &Snapshot, sample: &Sample) {
    let (mut peers, mut sum, mut squares) = (0_u64, 0_u64, 0.0_f64);
    let mut grown = Vec::new();
    for peer in &sample.peers {
        let from = base.held.get(&peer.slot).copied().unwrap_or(0);
        let to = peer.counters.open_now;
        peers += u64::from(from > 0 || to > 0);
        if to > from {
            #[expect(clippy::cast_precision_loss, reason = "connections of one peer")]
            let growth = (to - from) as f64;
            sum += to - from;
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
    (surge.shape, surge.behind) = if is_even {
        (Shape::Uniform, Vec::new())
    } else {
        (Shape::Concentrated, most(grown, sum))
    };
}

/// Those that grew most, as many as it takes to explain nearly all of the growth.
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
