//! How long requests wait for their answers, and clients until their next request, from the times that the
//! kernel keeps of a socket: when data was last received and last sent, in timer ticks.
//!
//! Nothing runs when a process sends. What a read finds tells all the same: what was sent last is the end of
//! the answer to the request before, and what was received last is the request that is read now. So an answer
//! sent in pieces is timed to its last piece, and one that is sent again to the last time.

/// What is remembered of a connection's last request and answer, as timer ticks; 0: nothing. A tick of 0 is
/// taken for 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes))]
#[repr(C)]
pub struct Rhythm {
    /// When the request came that has no answer yet. At the client's end: when any request was sent.
    asked: u32,
    /// When the last answer ended, until the next request. While `asked` is set: when what has been seen of
    /// the answer was sent.
    answered: u32,
}

/// Nothing is told. A number and no `Option`: of one that is `None`, the compiler may move a part that was
/// never written, which the verifier does not let pass.
pub const UNTOLD: u32 = u32::MAX;

/// What a read tells, in timer ticks, or [`UNTOLD`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// From a request to the end of its answer or, at the client's end, to the beginning of its answer.
    pub hold: u32,
    /// From the end of that answer, or an earlier one, to the next request.
    pub pause: u32,
}

/// When data last moved on a connection, in timer ticks.
#[derive(Clone, Copy, Debug)]
pub struct Moved {
    /// Last received.
    pub received: u32,
    /// Last sent.
    pub sent: u32,
}

impl Rhythm {
    /// Nothing was asked yet.
    pub const NOTHING: Self = Self {
        asked: 0,
        answered: 0,
    };

    /// The server's process reads. `wrote`: it has written since it read before. `is_request`: what it reads
    /// is one, or its first part.
    #[inline(always)]
    pub fn server_reads(&mut self, wrote: bool, is_request: bool, at: Moved) -> Told {
        let hold = if wrote { self.answered_at(at.sent) } else { UNTOLD };
        let mut pause = UNTOLD;
        // Further requests before the answer wait along with the first.
        if is_request && self.asked == 0 {
            if self.answered != 0 {
                pause = between(self.answered, at.received);
            }
            *self = Self {
                asked: some(at.received),
                answered: 0,
            };
        }
        Told { hold, pause }
    }

    /// The server has sent its answer to all that was asked; gives the hold, or [`UNTOLD`].
    #[inline(always)]
    pub fn answered_at(&mut self, sent: u32) -> u32 {
        if self.asked == 0 {
            return UNTOLD;
        }
        let hold = between(self.asked, sent);
        *self = Self {
            asked: 0,
            answered: some(sent),
        };
        hold
    }

    /// What the server has sent so far was last sent at `sent`; so may the answer to what was asked have been.
    /// Does nothing if there is none to wait for.
    #[inline(always)]
    pub fn seen_answered(&mut self, sent: u32) {
        if self.asked != 0 {
            self.answered = some(sent);
        }
    }

    /// When the last answer ended, as far as that was seen, if no request came since; else 0.
    #[inline(always)]
    pub const fn last_answer(&self) -> u32 {
        self.answered
    }

    /// Whether the answer was seen as it was sent, and nothing has come since the request.
    #[inline(always)]
    pub const fn is_quiet_since(&self) -> bool {
        self.asked != 0 && self.answered != 0
    }

    /// The client's process reads. `is_answer`: this is the beginning of an answer to a request.
    #[inline(always)]
    pub fn client_reads(&mut self, is_answer: bool, at: Moved) -> Told {
        let mut told = Told {
            hold: UNTOLD,
            pause: UNTOLD,
        };
        if is_answer {
            told.hold = between(at.sent, at.received);
            if self.answered != 0 {
                told.pause = between(self.answered, at.sent);
            }
            self.asked = some(at.sent);
        }
        if self.asked != 0 {
            self.answered = some(at.received);
        }
        told
    }
}

/// How many times there were of each of the shortest lengths, 16 bits for each number of timer ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes))]
#[repr(C)]
pub struct Short(u64);

impl Short {
    /// None.
    pub const NOTHING: Self = Self(0);

    /// Times of fewer timer ticks are short.
    pub const TICKS: u32 = u64::BITS / Self::BITS;

    /// Bits of a count.
    const BITS: u32 = 16;
    const MOST: u32 = u16::MAX as u32;

    /// Whether there are none.
    #[inline(always)]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether as many times of this length were counted as can be.
    #[inline(always)]
    pub fn is_full(self, ticks: u32) -> bool {
        self.count(ticks) == Self::MOST
    }

    /// Counts a time of this length.
    #[inline(always)]
    pub fn add(&mut self, ticks: u32) {
        self.0 = self.0.wrapping_add(1 << (ticks % Self::TICKS * Self::BITS));
    }

    /// How many times of this length were counted.
    #[inline(always)]
    pub fn count(self, ticks: u32) -> u32 {
        (self.0 >> (ticks % Self::TICKS * Self::BITS)) as u32 & Self::MOST
    }
}

/// Ticks from one moment to a later one; 0 if it is not later, as for a request that came before the answer
/// to the one before it was sent.
#[inline(always)]
fn between(from: u32, to: u32) -> u32 {
    let ticks = to.wrapping_sub(from);
    if ticks.cast_signed() < 0 { 0 } else { ticks }
}

/// A moment, and not "nothing".
#[inline(always)]
fn some(ticks: u32) -> u32 {
    ticks.max(1)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    fn at(received: u32, sent: u32) -> Moved {
        Moved { received, sent }
    }

    fn told(hold: Option<u32>, pause: Option<u32>) -> Told {
        Told {
            hold: hold.unwrap_or(UNTOLD),
            pause: pause.unwrap_or(UNTOLD),
        }
    }

    #[test]
    fn a_server_that_holds_each_request_for_20_and_a_client_that_pauses_for_50() {
        let mut rhythm = Rhythm::NOTHING;
        // The handshake of TLS: turns, and no requests.
        assert_eq!(rhythm.server_reads(true, false, at(90, 0)), told(None, None));
        assert_eq!(rhythm.server_reads(true, false, at(95, 92)), told(None, None));
        // There is no pause before the first request.
        assert_eq!(rhythm.server_reads(true, true, at(100, 96)), told(None, None));
        assert_eq!(
            rhythm.server_reads(true, true, at(170, 120)),
            told(Some(20), Some(50))
        );
        // In two pieces, the second of which comes later.
        assert_eq!(rhythm.server_reads(false, false, at(171, 120)), told(None, None));
        assert_eq!(rhythm.answered_at(190), 20);
        assert_eq!(rhythm.answered_at(191), UNTOLD, "it was told already");
    }

    #[test]
    fn a_sign_of_life_is_no_end_of_a_pause_and_its_answer_no_end_of_a_hold() {
        let mut rhythm = Rhythm::NOTHING;
        rhythm.server_reads(true, true, at(100, 0));
        assert_eq!(
            rhythm.server_reads(true, false, at(150, 110)),
            told(Some(10), None)
        );
        assert_eq!(
            rhythm.server_reads(true, true, at(200, 151)),
            told(None, Some(90))
        );
    }

    #[test]
    fn requests_that_come_before_the_answer_wait_with_the_first() {
        let mut rhythm = Rhythm::NOTHING;
        rhythm.server_reads(true, true, at(100, 0));
        assert_eq!(rhythm.server_reads(false, true, at(105, 0)), told(None, None));
        // This one came while the answer was on its way to be sent.
        assert_eq!(
            rhythm.server_reads(true, true, at(109, 110)),
            told(Some(10), Some(0))
        );
    }

    #[test]
    fn a_client_sees_the_first_byte_of_an_answer() {
        let mut rhythm = Rhythm::NOTHING;
        // The handshake.
        assert_eq!(rhythm.client_reads(false, at(50, 49)), told(None, None));
        assert_eq!(rhythm.client_reads(true, at(120, 100)), told(Some(20), None));
        assert_eq!(
            rhythm.client_reads(false, at(130, 100)),
            told(None, None),
            "more of it"
        );
        assert_eq!(rhythm.client_reads(true, at(185, 180)), told(Some(5), Some(50)));
    }

    #[test]
    fn short_times_are_counted_by_their_length_until_there_is_no_room() {
        let mut short = Short::NOTHING;
        assert!(short.is_empty());
        for ticks in 0..Short::TICKS {
            for _ in 0..=ticks {
                short.add(ticks);
            }
        }
        let counts: [u32; Short::TICKS as usize] = std::array::from_fn(|ticks| short.count(ticks as u32));
        assert_eq!(counts, [1, 2, 3, 4]);
        while !short.is_full(1) {
            short.add(1);
        }
        assert_eq!((short.count(1), short.count(2)), (65_535, 3));
    }

    #[test]
    fn ticks_wrap() {
        let mut rhythm = Rhythm::NOTHING;
        rhythm.server_reads(true, true, at(u32::MAX - 4, 0));
        assert_eq!(
            rhythm.server_reads(true, true, at(20, 5)),
            told(Some(10), Some(15))
        );
        // A request that came at tick 0.
        let mut rhythm = Rhythm::NOTHING;
        rhythm.server_reads(true, true, at(0, 0));
        assert_eq!(rhythm.answered_at(8), 7);
    }
}
