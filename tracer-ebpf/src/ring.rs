//! Room in the ring of records ([`tracer_ebpf::abi::ring`]).
//!
//! A ring of our own, since what the kernel's costs is a tenth of all that the programs take: its lock, and the
//! exchange that publishes a record, which waits until the record's cold lines have come from memory. A plain
//! store does not wait.

use core::ptr::NonNull;

use tracer_ebpf::abi::{
    closed::Closed,
    ring::{Ends, Entry, is_full, place},
};

use crate::{atomic, maps, maps::config};

/// So often in a row other CPUs may take the place that a record was about to get.
const RACES: u32 = 8;

/// The place for a record, nobody else's until it is published.
pub(crate) struct Reserved {
    entry: NonNull<Entry>,
    number: u64,
}

/// A place; `None` when the reader is that far behind.
#[inline(always)]
pub(crate) fn reserve() -> Option<Reserved> {
    let ends: *mut Ends = maps::ring();
    for _ in 0..RACES {
        // SAFETY: the table begins with them. Volatile, since other CPUs and the reader write them.
        let (number, read) = unsafe {
            (
                (&raw const (*ends).reserved).read_volatile(),
                (&raw const (*ends).read).read_volatile(),
            )
        };
        if is_full(number, read, config!(ring_mask)) {
            return None;
        }
        // SAFETY: as above.
        if atomic::replace(unsafe { &raw mut (*ends).reserved }, number, number.wrapping_add(1)) {
            // SAFETY: the entries follow, one more than the mask says.
            let entry = unsafe {
                ends.add(1)
                    .cast::<Entry>()
                    .add(place(number, config!(ring_mask)))
            };
            return NonNull::new(entry).map(|entry| Reserved { entry, number });
        }
    }
    None
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
        let number = self.number.wrapping_add(1);
        // SAFETY: it does nothing; but what comes before it stays there.
        unsafe { core::arch::asm!("", options(nostack, preserves_flags)) };
        if config!(stores_in_order) != 0 {
            // SAFETY: as above.
            unsafe { whole.write_volatile(number) };
        } else {
            atomic::swap(whole, number);
        }
    }
}
