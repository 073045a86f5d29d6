//! A recording being played: where it is, and what it can be told.

/// What the user wants of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Hold if it plays, play if it is held; at the end, from the beginning.
    PlayOrHold,
    /// So many intervals forward, or back; one alone holds it there.
    Step(isize),
    /// The next higher speed.
    Faster,
    /// The next lower one.
    Slower,
    /// To the first interval.
    ToStart,
    /// To the last one.
    ToEnd,
    /// To where the surge began.
    ToSurge,
}

/// Where it is. Times are UTC, ns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playback {
    /// Its first interval.
    pub start: i128,
    /// The one that is shown.
    pub at: i128,
    /// Its last one.
    pub end: i128,
    /// How much faster than it happened.
    pub speed: f64,
    /// Whether it goes on by itself.
    pub playing: bool,
    /// When the surge began, if there is one in the whole of it.
    pub surge: Option<i128>,
    /// Whether verdicts are those that were recorded, and not made from what is shown.
    pub as_recorded: bool,
}

impl Playback {
    /// Whether there is nothing after this.
    pub fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    /// In which of `columns` columns a moment lies, from 0.
    pub fn column(&self, at: i128, columns: u16) -> u16 {
        let last = i128::from(columns.saturating_sub(1));
        let whole = (self.end - self.start).max(1);
        let column = (at - self.start).clamp(0, whole) * last / whole;
        u16::try_from(column).unwrap_or(0)
    }
}
