//! Atomic updates of map values. BPF has the instructions, `core::sync::atomic` not the methods.

use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd, atomic_xchg};

use crate::maps::config;

/// Integers that BPF has atomic instructions for.
pub(crate) trait Word: Copy {
    fn negated(self) -> Self;
}

impl Word for u32 {
    #[inline(always)]
    fn negated(self) -> Self {
        self.wrapping_neg()
    }
}

impl Word for u64 {
    #[inline(always)]
    fn negated(self) -> Self {
        self.wrapping_neg()
    }
}

/// Adds and forgets the result: the one form that is a plain locked add.
#[inline(always)]
pub(crate) fn add<T: Word>(target: *mut T, value: T) {
    // SAFETY: every caller passes a pointer into a map value that it has tested for null.
    unsafe {
        atomic_xadd::<T, T, { AtomicOrdering::Relaxed }>(target, value);
    }
}

/// Subtracts and forgets the result.
#[inline(always)]
pub(crate) fn sub<T: Word>(target: *mut T, value: T) {
    add(target, value.negated());
}

/// Adds and gives the value before. AcqRel, because LLVM 22 returns the addend for Relaxed.
#[inline(always)]
pub(crate) fn fetch_add<T: Word>(target: *mut T, value: T) -> T {
    // SAFETY: as in `add`.
    unsafe { atomic_xadd::<T, T, { AtomicOrdering::AcqRel }>(target, value) }
}

/// Stores and gives the value before.
#[inline(always)]
pub(crate) fn swap<T: Word>(target: *mut T, value: T) -> T {
    // SAFETY: as in `add`.
    unsafe { atomic_xchg::<T, { AtomicOrdering::AcqRel }>(target, value) }
}

/// Stores what lets others go on: they find all that was done before. A plain store where the CPU keeps stores in
/// order, since an exchange waits until all lines that were written have come from memory.
#[inline(always)]
pub(crate) fn publish(target: *mut u64, value: u64) {
    // SAFETY: it does nothing; but what comes before it stays there.
    unsafe { core::arch::asm!("", options(nostack, preserves_flags)) };
    if config!(stores_in_order) != 0 {
        // SAFETY: as in `add`.
        unsafe { target.write_volatile(value) };
    } else {
        swap(target, value);
    }
}

/// Stores `new` if the value is `old`; tells whether it was.
#[inline(always)]
pub(crate) fn replace(target: *mut u64, old: u64, new: u64) -> bool {
    // SAFETY: as in `add`.
    let (_, done) = unsafe {
        atomic_cxchg::<u64, { AtomicOrdering::AcqRel }, { AtomicOrdering::Acquire }>(target, old, new)
    };
    done
}

macro_rules! raise {
    ($name:ident, $type:ty) => {
        /// Raises the target to at least `value`. A handful of tries: to lose them all, that many
        /// CPUs must have raised it in between, each to more than was there before.
        #[inline(always)]
        pub(crate) fn $name(target: *mut $type, value: $type) {
            // SAFETY: as in `add`.
            let mut seen = unsafe { target.read_volatile() };
            for _ in 0..4 {
                if seen >= value {
                    return;
                }
                // SAFETY: as in `add`.
                let (before, done) = unsafe {
                    atomic_cxchg::<$type, { AtomicOrdering::AcqRel }, { AtomicOrdering::Acquire }>(
                        target, seen, value,
                    )
                };
                if done {
                    return;
                }
                seen = before;
            }
        }
    };
}
raise!(raise32, u32);
raise!(raise64, u64);
