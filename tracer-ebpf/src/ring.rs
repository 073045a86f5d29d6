//! Room in the ring of records ([`tracer_ebpf::abi::ring`]).
//!
//! Our own ring: `BPF_MAP_TYPE_RINGBUF` costs a tenth of the programs' total time. It takes a lock, and it
//! publishes a record by an exchange, which waits for the record's cold cache lines. A plain store does not
//! wait.

use core::hint::cold_path;

use tracer_ebpf::abi::{
    closed::Closed,
    ring::{Ends, Entry, is_full, place},
};

use crate::{
    atomic::{Shared, field},
    maps::{self, config, lose},
};

/// The place for a record, ours alone until it is published.
pub(crate) struct Reserved {
    entry: Shared<Entry>,
    number: u64,
}

/// A place; `None`, which is counted as a loss, when the ring is full because the reader is behind, or when
/// other CPUs were faster each time.
#[inline(always)]
pub(crate) fn reserve() -> Option<Reserved> {
    let number = match take() {
        Take::Number(number) => number,
        Take::Full => {
            lose!(ring_full);
            return None;
        }
        Take::Raced => {
            cold_path();
            tcpreuse_place()
        }
    };
    if number == NONE {
        return None;
    }
    let place = place(number, config!(ring_mask));
    // SAFETY: the entries follow the ends, one more than the mask says.
    let entry = unsafe { Shared::new(maps::ring().as_ptr().add(1).cast::<Entry>().add(place)) };
    Some(Reserved { entry, number })
}

/// The result of trying to take a place.
enum Take {
    /// The number of the record.
    Number(u64),
    /// The ring is full.
    Full,
    /// Another CPU was faster.
    Raced,
}

#[inline(always)]
fn take() -> Take {
    let ends: Shared<Ends> = maps::ring();
    let reserved = field!(ends.reserved);
    let number = reserved.load();
    if is_full(number, field!(ends.read).load(), config!(ring_mask)) {
        Take::Full
    } else if config!(lose_races) == 0 && reserved.replace(number, number.wrapping_add(1)) {
        Take::Number(number)
    } else {
        Take::Raced
    }
}

/// The number of no record.
const NONE: u64 = u64::MAX;

/// How many times in a row other CPUs may take the place that a record was about to get.
const RACES: u32 = 8;

/// Tries again; [`NONE`] when there is no place, which is counted. A global function, which the verifier
/// checks once and not again on each of the paths that lead here.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_place() -> u64 {
    for _ in 0..RACES {
        match take() {
            Take::Number(number) => return number,
            Take::Full => {
                lose!(ring_full);
                return NONE;
            }
            Take::Raced => {}
        }
    }
    lose!(ring_raced);
    NONE
}

impl Reserved {
    /// Where the record is to be written.
    #[inline(always)]
    pub(crate) fn record(&self) -> Shared<Closed> {
        let entry = self.entry;
        field!(entry.closed)
    }

    /// Shows the record to the reader. All of it must be written.
    #[inline(always)]
    pub(crate) fn publish(self) {
        let entry = self.entry;
        field!(entry.whole).publish(self.number.wrapping_add(1));
    }
}
