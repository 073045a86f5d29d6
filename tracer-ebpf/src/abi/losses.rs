//! What the programs could not count where it belongs, by cause.

use super::pod;

/// Per-CPU counters; the sum over the CPUs is the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Losses {
    /// Distinct peers that found the peer table full. Their connections are in slot 0.
    pub peers_dropped: u64,
    /// Connections counted in slot 0 because their peer found no room.
    pub connections_unattributed: u64,
    /// Peers that found even the list of dropped peers full: `peers_dropped` is "at least" then.
    pub peers_dropped_unlisted: u64,
    /// Connections not counted at all because there was no room to remember them.
    pub connections_dropped: u64,
    /// No loss: opens, half closes and ends whose change of state was missed and that were counted later.
    pub rescued: u64,
    /// Records not written because the ring buffer was full. No count is affected.
    pub ring_full: u64,
    /// Records not written because other CPUs took each place that was tried. No count is affected.
    pub ring_raced: u64,
    /// Addresses of listeners that made room for others although they still listen, until the next walk found
    /// them. A connection whose open was missed meanwhile may have got the wrong direction.
    pub listeners_forgotten: u64,
}

pod!(Losses);
