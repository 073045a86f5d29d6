//! How the program asks for memory, and how it gives it back.

use rustix::mm::{Advice, madvise};

/// Bytes from which on a vector is worth huge pages: with fewer, little time goes into page faults, and
/// finding a huge page takes some itself.
const HUGE_FROM: usize = 16 << 20;

/// Has large blocks, such as a sample, go back to the system when they are free. glibc would rather
/// keep the room of the largest one there ever was: with 10,000 peers some 30 MB. Before any thread runs.
#[cfg(target_env = "gnu")]
pub fn configure() {
    /// Bytes from which on a block is large.
    const LARGE: libc::c_int = 256 << 10;
    // SAFETY: these only set numbers, and no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, LARGE);
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Others do so by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn configure() {}

/// So many threads are about to take and give back much memory beside this one. Each gets its own room, and
/// keeps it: what one host's recording took is there for the next one's.
#[cfg(target_env = "gnu")]
pub fn use_by(threads: usize) {
    /// Bytes that stay when they are free, of each.
    const KEPT: libc::c_int = 128 << 20;
    /// Larger blocks go back at once.
    const LARGE: libc::c_int = 32 << 20;
    let rooms = libc::c_int::try_from(threads + 1).unwrap_or(1);
    // SAFETY: these only set numbers, under a lock of their own.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, rooms);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
    }
}

/// Others do so by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn use_by(_threads: usize) {}

/// Gives back to the system what small blocks have left free. glibc does so only at the end of its room,
/// which any block that is still in use may be; after the kernel's types were read that leaves some 15 MB.
#[cfg(target_env = "gnu")]
pub fn trim() {
    // SAFETY: no block in use is touched.
    unsafe { libc::malloc_trim(0) };
}

/// Others do so by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn trim() {}

/// An empty vector with room for `n`, all of which is about to be used. A large one is asked for in huge
/// pages: to touch 70 MB the first time takes as long as to fill it otherwise.
pub fn room_for<T>(n: usize) -> Vec<T> {
    let mut room: Vec<T> = Vec::with_capacity(n);
    let bytes = room.spare_capacity_mut();
    let length = size_of_val(bytes);
    if length >= HUGE_FROM {
        let page = rustix::param::page_size();
        let start = bytes.as_mut_ptr().cast::<u8>();
        let before = start.align_offset(page);
        let inside = length.saturating_sub(before) / page * page;
        // SAFETY: whole pages of this vector's own block, whose contents the advice does not change.
        // Without huge pages it is in vain.
        let _ = unsafe { madvise(start.add(before).cast(), inside, Advice::LinuxHugepage) };
    }
    room
}

/// The values from the last to the first. Their room is given back meanwhile, so that what is made of them
/// takes its place rather than being added to it.
pub fn from_the_end<T>(mut values: Vec<T>) -> impl Iterator<Item = T> {
    /// Number of values after which room is given back.
    const STEP: usize = 1024;
    std::iter::from_fn(move || {
        if values.len().is_multiple_of(STEP) {
            values.shrink_to_fit();
        }
        values.pop()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_few_and_many() {
        for n in [0, 1, 1000, 3 << 20] {
            let mut room = room_for::<u64>(n);
            assert!(room.is_empty() && room.capacity() >= n);
            room.extend(0..n as u64);
            assert_eq!(room.last().copied(), (n as u64).checked_sub(1));
        }
    }

    #[test]
    fn values_come_from_the_end_and_none_is_missing() {
        for n in [0, 1, 1023, 1024, 5000] {
            let all: Vec<usize> = from_the_end((0..n).collect()).collect();
            assert_eq!(all, (0..n).rev().collect::<Vec<usize>>());
        }
    }
}
