//! What the kernel says of a listening socket: one table, a line a figure, as [`super::counters`] has it of peers.
//!
//! Reading it from the kernel's record, the sum over the sockets of one port, the state of a recording and its limits
//! follow from the line, and so do the JSON of a diagnosis, `listeners.csv` and the listeners of the view.

use serde::{Deserialize, Serialize};
use tracer_ebpf::abi::live::{Live, NO_DROPS};

use super::figure::{self, Behaves, Kind, Unit, Value};

/// A line of the table.
#[cfg_attr(
    not(feature = "testing"),
    expect(dead_code, reason = "the table says all of a figure, for metrics too")
)]
#[derive(Debug)]
pub struct Figure {
    /// Its name in JSON and CSV.
    pub name: &'static str,
    /// Its title on the screen.
    pub title: &'static str,
    /// What it says, line by line.
    pub help: &'static [&'static str],
    /// How it behaves.
    pub kind: Kind,
    /// What it counts.
    pub unit: Unit,
    /// Its value; `None`: the kernel does not say.
    pub get: fn(&Backlog) -> Option<u64>,
    /// Makes it this.
    pub set: fn(&mut Backlog, Option<u64>),
}

/// A number that may not be known.
trait MaybeKnown {
    fn of(value: Option<u64>) -> Self;
}

impl MaybeKnown for u64 {
    fn of(value: Option<u64>) -> Self {
        value.unwrap_or(0)
    }
}

impl MaybeKnown for Option<u64> {
    fn of(value: Option<u64>) -> Self {
        value
    }
}

/// Gives a closure the type of its argument.
fn read<T>(live: &Live, from: impl FnOnce(&Live) -> T) -> T {
    from(live)
}

macro_rules! figures {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident: $type:ty = $kind:ident of $unit:ident, $source:expr, shown as $title:literal;
    )+) => {
        /// What the kernel says of a listening socket, or of all that listen on one port.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Backlog {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl From<&Live> for Backlog {
            fn from(live: &Live) -> Self {
                Self { $($name: read(live, $source),)+ }
            }
        }

        impl Backlog {
            /// The figures in their order.
            pub const NAMES: &[&str] = &[$(stringify!($name)),+];

            /// Takes in another socket's.
            pub fn absorb(&mut self, other: &Self) {
                $(figure::$kind::absorb(&mut self.$name, &other.$name);)+
            }

            /// Whether all numbers are such that no sum over them runs over.
            pub fn are_possible(&self) -> bool {
                true $(&& figure::$kind::largest(&self.$name) <= Unit::$unit.limit())+
            }
        }

        /// All of them.
        pub static FIGURES: [Figure; Backlog::NAMES.len()] = [$(Figure {
            name: stringify!($name),
            title: $title,
            help: &[$($doc),+],
            kind: <figure::$kind as Behaves<$type>>::KIND,
            unit: Unit::$unit,
            get: |backlog| match figure::$kind::value(&backlog.$name) {
                Value::Number(number) => number,
                _ => None,
            },
            set: |backlog, value| backlog.$name = MaybeKnown::of(value),
        },)+];
    };
}

figures! {
    /// Connections that wait to be accepted.
    accept_queue: u64 = Gauge of Connections, |live| live.queue.into(), shown as "QUEUE";

    /// How many may wait.
    accept_queue_limit: u64 = Gauge of Connections, |live| live.queue_limit.into(), shown as "LIMIT";

    /// SYNs and connections that the kernel dropped since it listens, for a full queue most of all.
    drops: Option<u64> = Counter of Connections,
        |live| (live.drops != NO_DROPS).then_some(live.drops.into()), shown as "DROPS";
}

/// Of the figures, so many have a place of their own wherever they are shown.
pub const PLACED: usize = 2;

/// The others, in the order of the table.
pub fn others() -> impl Iterator<Item = &'static Figure> {
    FIGURES.iter().skip(PLACED)
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;

    #[test]
    fn drops_that_the_kernel_does_not_count_are_unknown() {
        let mut live = Live::new_zeroed();
        assert_eq!(Backlog::from(&live).drops, Some(0));
        live.drops = NO_DROPS;
        assert_eq!(Backlog::from(&live).drops, None);
    }

    #[test]
    fn sockets_of_one_port_are_one() {
        let mut one = Backlog::default();
        for (n, figure) in (1..).zip(&FIGURES) {
            (figure.set)(&mut one, Some(n));
            assert_eq!((figure.get)(&one), Some(n), "{}", figure.name);
        }
        let other = one;
        one.absorb(&other);
        for (n, figure) in (1..).zip(&FIGURES) {
            assert_eq!((figure.get)(&one), Some(2 * n), "{}", figure.name);
        }
        assert!(one.are_possible());
        one.accept_queue = u64::MAX;
        assert!(!one.are_possible());
    }
}
