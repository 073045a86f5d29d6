//! The marks at one boundary, packed.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use hashbrown::HashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Live, Looks, Mark, layout};
use crate::model::{figure::Table, peer::Counters, sample::Moment};

/// Upper limit for plausible counts. The sum of many of them does not overflow.
const MAX_COUNT: u64 = 1 << 44;

/// A packed mark.
pub(super) type Packed = Box<[u8]>;

/// The peers that changed since the previous boundary.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Boundary {
    pub(super) at: Moment,
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub(super) marks: HashMap<u32, Packed>,
}

impl Boundary {
    /// A peer's mark, if the peer changed since the previous boundary.
    pub(super) fn mark(&self, slot: u32) -> Option<Mark> {
        postcard::from_bytes(self.marks.get(&slot)?).ok()
    }

    /// Adds the marks of an older boundary, for peers that have none here.
    pub(super) fn put_under(&mut self, mut older: Self) {
        if older.marks.len() > self.marks.len() {
            older.marks.extend(self.marks.drain());
            self.marks = older.marks;
        } else {
            for (slot, mark) in older.marks {
                self.marks.entry(slot).or_insert(mark);
            }
        }
    }

    /// Packs its marks as this version has them, that were of these figures. One that cannot be read becomes none that
    /// can be.
    pub(super) fn arrange(&mut self, figures: &[String]) {
        for packed in self.marks.values_mut() {
            *packed = match layout::read(packed, figures) {
                Ok(mark) => pack(&mark.counters, mark.live, mark.looks),
                Err(_) => Packed::default(),
            };
        }
    }

    /// Whether it can have come from a run.
    pub(super) fn is_possible(&self) -> bool {
        self.marks.values().all(|packed| {
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

/// Packs a mark.
pub(super) fn pack(counters: &Counters, live: Live, looks: Looks) -> Packed {
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
    .into_boxed_slice()
}

/// A list of slots with base64, ordered by slot.
fn write<S: Serializer>(marks: &HashMap<u32, Packed>, to: S) -> Result<S::Ok, S::Error> {
    let mut all: Vec<(u32, String)> = marks
        .iter()
        .map(|(slot, packed)| (*slot, STANDARD_NO_PAD.encode(packed)))
        .collect();
    all.sort_unstable_by_key(|(slot, _)| *slot);
    all.serialize(to)
}

fn read<'de, D: Deserializer<'de>>(from: D) -> Result<HashMap<u32, Packed>, D::Error> {
    let all = Vec::<(u32, String)>::deserialize(from)?;
    all.into_iter()
        .map(|(slot, text)| {
            let packed = STANDARD_NO_PAD.decode(text).map_err(D::Error::custom)?;
            Ok((slot, packed.into_boxed_slice()))
        })
        .collect()
}
