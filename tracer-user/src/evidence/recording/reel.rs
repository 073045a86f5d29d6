//! A recording that remembers only the last minutes: it is divided by time, and what is older is forgotten.

use std::collections::VecDeque;

/// Parts of the time that is remembered, each a segment. One more part than these may be there.
const PARTS: u64 = 5;

/// The segments of such a recording.
#[derive(Debug)]
pub(super) struct Reel {
    span_ns: u64,
    /// The first and last interval of the current segment, monotonic, ns.
    current: Option<(u64, u64)>,
    /// The older segments, oldest first, each with its last interval.
    older: VecDeque<(u64, u64)>,
}

impl Reel {
    pub(super) fn new(span_ns: u64) -> Self {
        Self {
            span_ns,
            current: None,
            older: VecDeque::new(),
        }
    }

    /// An interval was written to the current segment.
    pub(super) fn wrote(&mut self, now_ns: u64) {
        let (first, _) = self.current.unwrap_or((now_ns, now_ns));
        self.current = Some((first, now_ns));
    }

    /// Whether the current segment is long enough.
    pub(super) fn is_over(&self) -> bool {
        self.current
            .is_some_and(|(first, last)| last.saturating_sub(first) >= self.span_ns / PARTS)
    }

    /// The current segment got a number, and the next one begins.
    pub(super) fn turn(&mut self, segment: u64) {
        if let Some((_, last)) = self.current.take() {
            self.older.push_back((segment, last));
        }
    }

    /// Whether nothing in this older segment needs to be remembered any more.
    pub(super) fn is_past(&self, segment: u64) -> bool {
        let newest = self.current.or(self.older.back().copied()).map(|(_, last)| last);
        let last = self.older.iter().find(|(older, _)| *older == segment);
        last.zip(newest)
            .is_some_and(|((_, last), newest)| newest.saturating_sub(*last) > self.span_ns)
    }

    /// Forgets segments up to this one, whose files are removed.
    pub(super) fn forget(&mut self, segment: u64) {
        self.older.retain(|(older, _)| *older > segment);
    }
}
