//! Room in the ring of records ([`tracer_ebpf::abi::ring`]).
//!
//! A ring of our own, since what the kernel's costs is a tenth of all that the programs take: its lock, and the
//! exchange that publishes a record, which waits until the record's cold lines have come from memory. A plain
//! store does not wait.

use core::{hint::cold_path, ptr::NonNull};

use tracer_ebpf::abi::{
    closed::Closed,
    ring::{Ends, Entry, is_full, place},
};

use crate::{atomic, maps, maps::config};

/// The place for a record, nobody else's until it is published.
pub(crate) struct Reserved {
    entry: NonNull<Entry>,
    number: u64,
}

/// A place; `None` when the reader is that far behind.
#[inline(always)]
pub(crate) fn reserve() -> Option<Reserved> {
    let number = match take() {
        Take::Number(number) => number,
        Take::Full => {
            cold_path();
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
    let entry = unsafe { maps::ring().add(1).cast::<Entry>().add(place) };
    NonNull::new(entry).map(|entry| Reserved { entry, number })
}

/// What came of trying to take a place.
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
    let ends: *mut Ends = maps::ring();
    // SAFETY: the table begins with them.
    let (reserved, read) = unsafe { (&raw mut (*ends).reserved, &raw const (*ends).read) };
    // SAFETY: as above. Volatile, since other CPUs and the reader write them.
    let (number, read) = unsafe { (reserved.read_volatile(), read.read_volatile()) };
    if is_full(number, read, config!(ring_mask)) {
        Take::Full
    } else if atomic::replace(reserved, number, number.wrapping_add(1)) {
        Take::Number(number)
    } else {
        Take::Raced
    }
}

/// The number of no record.
const NONE: u64 = u64::MAX;

/// So often in a row other CPUs may take the place that a record was about to get.
const RACES: u32 = 8;

/// Tries again; [`NONE`] when there is no room. A global function in the verifier's sense: it is verified once, and
/// not again on each of the paths that lead here.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_place() -> u64 {
    for _ in 0..RACES {
        match take() {
            Take::Number(number) => return number,
            Take::Full => return NONE,
            Take::Raced => {}
        }
    }
    NONE
}

impl Reserved {
    /// Where the record is to be written.
    #[inline(always)]
    pub(crate) fn record(&self) -> *mut Closed {
        // SAFETY: an entry of the table.
        unsafe { &raw mut (*self.entry.as_ptr()).closed }
    }

    /// Lets the reader have it. All of it is written.
    #[inline(always)]
    pub(crate) fn publish(self) {
        // SAFETY: as above.
        let whole = unsafe { &raw mut (*self.entry.as_ptr()).whole };
        atomic::publish(whole, self.number.wrapping_add(1));
    }
}
