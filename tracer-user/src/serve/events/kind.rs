//! The kinds of events: what each is called, and by which ID the journal finds it.

macro_rules! kinds {
    ($(#[doc = $text:literal] $kind:ident $name:literal $id:literal,)*) => {
        /// What an event is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = $text] $kind,)*
        }

        impl Kind {
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its name in JSON.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// Its `MESSAGE_ID` in the journal, 128 bits as hexadecimal digits.
            pub(super) fn message_id(self) -> &'static str {
                match self {
                    $(Self::$kind => $id,)*
                }
            }
        }
    };
}

kinds! {
    /// A surge began.
    SurgeBegan "surge-began" "5256b857a2d145ff8a1b5201d288e8d7",
    /// A surge is over.
    SurgeEnded "surge-ended" "c06048d91aa349b583cbc55199825390",
    /// A peer is accused, or holds many connections.
    Verdict "verdict" "ecf7b9a7da5e4613b313a36446b18f89",
    /// A peer got any other verdict.
    Recovered "recovered" "fcd0eead68904256b2ebea12c4639dc9",
    /// No worker is left, or some are free again.
    Capacity "capacity" "6d4ffe2c10754d408b151017fcc99e8e",
    /// Something begins to be missing from the counts or the events.
    Loss "loss" "25e83347fc31439da5ca1f0ad98cb5f0",
    /// Evidence is complete, or was removed for newer evidence.
    EvidenceKept "evidence-kept" "3e16746183674c41b897f5b671b26aef",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Searches and rules of others rest on them.
    #[test]
    fn names_and_ids_stay_what_they_are() {
        let all: Vec<_> = Kind::ALL
            .iter()
            .map(|kind| (kind.name(), kind.message_id()))
            .collect();
        let promised = [
            ("surge-began", "5256b857a2d145ff8a1b5201d288e8d7"),
            ("surge-ended", "c06048d91aa349b583cbc55199825390"),
            ("verdict", "ecf7b9a7da5e4613b313a36446b18f89"),
            ("recovered", "fcd0eead68904256b2ebea12c4639dc9"),
            ("capacity", "6d4ffe2c10754d408b151017fcc99e8e"),
            ("loss", "25e83347fc31439da5ca1f0ad98cb5f0"),
            ("evidence-kept", "3e16746183674c41b897f5b671b26aef"),
        ];
        assert_eq!(all, promised);
    }

    #[test]
    fn each_kind_has_an_id_of_its_own_which_is_documented() {
        let page = include_str!("../../../../docs/src/serve.md");
        let mut ids = BTreeSet::new();
        for kind in Kind::ALL {
            let (name, id) = (kind.name(), kind.message_id());
            assert_eq!(id.len(), 32, "{name}");
            assert!(
                id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')),
                "{name}"
            );
            assert!(ids.insert(id), "{name} has the ID of another kind");
            let row = format!("| `{name}` | `{id}` |");
            assert!(page.contains(&row), "the documentation lacks {row}");
        }
    }
}
