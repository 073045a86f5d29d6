//! The marks at one boundary, packed.

use std::ops::Range;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Live, Looks, Mark, layout};
use crate::model::{figure::Table, peer::Counters, sample::Moment};

/// Upper limit for plausible counts. The sum of many of them does not overflow.
const MAX_COUNT: u64 = 1 << 44;

/// The block of marks is made anew once replaced ones take this part of what the others take.
const REPLACED_SHARE: usize = 4;

/// The peers that changed since the previous boundary.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Boundary {
    pub(super) at: Moment,
    pub(super) marks: Marks,
}

/// Packed marks by slot, all in one block of memory: there are tens of thousands, of some 100 bytes each.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// The marks in any order, and what is left of replaced ones.
    bytes: Vec<u8>,
    /// The slots in ascending order, each with its part of `bytes`.
    slots: Vec<(u32, Range<u32>)>,
}

impl Boundary {
    /// A peer's mark, if the peer changed since the previous boundary.
    pub(super) fn mark(&self, slot: u32) -> Option<Mark> {
        postcard::from_bytes(self.marks.get(slot)?).ok()
    }

    /// Adds the marks of an older boundary, for peers that have none here.
    pub(super) fn put_under(&mut self, mut older: Self) {
        // The fewer ones are moved.
        if older.marks.len() > self.marks.len() {
            older.marks.add(&self.marks, true);
            self.marks = older.marks;
        } else {
            self.marks.add(&older.marks, false);
        }
    }

    /// Packs its marks as this version has them, that were of these figures. One that cannot be read becomes none that
    /// can be.
    pub(super) fn arrange(&mut self, figures: &[String]) {
        let arranged = self.marks.iter().map(|(slot, packed)| {
            let packed = match layout::read(packed, figures) {
                Ok(mark) => pack(&mark.counters, mark.live, mark.looks),
                Err(_) => Vec::new(),
            };
            (slot, packed)
        });
        self.marks = arranged.collect();
    }

    /// Whether it can have come from a run.
    pub(super) fn is_possible(&self) -> bool {
        self.marks.iter().all(|(_, packed)| {
            postcard::from_bytes::<Mark>(packed).is_ok_and(|mark| {
                let live = mark.live;
                let numbers = [
                    live.established,
                    live.busy,
                    live.turns,
                    live.received >> 8,
                    live.sent >> 8,
                    mark.looks.established,
                    mark.looks.looks,
                ];
                mark.counters.are_possible() && numbers.into_iter().all(|n| n <= MAX_COUNT)
            })
        })
    }
}

impl Marks {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    fn get(&self, slot: u32) -> Option<&[u8]> {
        let place = self.slots.binary_search_by_key(&slot, |(slot, _)| *slot).ok()?;
        self.part(&self.slots.get(place)?.1)
    }

    /// Adds those of `other`, which replace those of the same slots if `other` is newer.
    fn add(&mut self, other: &Self, is_newer: bool) {
        let mut new = Vec::new();
        for (slot, packed) in other.iter() {
            let place = self.slots.binary_search_by_key(&slot, |(slot, _)| *slot).ok();
            match place.and_then(|place| self.slots.get_mut(place)) {
                Some(_) if !is_newer => {}
                Some((_, place)) => *place = store(&mut self.bytes, packed),
                None => new.push((slot, store(&mut self.bytes, packed))),
            }
        }
        self.slots.extend(new);
        // A stable sort merges two sorted lists in linear time.
        self.slots.sort_by_key(|(slot, _)| *slot);
        let used: usize = self.slots.iter().map(|(_, place)| place.len()).sum();
        if self.bytes.len() > used + used / REPLACED_SHARE {
            *self = self.iter().collect();
        }
    }

    /// Drops those of these slots, which are in ascending order.
    pub(super) fn forget(&mut self, slots: &[u32]) {
        let before = self.slots.len();
        self.slots.retain(|(slot, _)| slots.binary_search(slot).is_err());
        if self.slots.len() < before {
            *self = self.iter().collect();
        }
    }

    /// The room they take, and the bytes of all marks, with an entry of the list for each.
    #[cfg(test)]
    pub(super) fn room(&self) -> (usize, usize) {
        let entry = size_of::<(u32, Range<u32>)>();
        let bytes: usize = self.iter().map(|(_, packed)| packed.len() + entry).sum();
        (self.bytes.capacity() + self.slots.capacity() * entry, bytes)
    }

    fn part(&self, place: &Range<u32>) -> Option<&[u8]> {
        self.bytes.get(place.start as usize..place.end as usize)
    }

    /// All of them, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let part = |(slot, place): &(u32, Range<u32>)| Some((*slot, self.part(place)?));
        self.slots.iter().filter_map(part)
    }
}

impl<Packed: AsRef<[u8]>> FromIterator<(u32, Packed)> for Marks {
    /// In any order; of several for one slot, the first.
    fn from_iter<All: IntoIterator<Item = (u32, Packed)>>(all: All) -> Self {
        let mut marks = Self::default();
        for (slot, packed) in all {
            let place = store(&mut marks.bytes, packed.as_ref());
            marks.slots.push((slot, place));
        }
        marks.slots.sort_by_key(|(slot, _)| *slot);
        marks.slots.dedup_by_key(|(slot, _)| *slot);
        marks.bytes.shrink_to_fit();
        marks.slots.shrink_to_fit();
        marks
    }
}

/// Appends a mark, and returns its part of the bytes. Beyond 4 GiB that is empty, so that it unpacks to none.
fn store(bytes: &mut Vec<u8>, packed: &[u8]) -> Range<u32> {
    let (begin, end) = (bytes.len(), bytes.len() + packed.len());
    let (Ok(begin), Ok(end)) = (u32::try_from(begin), u32::try_from(end)) else {
        return 0..0;
    };
    bytes.extend_from_slice(packed);
    begin..end
}

/// Packs a mark.
pub(super) fn pack(counters: &Counters, live: Live, looks: Looks) -> Vec<u8> {
    /// Borrowed form of [`Mark`].
    #[derive(Serialize)]
    struct Borrowed<'a> {
        counters: &'a Counters,
        live: Live,
        looks: Looks,
    }
    // Serialising plain numbers into memory cannot fail. An empty mark would unpack to none.
    postcard::to_allocvec(&Borrowed {
        counters,
        live,
        looks,
    })
    .unwrap_or_default()
}

/// A list of slots with base64, ordered by slot.
impl Serialize for Marks {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(
            self.iter()
                .map(|(slot, packed)| (slot, STANDARD_NO_PAD.encode(packed))),
        )
    }
}

impl<'de> Deserialize<'de> for Marks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let all = Vec::<(u32, String)>::deserialize(from)?;
        let unpacked = all.into_iter().map(|(slot, text)| {
            let packed = STANDARD_NO_PAD.decode(text).map_err(D::Error::custom)?;
            Ok((slot, packed))
        });
        unpacked.collect()
    }
}
