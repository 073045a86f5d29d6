//! A map's value mapped into this process's memory, so that reading takes no system call.

use std::{
    os::fd::AsFd,
    ptr,
    sync::atomic::{AtomicU32, AtomicU64},
};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::TraceError;

/// The first bytes of a map's only value, shared with the kernel.
#[derive(Debug)]
pub(super) struct Mapping {
    base: *mut u8,
    bytes: usize,
}

impl Mapping {
    /// Maps the first `bytes` bytes behind a file descriptor; `what` names it in the error.
    pub(super) fn new(
        fd: impl AsFd,
        bytes: usize,
        access: ProtFlags,
        what: &'static str,
    ) -> Result<Self, TraceError> {
        let bytes = bytes.next_multiple_of(rustix::param::page_size());
        // SAFETY: a fresh mapping at an address chosen by the kernel, which refuses a length beyond the
        // map's, so all of it is accessible.
        let base =
            unsafe { mmap(ptr::null_mut(), bytes, access, MapFlags::SHARED, fd, 0) }.map_err(|error| {
                TraceError::Read {
                    what,
                    reason: error.to_string(),
                }
            })?;
        Ok(Self {
            base: base.cast(),
            bytes,
        })
    }

    /// Its page-aligned start.
    pub(super) fn base(&self) -> *mut u8 {
        self.base
    }

    /// Copies `BYTES` bytes at offset `at`, both multiples of 8, word by word; `None` beyond the mapping. The
    /// programs keep writing meanwhile: a word is never torn, but two may be from different moments.
    pub(super) fn copy<const BYTES: usize>(&self, at: usize) -> Option<[u8; BYTES]> {
        const WORD: usize = size_of::<u64>();
        const { assert!(BYTES.is_multiple_of(WORD)) };
        if !at.is_multiple_of(WORD) || at.checked_add(BYTES)? > self.bytes {
            return None;
        }
        // SAFETY: the bounds were just checked.
        let first = unsafe { self.base.add(at) }.cast_const().cast::<u64>();
        let mut bytes = [0; BYTES];
        for (index, chunk) in bytes.chunks_exact_mut(WORD).enumerate() {
            // SAFETY: within the bounds checked. Volatile, because the kernel writes too.
            let word = unsafe { first.add(index).read_volatile() };
            chunk.copy_from_slice(&word.to_ne_bytes());
        }
        Some(bytes)
    }

    /// A number at offset `at` that the programs change too, in a mapping made for writing; `None` beyond it.
    pub(super) fn atomic_u32(&self, at: usize) -> Option<&AtomicU32> {
        let number = self.number::<u32>(at)?;
        // SAFETY: aligned and inside the mapping, which `self` keeps. The programs' accesses to what they
        // share are whole words, most of them atomic.
        Some(unsafe { AtomicU32::from_ptr(number) })
    }

    /// The same for 64 bits.
    pub(super) fn atomic_u64(&self, at: usize) -> Option<&AtomicU64> {
        let number = self.number::<u64>(at)?;
        // SAFETY: as above.
        Some(unsafe { AtomicU64::from_ptr(number) })
    }

    fn number<T>(&self, at: usize) -> Option<*mut T> {
        if !at.is_multiple_of(size_of::<T>()) || at.checked_add(size_of::<T>())? > self.bytes {
            return None;
        }
        // SAFETY: just tested.
        Some(unsafe { self.base.add(at) }.cast())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: our own mapping, to which no pointer remains. On failure it stays mapped.
        let _ = unsafe { munmap(self.base.cast(), self.bytes) };
    }
}

// SAFETY: the memory is valid until it is unmapped, in any thread.
unsafe impl Send for Mapping {}
