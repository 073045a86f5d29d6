//! The detail of one peer.

use crate::model::peer::PeerId;

/// Which peer, and how far it is scrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detail {
    /// The peer.
    pub id: PeerId,
    /// Number of lines scrolled out at the top; drawing limits it.
    pub top: usize,
}

impl Detail {
    /// Unscrolled.
    pub fn new(id: PeerId) -> Self {
        Self { id, top: 0 }
    }

    pub(super) fn scroll(&mut self, by: isize) {
        self.top = self.top.saturating_add_signed(by);
    }
}
