//! How the program asks for memory, how it fills much of it, and how it gives it back.

use std::{num::NonZero, thread};

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

/// What `make` makes of each value, in the same order. Many values are made by several threads, since most of
/// the time goes into touching new memory, which one thread does not do any faster on a host with many CPUs.
pub fn made_of<T: Sync, U: Send>(values: &[T], make: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let mut room = room_for(values.len());
    let places = room.spare_capacity_mut();
    in_parts(values, places, |value, place| {
        place.write(make(value));
    });
    // SAFETY: there is room for one of each value, and each of these places was written: had a thread
    // panicked, this one would have too.
    unsafe { room.set_len(values.len()) };
    room
}

/// Calls `change` with each value and the one at the same place in `others`, in several threads if there are
/// many.
pub fn in_parts<T: Sync, U: Send>(values: &[T], others: &mut [U], change: impl Fn(&T, &mut U) + Sync) {
    let all = |(values, others): (&[T], &mut [U])| {
        values
            .iter()
            .zip(others)
            .for_each(|(value, other)| change(value, other));
    };
    let threads = threads(values.len());
    if threads == 1 {
        return all((values, others));
    }
    let part = values.len().div_ceil(threads);
    thread::scope(|scope| {
        for both in values.chunks(part).zip(others.chunks_mut(part)) {
            scope.spawn(|| all(both));
        }
    });
}

/// Number of threads for so many values: few, since the host has other work to do.
fn threads(values: usize) -> usize {
    /// Values that are worth a thread of their own: some 20 ms of work.
    const ENOUGH: usize = 16_384;
    const MOST: usize = 4;
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    (values / ENOUGH).clamp(1, cpus.min(MOST))
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
    fn each_value_is_made_of_the_one_at_its_place() {
        for n in [0, 1, 1000, 200_001] {
            let values: Vec<usize> = (0..n).collect();
            let made = made_of(&values, |value| vec![value + 1]);
            assert_eq!(made.len(), n);
            assert!((1..).zip(&made).all(|(number, made)| *made == [number]));
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
