//! Marks as they stand in a file. A mark is numbers without names, in the order of the figures; so the names
//! stand once beside all marks, and a version that counts other figures finds those it knows.

use std::slice::Iter;

use postcard::de_flavors::Slice;
use serde::{
    Deserialize,
    de::{DeserializeSeed, IntoDeserializer, MapAccess, value::MapAccessDeserializer},
};

use super::{Live, Mark};
use crate::model::{figure::Table, peer::Counters};

/// The figures of marks in files that do not name them.
const UNNAMED: [&str; 21] = [
    "open_now",
    "open_peak",
    "seeded",
    "failed",
    "close_wait_entered",
    "close_wait_now",
    "close_wait_entered_mean_ns",
    "retransmits",
    "bytes_received",
    "bytes_sent",
    "closes",
    "opens_by_held",
    "lifetime",
    "idle",
    "gap",
    "close_wait",
    "turns",
    "unanswered",
    "late_reads",
    "late_read_max_ns",
    "owner",
];

/// Figures that are counted no more; each was a number that may not be there.
const RETIRED: [&str; 1] = ["close_wait_entered_mean_ns"];

/// The names of those that a file has, for a file of this version.
pub(super) fn names() -> Vec<String> {
    Counters::NAMES.iter().copied().map(str::to_owned).collect()
}

/// The names where a file does not say them.
pub(super) fn unnamed() -> Vec<String> {
    UNNAMED.map(str::to_owned).to_vec()
}

/// Reads a mark whose counters are of these figures.
pub(super) fn read(packed: &[u8], figures: &[String]) -> postcard::Result<Mark> {
    let mut from = postcard::Deserializer::from_bytes(packed);
    let counters = Named {
        figures: figures.iter(),
        from: &mut from,
    };
    let counters = Counters::deserialize(MapAccessDeserializer::new(counters))?;
    let live = Live::deserialize(&mut from)?;
    let rest = from.finalize()?;
    // Versions whose files do not name their figures did not look at new connections.
    let looks = postcard::from_bytes(rest).or_else(|_| postcard::from_bytes(&[rest, &[0, 0]].concat()))?;
    Ok(Mark {
        counters,
        live,
        looks,
    })
}

/// Values that follow one another, with their names from elsewhere.
struct Named<'a, 'de> {
    figures: Iter<'a, String>,
    from: &'a mut postcard::Deserializer<'de, Slice<'de>>,
}

impl<'de> MapAccess<'de> for Named<'_, 'de> {
    type Error = postcard::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> postcard::Result<Option<K::Value>> {
        for figure in self.figures.by_ref() {
            if RETIRED.contains(&figure.as_str()) {
                Option::<u64>::deserialize(&mut *self.from)?;
                continue;
            }
            return seed.deserialize(figure.as_str().into_deserializer()).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> postcard::Result<V::Value> {
        seed.deserialize(&mut *self.from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::model::window::{Window, tests::filled};

    /// As the version wrote it that still had the mean age in CLOSE_WAIT, of the window of [`filled`].
    const BEFORE: &str = "AgMBBAUBAU0GvAWgBgAMAAAAAQANgLSJE4C0iROAtIkTAQsBgIl6gIl6gIl6AQIBgJTr3AOAlOvcA4CU69wDARQB\
                          wI23AcCNtwHAjbcBAQMBBwcBBwEJCoDcmv0oAeckAAAAAAAAAQAAAA";

    #[test]
    fn marks_of_files_that_do_not_name_their_figures_are_read() {
        let mut file = serde_json::to_value(filled()).unwrap();
        let window = file.as_object_mut().unwrap();
        window.remove("figures");
        window["boundaries"][0]["marks"][0][1] = BEFORE.into();
        let read: Window = serde_json::from_value(file).unwrap();
        assert!(read.is_possible());
        assert_eq!(read.mark(0, 1), filled().mark(0, 1));
    }

    #[test]
    fn a_figure_that_is_not_there_is_none() {
        let mut file = serde_json::to_value(filled()).unwrap();
        let figures = file["figures"].as_array_mut().unwrap();
        assert_eq!(figures.pop(), Some(Value::from("owner")));
        file["boundaries"][0]["marks"] = Value::Array(Vec::new());
        assert!(serde_json::from_value::<Window>(file).unwrap().is_possible());
    }

    #[test]
    fn a_mark_with_a_figure_of_another_version_is_damage() {
        let mut file = serde_json::to_value(filled()).unwrap();
        file["figures"][0] = "unheard_of".into();
        let read: Window = serde_json::from_value(file).unwrap();
        assert!(!read.is_possible());
    }
}
