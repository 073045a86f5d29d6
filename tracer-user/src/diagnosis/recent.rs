//! Improvement or decline within the window: a peer's latest behaviour compared with the whole window.

use super::{
    Figures, Verdict,
    cause::{self, Finding},
    scene::{About, From, Scene},
    thresholds::S,
};
use crate::model::sample::Peer;

/// A peer has recovered once its cause has been absent for this many times its usual interval ...
const RHYTHMS: u64 = 5;

/// ... and for at least this long, ns.
const LEAST_NS: u64 = 3 * S;

/// This many opens are enough to see that a good peer no longer is ...
const SPOILED: u64 = 8;

/// ... if they are spread over at least this many boundaries, which are a second apart near the present,
/// rather than coming all at once as after a restart of the server ...
const OVER_BOUNDARIES: usize = 3;

/// ... and if the new verdict has at least this confidence.
const SURE: f64 = 0.6;

/// The verdict on a peer's latest behaviour.
pub(super) struct Lately {
    pub(super) finding: Finding,
    pub(super) figures: Figures,
    /// Start of the behaviour judged, monotonic, ns.
    pub(super) since_ns: u64,
}

/// Whether an accused peer has been good for long enough that its cause would have shown again. `whole` has
/// the figures of the whole window.
pub(super) fn mended(scene: &Scene<'_>, peer: &Peer, about: &About, whole: &Figures) -> Option<Lately> {
    let now_ns = scene.sample.taken.monotonic_ns;
    let mut boundaries = scene.window().boundaries();
    // The time since the last open does not count towards the interval between opens.
    let last_open = scene.window().when_opened(peer.slot, peer.counters.opens(), 1);
    let quiet_ns = last_open
        .and_then(|at| scene.window().boundaries().nth(at))
        .map_or(0, |at| now_ns.saturating_sub(at.monotonic_ns));
    let rhythm_ns = whole.span_ns.saturating_sub(quiet_ns) / whole.opens.max(1);
    let needed_ns = (RHYTHMS * rhythm_ns).max(LEAST_NS);
    let latest = boundaries.rposition(|at| now_ns.saturating_sub(at.monotonic_ns) >= needed_ns)?;
    let lately = look(scene, peer, about, latest)?;
    // How many connections it would have opened since then at its usual rate.
    let usual = lately.figures.span_ns / rhythm_ns.max(1);
    let is_mended = lately.finding.verdict == Verdict::Reusing && lately.figures.opens * RHYTHMS <= usual;
    is_mended.then_some(lately)
}

/// Whether a peer that is not accused has recently opened connections that accuse it.
pub(super) fn spoiled(scene: &Scene<'_>, peer: &Peer, about: &About, whole: &Figures) -> Option<Lately> {
    if whole.opens < SPOILED {
        return None;
    }
    let window = scene.window();
    let opens = peer.counters.opens();
    let enough = window.when_opened(peer.slot, opens, SPOILED)?;
    let latest = enough.min(window.boundaries().len().checked_sub(1 + OVER_BOUNDARIES)?);
    let course = window.course(peer.slot);
    let begin = window.boundaries().nth(latest)?.monotonic_ns;
    let mut levels: Vec<(u64, u64)> = course
        .iter()
        .filter(|level| level.at_ns >= begin)
        .map(|level| (level.at_ns, level.opens))
        .collect();
    levels.push((scene.sample.taken.monotonic_ns, opens));
    let steps: Vec<Step> = levels.windows(2).filter_map(Step::between).collect();
    if came_at_once(&steps) || steps.iter().filter(|step| step.opens > 0).count() < OVER_BOUNDARIES {
        return None;
    }
    let lately = look(scene, peer, about, latest)?;
    let verdict = lately.finding.verdict;
    // Overflow of a pool shows only over the whole window.
    let is_of_ends = cause::is_of_ends(verdict) && verdict != Verdict::PoolOverflow;
    (is_of_ends && lately.finding.confidence >= SURE).then_some(lately)
}

/// What a peer opened between two boundaries.
struct Step {
    opens: u64,
    /// Time between them, ns.
    span_ns: u64,
}

impl Step {
    /// Between two levels, each with its time and the opens until then.
    fn between(pair: &[(u64, u64)]) -> Option<Self> {
        let ((from, before), (to, after)) = (*pair.first()?, *pair.last()?);
        Some(Self {
            opens: after.saturating_sub(before),
            span_ns: to.saturating_sub(from),
        })
    }
}

/// Whether most connections were opened in one step, more than twice as fast as the others. Steps differ in
/// length, so that a longer one has more opens of a steady client.
fn came_at_once(steps: &[Step]) -> bool {
    let all: u64 = steps.iter().map(|step| step.opens).sum();
    let span_ns: u64 = steps.iter().map(|step| step.span_ns).sum();
    steps.iter().any(|step| {
        let (others, others_ns) = (all - step.opens, span_ns - step.span_ns);
        let is_faster = u128::from(step.opens) * u128::from(others_ns)
            > 2 * u128::from(others) * u128::from(step.span_ns);
        step.opens > others && is_faster
    })
}

fn look(scene: &Scene<'_>, peer: &Peer, about: &About, boundary: usize) -> Option<Lately> {
    let figures = scene.figures(peer, From::Boundary(boundary));
    let finding = cause::judge(&about.case(&figures));
    let since_ns = scene.window().boundaries().nth(boundary)?.monotonic_ns;
    Some(Lately {
        finding,
        figures,
        since_ns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(opens: [u64; 4], seconds: [u64; 4]) -> Vec<Step> {
        let step = |(opens, seconds)| Step {
            opens,
            span_ns: seconds * S,
        };
        opens.into_iter().zip(seconds).map(step).collect()
    }

    #[test]
    fn a_longer_step_of_a_steady_client_is_no_burst() {
        assert!(!came_at_once(&steps([6, 2, 3, 0], [2, 1, 1, 0])));
        assert!(!came_at_once(&steps([6, 2, 2, 0], [2, 1, 1, 0])));
    }

    #[test]
    fn a_burst_is_told_in_a_step_of_any_length() {
        assert!(came_at_once(&steps([6, 2, 2, 0], [1, 1, 1, 1])));
        assert!(came_at_once(&steps([50, 1, 1, 1], [2, 1, 1, 1])));
        assert!(came_at_once(&steps([1, 1, 50, 1], [2, 1, 1, 0])));
    }
}
