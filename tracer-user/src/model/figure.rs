//! What a figure is: its unit, how it behaves over time and over several peers, and its value.
//!
//! [`super::counters`] has the table of a peer's figures, [`super::backlog`] that of a listener's. This
//! module has what their lines consist of.

mod table;

use tracer_ebpf::buckets::HELD_BUCKETS;

pub use self::table::{Figure, Shown, Table};
pub(super) use self::table::{figures, read};
use super::{buckets::Buckets, durations, peer::Closes, turns::Turns};

/// Counts beyond this are none; sums of many of them still fit.
const MAX_COUNT: u64 = 1 << 44;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Connections.
    Connections,
    /// TCP segments.
    Segments,
    /// Request turns.
    Turns,
    /// Bytes.
    Bytes,
    /// Time in nanoseconds.
    Nanoseconds,
    /// Time in microseconds.
    Microseconds,
    /// Time in milliseconds, of many connections together.
    Milliseconds,
    /// Open files.
    Files,
    /// No number: a process, by its thread group id.
    Process,
    /// No number: one of [`tracer_ebpf::talk::protocol`].
    Protocol,
}

impl Unit {
    /// Values beyond this are damage: sums of several still fit, and no time is longer than 146 years.
    pub const fn limit(self) -> u64 {
        match self {
            Self::Connections
            | Self::Segments
            | Self::Turns
            | Self::Files
            | Self::Process
            | Self::Protocol => MAX_COUNT,
            Self::Bytes => MAX_COUNT << 8,
            Self::Nanoseconds => 1 << 62,
            Self::Microseconds | Self::Milliseconds => 1 << 52,
        }
    }

    /// A time in nanoseconds; `None` for what is no time.
    pub const fn nanoseconds(self, value: u64) -> Option<u64> {
        match self {
            Self::Nanoseconds => Some(value),
            Self::Microseconds => Some(value.saturating_mul(1_000)),
            Self::Milliseconds => Some(value.saturating_mul(1_000_000)),
            _ => None,
        }
    }

    /// A value in the unit of files: milliseconds for times, and what it is for all else.
    pub const fn written(self, value: u64) -> u64 {
        match self.nanoseconds(value) {
            Some(ns) => ns / 1_000_000,
            None => value,
        }
    }

    /// The value that was written so.
    pub const fn read(self, written: u64) -> u64 {
        match self {
            Self::Nanoseconds => written.saturating_mul(1_000_000),
            Self::Microseconds => written.saturating_mul(1_000),
            _ => written,
        }
    }
}

/// How a figure behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows; several peers' are added.
    Counter,
    /// It is what it is now; several peers' are added.
    Gauge,
    /// The largest value so far; 0: none yet.
    Largest,
    /// The smallest value so far; 0: none yet.
    Smallest,
    /// The latest value; 0: none yet.
    Latest,
    /// Counts by bucket.
    Histogram,
    /// Durations with their sum, extremes and histogram.
    Durations,
}

/// A figure's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// One number; `None`: there is none yet.
    Number(Option<u64>),
    /// Ended connections by reason.
    Closes(&'a Closes),
    /// Opens by the number of connections held before.
    Held(&'a Buckets<HELD_BUCKETS>),
    /// Request turns of connections.
    Turns(&'a Turns),
    /// Durations.
    Durations(&'a durations::Durations),
}

/// What was added to a counter since it was `earlier`. The programs count in 32 bits, so one that is smaller
/// now by more than half of what these hold has started again at 0.
pub(super) fn added(now: u64, earlier: u64) -> u64 {
    const TURN: u64 = 1 << 32;
    match earlier.checked_sub(now) {
        None | Some(0) => now - earlier,
        Some(less) if less > TURN / 2 && earlier < TURN => TURN - less,
        Some(_) => 0,
    }
}

/// A number as a figure keeps it.
pub(super) trait Word: Copy + Ord + Default + Into<u64> + TryFrom<u64> {
    const MAX: Self;

    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
}

macro_rules! word {
    ($($word:ident),+) => {$(
        impl Word for $word {
            const MAX: Self = Self::MAX;

            fn plus(self, other: Self) -> Self {
                self.saturating_add(other)
            }

            fn minus(self, other: Self) -> Self {
                Self::try_from(added(self.into(), other.into())).unwrap_or(Self::MAX)
            }
        }
    )+};
}

word!(u32, u64);

/// A number, or one that may be unknown.
pub(super) trait Number {
    fn of(value: Option<u64>) -> Self;
}

impl<T: Word> Number for T {
    fn of(value: Option<u64>) -> Self {
        Self::try_from(value.unwrap_or(0)).unwrap_or(Self::MAX)
    }
}

impl<T: Word> Number for Option<T> {
    fn of(value: Option<u64>) -> Self {
        value.map(|value| T::of(Some(value)))
    }
}

/// How values of one type behave that are of one kind.
pub(super) trait Behaves<T> {
    /// What it is called.
    const KIND: Kind;

    /// What happened since an earlier value.
    fn since(now: &T, earlier: &T) -> T;

    /// Adds what has a total over many peers.
    fn total(_sum: &mut T, _other: &T) {}

    /// Takes in another peer's, so that one stands for both.
    fn absorb(mine: &mut T, other: &T);

    /// Puts the same peer's of an earlier recording before it.
    fn precede(mine: &mut T, earlier: &T) {
        Self::absorb(mine, earlier);
    }

    /// The largest number in it.
    fn largest(value: &T) -> u64;

    /// A number that changes with each connection that is counted; 0 for what tells nothing of that.
    fn print(_value: &T) -> u64 {
        0
    }

    /// The value.
    fn value(value: &T) -> Value<'_>;
}

/// How numbers of one kind behave.
pub(super) trait Numbers {
    const KIND: Kind;

    /// Whether those of several peers are added. If not, 0 means that there is none yet.
    const ADDS_UP: bool = false;

    /// What happened since an earlier value. Most kinds have no difference, so the value stays.
    fn change<T: Word>(now: T, _earlier: T) -> T {
        now
    }

    /// One number for two peers.
    fn both<T: Word>(mine: T, other: T) -> T;

    /// One number for two recordings of a peer.
    fn in_order<T: Word>(earlier: T, later: T) -> T {
        Self::both(later, earlier)
    }
}

/// [`Kind::Counter`].
pub(super) struct Counter;

impl Numbers for Counter {
    const KIND: Kind = Kind::Counter;
    const ADDS_UP: bool = true;

    fn change<T: Word>(now: T, earlier: T) -> T {
        now.minus(earlier)
    }

    fn both<T: Word>(mine: T, other: T) -> T {
        mine.plus(other)
    }
}

/// [`Kind::Gauge`].
pub(super) struct Gauge;

impl Numbers for Gauge {
    const KIND: Kind = Kind::Gauge;
    const ADDS_UP: bool = true;

    fn both<T: Word>(mine: T, other: T) -> T {
        mine.plus(other)
    }

    fn in_order<T: Word>(_earlier: T, later: T) -> T {
        later
    }
}

/// [`Kind::Largest`].
pub(super) struct Largest;

impl Numbers for Largest {
    const KIND: Kind = Kind::Largest;

    fn both<T: Word>(mine: T, other: T) -> T {
        mine.max(other)
    }
}

/// [`Kind::Smallest`].
pub(super) struct Smallest;

impl Numbers for Smallest {
    const KIND: Kind = Kind::Smallest;

    fn both<T: Word>(mine: T, other: T) -> T {
        known(mine, other).min(known(other, mine))
    }
}

/// [`Kind::Latest`].
pub(super) struct Latest;

impl Numbers for Latest {
    const KIND: Kind = Kind::Latest;

    fn both<T: Word>(mine: T, other: T) -> T {
        known(mine, other)
    }
}

/// The first of two that is there.
fn known<T: Word>(a: T, b: T) -> T {
    if a == T::default() { b } else { a }
}

impl<K: Numbers, T: Word> Behaves<T> for K {
    const KIND: Kind = <K as Numbers>::KIND;

    fn since(now: &T, earlier: &T) -> T {
        K::change(*now, *earlier)
    }

    fn total(sum: &mut T, other: &T) {
        if K::ADDS_UP {
            *sum = sum.plus(*other);
        }
    }

    fn absorb(mine: &mut T, other: &T) {
        *mine = K::both(*mine, *other);
    }

    fn precede(mine: &mut T, earlier: &T) {
        *mine = K::in_order(*earlier, *mine);
    }

    fn largest(value: &T) -> u64 {
        (*value).into()
    }

    fn print(value: &T) -> u64 {
        if K::ADDS_UP { (*value).into() } else { 0 }
    }

    fn value(value: &T) -> Value<'_> {
        let value: u64 = (*value).into();
        Value::Number(Some(value).filter(|value| K::ADDS_UP || *value != 0))
    }
}

/// Numbers that not every kernel, peer or recording has.
impl<K: Numbers, T: Word> Behaves<Option<T>> for K {
    const KIND: Kind = <K as Numbers>::KIND;

    fn since(now: &Option<T>, earlier: &Option<T>) -> Option<T> {
        now.map(|now| K::change(now, earlier.unwrap_or_default()))
    }

    fn absorb(mine: &mut Option<T>, other: &Option<T>) {
        let both = mine.zip(*other).map(|(mine, other)| K::both(mine, other));
        *mine = both.or(*mine).or(*other);
    }

    fn largest(value: &Option<T>) -> u64 {
        value.unwrap_or_default().into()
    }

    fn value(value: &Option<T>) -> Value<'_> {
        Value::Number((*value).map(Into::into))
    }
}

/// [`Kind::Histogram`].
pub(super) struct Histogram;

/// [`Kind::Durations`].
pub(super) struct Durations;

/// For values of several numbers. `total` says whether many peers' have one.
macro_rules! compound {
    (
        $kind:ident, $type:ty => $value:ident, total: $total:literal,
        |$mine:ident, $other:ident| $add:expr, |$one:ident| largest: $largest:expr, print: $print:expr
    ) => {
        impl Behaves<$type> for $kind {
            const KIND: Kind = Kind::$kind;

            fn since(now: &$type, earlier: &$type) -> $type {
                now.since(earlier)
            }

            fn total(sum: &mut $type, other: &$type) {
                if $total {
                    Self::absorb(sum, other);
                }
            }

            fn absorb($mine: &mut $type, $other: &$type) {
                $add;
            }

            fn largest($one: &$type) -> u64 {
                $largest
            }

            fn print($one: &$type) -> u64 {
                let _ = $one;
                $print
            }

            fn value(value: &$type) -> Value<'_> {
                Value::$value(value)
            }
        }
    };
}

compound!(
    Counter, Closes => Closes, total: true, |mine, other| mine.add(other),
    |one| largest: one.each().into_iter().max().unwrap_or(0), print: one.total()
);
compound!(
    Histogram, Buckets<HELD_BUCKETS> => Held, total: true, |mine, other| mine.accumulate(other),
    |one| largest: one.used().map(|(_, n)| u64::from(n)).max().unwrap_or(0), print: one.total()
);
// The ends that these two count are counted elsewhere too.
compound!(
    Histogram, Turns => Turns, total: false, |mine, other| mine.add(other),
    |one| largest: one.sum.max(one.max), print: 0
);
compound!(
    Durations, durations::Durations => Durations, total: false, |mine, other| mine.add(other),
    |one| largest: one.sum_ns.max(one.max_ns), print: 0
);
