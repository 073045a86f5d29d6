//! The playback of a recording: its position and its commands.

/// A command of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Pause or resume; at the end, play from the beginning.
    PlayOrHold,
    /// Move this many intervals forward or back; a single step also pauses.
    Step(isize),
    /// The next higher speed.
    Faster,
    /// The next lower speed.
    Slower,
    /// To the first interval.
    ToStart,
    /// To the last one.
    ToEnd,
    /// To where the surge began.
    ToSurge,
}

/// The position. Times are UTC, ns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Playback {
    /// Its first interval.
    pub start: i128,
    /// The interval shown.
    pub at: i128,
    /// Its last interval.
    pub end: i128,
    /// The speed relative to real time.
    pub speed: f64,
    /// Whether it is playing.
    pub playing: bool,
    /// When the surge began, if the recording has one.
    pub surge: Option<i128>,
    /// Whether the verdicts are those recorded, not made from what is shown.
    pub as_recorded: bool,
}

impl Playback {
    /// Whether it has reached the end.
    pub fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    /// The column, from 0, of `columns` in which a moment lies.
    pub fn column(&self, at: i128, columns: u16) -> u16 {
        let last = i128::from(columns.saturating_sub(1));
        let whole = (self.end - self.start).max(1);
        let column = (at - self.start).clamp(0, whole) * last / whole;
        u16::try_from(column).unwrap_or(0)
    }
}
