//! How the model is written to a file: long arrays that are mostly zero, and maps with keys that
//! are no text.

/// An array as a list of places and numbers, zeros left out.
pub(super) mod sparse {
    use std::fmt;

    use serde::{
        Deserializer, Serialize, Serializer,
        de::{Error, SeqAccess, Visitor},
    };

    pub(in crate::model) fn serialize<S: Serializer, const N: usize>(
        array: &[u32; N],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let filled: Vec<(usize, u32)> = array
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, n)| *n > 0)
            .collect();
        filled.serialize(to)
    }

    pub(in crate::model) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        from: D,
    ) -> Result<Option<[u32; N]>, D::Error> {
        struct Places<const N: usize>;
        impl<'de, const N: usize> Visitor<'de> for Places<N> {
            type Value = Option<[u32; N]>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of places below {N} and numbers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                // Most lists are empty.
                let Some(mut next) = list.next_element::<(usize, u32)>()? else {
                    return Ok(None);
                };
                let mut array = [0; N];
                loop {
                    let (place, number) = next;
                    let slot = array.get_mut(place);
                    *slot.ok_or_else(|| A::Error::custom(format!("there is no place {place} of {N}")))? =
                        number;
                    match list.next_element()? {
                        Some(another) => next = another,
                        None => return Ok(Some(array)),
                    }
                }
            }
        }
        from.deserialize_seq(Places)
    }
}

/// A value that several share. Each gets its own when it is read.
pub(crate) mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer, T: Serialize>(
        value: &Option<Arc<T>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_deref().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        from: D,
    ) -> Result<Option<Arc<T>>, D::Error> {
        Ok(Option::deserialize(from)?.map(Arc::new))
    }
}

/// A list that is no longer than any that can be: a file may claim otherwise.
pub(crate) mod bounded {
    use std::{fmt, marker::PhantomData};

    use serde::{
        Deserialize, Deserializer,
        de::{Error, SeqAccess, Visitor},
    };

    pub(crate) fn deserialize<'de, D, T, const MAX: usize>(from: D) -> Result<Vec<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de>,
    {
        struct Items<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Items<T, MAX> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    if items.len() >= MAX {
                        return Err(A::Error::custom(format!("there are more than {MAX}")));
                    }
                    items.push(item);
                }
                Ok(items)
            }
        }
        from.deserialize_seq(Items::<T, MAX>(PhantomData))
    }
}

/// A map as a list of keys and values, in the order of the keys.
pub(crate) mod pairs {
    use std::hash::Hash;

    use hashbrown::HashMap;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer, K: Serialize + Ord, V: Serialize>(
        map: &HashMap<K, V>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut pairs: Vec<(&K, &V)> = map.iter().collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        pairs.serialize(to)
    }

    pub(crate) fn deserialize<'de, D, K, V>(from: D) -> Result<HashMap<K, V>, D::Error>
    where
        D: Deserializer<'de>,
        K: Deserialize<'de> + Eq + Hash,
        V: Deserialize<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(from)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{durations::Durations, peer::Counters};

    #[test]
    fn counters_survive_the_way_there_and_back() {
        let mut counters = Counters {
            owner: Some(7),
            ..Counters::default()
        };
        counters.opens_by_held.add(3, 9);
        counters.lifetime.note(5_000_000_000);
        counters.turns.note(300);
        let text = serde_json::to_string(&counters).unwrap();
        assert_eq!(serde_json::from_str::<Counters>(&text).unwrap(), counters);
        assert!(text.contains("[[3,9]]"), "{text}");
    }

    #[test]
    fn a_list_that_is_too_long_is_an_error() {
        #[derive(Debug, serde::Deserialize)]
        struct Few(#[serde(deserialize_with = "super::bounded::deserialize::<_, _, 3>")] Vec<u8>);
        assert_eq!(serde_json::from_str::<Few>("[1,2,3]").unwrap().0, [1, 2, 3]);
        let error = serde_json::from_str::<Few>("[1,2,3,4]").unwrap_err();
        assert!(error.to_string().contains("more than 3"), "{error}");
    }

    #[test]
    fn a_place_that_is_not_there_is_an_error() {
        let error = serde_json::from_str::<Durations>(r#"{"buckets":[[99,1]]}"#).unwrap_err();
        assert!(error.to_string().contains("no place 99"), "{error}");
    }
}
