//! Which slots of the peer table are taken. The programs take slots, and user space gives them back.

use super::pod;

/// Shared by all CPUs and user space.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Slots {
    /// The first of the slots that were given back, in its lower half; 0: none. Each of them has the next one
    /// in its [`super::peer::PeerKey::process`]. The upper half counts the changes, so that a CPU that was
    /// about to take the first one notices that it was taken and given back meanwhile.
    pub free: u64,
    /// The number of peers that have a slot and are not leaving.
    pub peers: u32,
    /// The number of slots that were ever taken. Slots that were given back are taken first.
    pub taken: u32,
}

impl Slots {
    /// [`Self::free`] with `first` as the first one, after it was `before`.
    #[inline(always)]
    pub const fn freed(before: u64, first: u32) -> u64 {
        (before >> 32).wrapping_add(1) << 32 | first as u64
    }
}

pod!(Slots);
