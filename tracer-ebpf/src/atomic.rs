//! Values that all CPUs change at the same time. BPF has the atomic instructions, `core::sync::atomic` lacks
//! the methods.

use core::{
    intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd, atomic_xchg},
    ptr::NonNull,
};

use crate::maps::{config, opaque};

/// Something in the value of a map, shared with other CPUs and with user space. Its maker proves that
/// the pointer is good; then every access through it is sound.
pub(crate) struct Shared<T>(NonNull<T>);

impl<T> Clone for Shared<T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

/// Integers that BPF has atomic instructions for.
pub(crate) trait Word: Copy {
    fn negated(self) -> Self;
    /// As `<`, which takes references in generic code: loops with it become longer.
    fn is_below(self, other: Self) -> bool;
}

macro_rules! word {
    ($type:ty) => {
        impl Word for $type {
            #[inline(always)]
            fn negated(self) -> Self {
                self.wrapping_neg()
            }

            #[inline(always)]
            fn is_below(self, other: Self) -> bool {
                self < other
            }
        }
    };
}
word!(u32);
word!(u64);

impl<T> Shared<T> {
    /// # Safety
    /// The pointer lies in the value of a map, is aligned, and a `T` of plain integers is there. It is not
    /// null.
    #[inline(always)]
    pub(crate) unsafe fn new(pointer: *mut T) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { NonNull::new_unchecked(pointer) })
    }

    #[inline(always)]
    pub(crate) fn as_ptr(self) -> *mut T {
        self.0.as_ptr()
    }

    /// The first word of something larger, which is enough to touch its cache line.
    #[inline(always)]
    pub(crate) fn first_word(self) -> Shared<u32> {
        const { assert!(size_of::<T>() >= size_of::<u32>() && align_of::<T>() >= align_of::<u32>()) };
        Shared(self.0.cast())
    }

    /// A plain write of something that nobody else sees yet; the compiler may combine it with its neighbours.
    #[inline(always)]
    pub(crate) fn fill(self, value: T) {
        // SAFETY: see `new`.
        unsafe { self.as_ptr().write(value) };
    }
}

impl<T: Copy> Shared<T> {
    /// What is there now. Of more than a word, parts may be older than others.
    #[inline(always)]
    pub(crate) fn load(self) -> T {
        // SAFETY: see `new`. Volatile, since others write it meanwhile.
        unsafe { self.as_ptr().read_volatile() }
    }

    /// A plain store: the last CPU to write wins.
    #[inline(always)]
    pub(crate) fn store(self, value: T) {
        // SAFETY: see `new`. Volatile, since others read it meanwhile.
        unsafe { self.as_ptr().write_volatile(value) };
    }
}

impl<T, const N: usize> Shared<[T; N]> {
    /// The element at an index that is known when this is compiled.
    #[inline(always)]
    pub(crate) fn nth<const INDEX: usize>(self) -> Shared<T> {
        const { assert!(INDEX < N) };
        // SAFETY: just asserted.
        unsafe { Shared::new(self.as_ptr().cast::<T>().add(INDEX)) }
    }

    /// The element at an index; `None` beyond the end.
    #[inline(always)]
    pub(crate) fn at(self, index: u32) -> Option<Shared<T>> {
        let index = opaque(u64::from(index)) as usize;
        if index < N {
            // SAFETY: just tested.
            Some(unsafe { Shared::new(self.as_ptr().cast::<T>().add(index)) })
        } else {
            None
        }
    }
}

impl<T: Word> Shared<T> {
    /// Adds and forgets the result: the one form that is a plain locked add.
    #[inline(always)]
    pub(crate) fn add(self, value: T) {
        // SAFETY: see `new`.
        unsafe {
            atomic_xadd::<T, T, { AtomicOrdering::Relaxed }>(self.as_ptr(), value);
        }
    }

    /// Subtracts and forgets the result.
    #[inline(always)]
    pub(crate) fn sub(self, value: T) {
        self.add(value.negated());
    }

    /// Adds and gives the value before. AcqRel, because LLVM 22 returns the addend for Relaxed.
    #[inline(always)]
    pub(crate) fn fetch_add(self, value: T) -> T {
        // SAFETY: see `new`.
        unsafe { atomic_xadd::<T, T, { AtomicOrdering::AcqRel }>(self.as_ptr(), value) }
    }

    /// Stores and gives the value before.
    #[inline(always)]
    pub(crate) fn swap(self, value: T) -> T {
        // SAFETY: see `new`.
        unsafe { atomic_xchg::<T, { AtomicOrdering::AcqRel }>(self.as_ptr(), value) }
    }

    /// Stores `new` if the value is `old`; gives the value before and whether it was.
    #[inline(always)]
    fn exchange(self, old: T, new: T) -> (T, bool) {
        // SAFETY: see `new`.
        unsafe {
            atomic_cxchg::<T, { AtomicOrdering::AcqRel }, { AtomicOrdering::Acquire }>(
                self.as_ptr(),
                old,
                new,
            )
        }
    }

    /// Stores `new` if the value is `old`; tells whether it was.
    #[inline(always)]
    pub(crate) fn replace(self, old: T, new: T) -> bool {
        self.exchange(old, new).1
    }

    /// Raises the value to at least `value`. Gives up after four tries: to lose them all, four other CPUs
    /// must have raised it in between, each to more than was there before.
    #[inline(always)]
    pub(crate) fn raise(self, value: T) {
        let mut seen = self.load();
        for _ in 0..4 {
            if !seen.is_below(value) {
                return;
            }
            let (before, done) = self.exchange(seen, value);
            if done {
                return;
            }
            seen = before;
        }
    }
}

impl Shared<u64> {
    /// A release store: other CPUs that see the value also see all that was written before it. A plain store
    /// where the CPU keeps stores in order, since an exchange waits for every cache line that was written.
    #[inline(always)]
    pub(crate) fn publish(self, value: u64) {
        // SAFETY: no instruction. A compiler barrier: earlier stores stay before it.
        unsafe { core::arch::asm!("", options(nostack, preserves_flags)) };
        if config!(stores_in_order) != 0 {
            self.store(value);
        } else {
            self.swap(value);
        }
    }
}

/// A field of something [`Shared`]: `field!(stats.open_now)`.
macro_rules! field {
    ($shared:ident.$($field:ident).+) => {
        // SAFETY: a field lies within its struct.
        unsafe { $crate::atomic::Shared::new(&raw mut (*$shared.as_ptr()).$($field).+) }
    };
}
pub(crate) use field;

/// Adds one to a bucket.
#[inline(always)]
pub(crate) fn bump<const N: usize>(buckets: Shared<[u32; N]>, index: u32) {
    if let Some(bucket) = buckets.at(index) {
        bucket.add(1);
    }
}
