//! A close look at one peer.

use crate::model::peer::PeerId;

/// Which peer, and how far down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Who.
    pub id: PeerId,
    /// Lines scrolled out at the top; the drawing sets its limit.
    pub top: usize,
}

impl Detail {
    /// From its beginning.
    pub fn new(id: PeerId) -> Self {
        Self { id, top: 0 }
    }

    pub(super) fn scroll(&mut self, by: isize) {
        self.top = self.top.saturating_add_signed(by);
    }
}
