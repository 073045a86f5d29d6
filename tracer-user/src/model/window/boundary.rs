//! The marks at one boundary, packed.

use std::{borrow::Cow, fmt, ops::Range};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, SeqAccess, Visitor},
};

use super::{Live, Looks, Mark, layout};
use crate::model::{figure::Table, peer::Counters, sample::Moment};

/// Upper limit for plausible counts. The sum of many of them does not overflow.
const MAX_COUNT: u64 = 1 << 44;

/// Bytes before a packed mark, which are the number of its opens.
const OPENS: usize = size_of::<u32>();

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
    /// The marks in any order, each behind the number of its opens, and what is left of replaced ones.
    bytes: Vec<u8>,
    /// The slots in ascending order, each with its part of `bytes`.
    slots: Vec<(u32, Range<u32>)>,
    /// Whether some that were read cannot have come from a run.
    are_impossible: bool,
}

impl Boundary {
    /// A peer's mark, if the peer changed since the previous boundary.
    pub(super) fn mark(&self, slot: u32) -> Option<Mark> {
        self.marks.get(slot)?.unpacked()
    }

    /// What a peer held, if it changed since the previous boundary.
    pub(super) fn held(&self, slot: u32) -> Option<u64> {
        self.marks.get(slot)?.held()
    }

    /// All of them, by slot.
    pub(super) fn unpacked(&self) -> impl Iterator<Item = (u32, Mark)> {
        self.marks
            .iter()
            .filter_map(|(slot, packed)| Some((slot, unpack(packed)?)))
    }

    /// The lower 32 bits of the number of connections that the peer had opened, if it changed since the
    /// previous boundary. The mark need not be unpacked for them.
    pub(super) fn opens(&self, slot: u32) -> Option<u32> {
        Some(self.marks.get(slot)?.opens)
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

    /// Packs its marks as this version has them, that were of these figures. One that cannot be read becomes
    /// none that can be.
    pub(super) fn arrange(&mut self, figures: &[String]) {
        let mut are_impossible = false;
        let arranged = self.marks.iter().map(|(slot, packed)| {
            let mark = Packed::of(packed).and_then(|packed| layout::read(packed.mark, figures).ok());
            are_impossible |= !mark.as_ref().is_some_and(is_possible);
            let packed = mark.map(|mark| pack(&mark.counters, mark.live, mark.looks));
            (slot, packed.unwrap_or_default())
        });
        let marks: Marks = arranged.collect();
        self.marks = Marks {
            are_impossible,
            ..marks
        };
    }

    /// Whether it can have come from a run.
    pub(super) fn is_possible(&self) -> bool {
        !self.marks.are_impossible
    }
}

/// Whether a run can have come to such a mark.
fn is_possible(mark: &Mark) -> bool {
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
}

impl Marks {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    fn get(&self, slot: u32) -> Option<Packed<'_>> {
        let place = self.slots.binary_search_by_key(&slot, |(slot, _)| *slot).ok()?;
        Packed::of(self.part(&self.slots.get(place)?.1)?)
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

    /// The same by slot; of several for one slot, the first.
    fn in_order(mut self) -> Self {
        self.slots.sort_by_key(|(slot, _)| *slot);
        self.slots.dedup_by_key(|(slot, _)| *slot);
        self.bytes.shrink_to_fit();
        self.slots.shrink_to_fit();
        self
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
        marks.in_order()
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

/// A mark as it lies in memory.
#[derive(Clone, Copy)]
struct Packed<'a> {
    /// The lower 32 bits of the number of connections opened.
    opens: u32,
    /// The mark as it stands in a file.
    mark: &'a [u8],
}

impl<'a> Packed<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (opens, mark) = bytes.split_first_chunk()?;
        Some(Self {
            opens: u32::from_le_bytes(*opens),
            mark,
        })
    }

    fn unpacked(self) -> Option<Mark> {
        postcard::from_bytes(self.mark).ok()
    }

    fn held(self) -> Option<u64> {
        /// The first figures, up to the last one that says what is held.
        #[derive(Deserialize)]
        struct First {
            open_now: u64,
            _others: [u64; 4],
            close_wait_now: u64,
        }
        let (first, _) = postcard::take_from_bytes::<First>(self.mark).ok()?;
        Some(first.open_now.saturating_sub(first.close_wait_now))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower 32 bits")]
pub(super) fn low(opens: u64) -> u32 {
    opens as u32
}

/// Unpacks what [`pack`] made.
pub(super) fn unpack(packed: &[u8]) -> Option<Mark> {
    Packed::of(packed)?.unpacked()
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
    let mark = Borrowed {
        counters,
        live,
        looks,
    };
    // Serialising plain numbers into memory cannot fail. An empty mark would unpack to none.
    postcard::to_extend(&mark, low(counters.opens()).to_le_bytes().to_vec()).unwrap_or_default()
}

/// A list of slots with base64, ordered by slot.
impl Serialize for Marks {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let marks = self
            .iter()
            .filter_map(|(slot, packed)| Some((slot, Packed::of(packed)?.mark)));
        to.collect_seq(marks.map(|(slot, mark)| (slot, STANDARD_NO_PAD.encode(mark))))
    }
}

impl<'de> Deserialize<'de> for Marks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Marks;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of slots and marks")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Marks, A::Error> {
                let (mut marks, mut packed) = (Marks::default(), Vec::new());
                while let Some((slot, text)) = list.next_element::<(u32, Text<'de>)>()? {
                    packed.clear();
                    packed.extend_from_slice(&[0; OPENS]);
                    STANDARD_NO_PAD
                        .decode_vec(text.0.as_bytes(), &mut packed)
                        .map_err(A::Error::custom)?;
                    let mark = packed
                        .get(OPENS..)
                        .and_then(|mark| postcard::from_bytes(mark).ok());
                    marks.are_impossible |= !mark.as_ref().is_some_and(is_possible);
                    // One of another version is packed anew as soon as it is arranged.
                    let opens = mark.map_or(0, |mark: Mark| mark.counters.opens());
                    if let Some(first) = packed.first_chunk_mut() {
                        *first = low(opens).to_le_bytes();
                    }
                    let place = store(&mut marks.bytes, &packed);
                    marks.slots.push((slot, place));
                }
                Ok(marks.in_order())
            }
        }
        from.deserialize_seq(All)
    }
}

/// Text that is not copied where it need not be.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
