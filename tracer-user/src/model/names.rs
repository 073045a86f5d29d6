//! What the user calls peers: labels of networks.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::serial::bounded;
use crate::text::sanitise;

/// Maximum number of labelled networks.
pub const MAX_NAMES: usize = 4096;

/// Maximum length of a label, characters.
pub const MAX_LABEL: usize = 64;

/// A network and its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    network: IpNet,
    label: Arc<str>,
}

impl Name {
    /// Labels a network.
    ///
    /// # Errors
    /// If nothing of the label can be shown, or it is too long; in words.
    pub fn new(network: IpNet, label: &str) -> Result<Self, String> {
        let label = sanitise(label);
        let label = label.trim();
        match label.chars().count() {
            0 => Err("the label is empty".to_owned()),
            1..=MAX_LABEL => Ok(Self {
                network: network.trunc(),
                label: label.into(),
            }),
            _ => Err(format!("a label has at most {MAX_LABEL} characters")),
        }
    }
}

/// All labels. Copies share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// By network, each of them once.
    names: Arc<[Name]>,
    /// Which prefix lengths there are for IPv4 and IPv6, longest first.
    lengths: [Arc<[u8]>; 2],
}

impl Names {
    /// These labels. Of several for one network, the last one counts.
    ///
    /// # Errors
    /// If there are too many; in words.
    pub fn of(names: impl IntoIterator<Item = Name>) -> Result<Self, String> {
        let mut all: Vec<Name> = names.into_iter().collect();
        // A stable sort, so the last one of a network is the first when reversed.
        all.reverse();
        all.sort_by_key(|name| name.network);
        all.dedup_by_key(|name| name.network);
        if all.len() > MAX_NAMES {
            return Err(format!("at most {MAX_NAMES} networks can have a name"));
        }
        let lengths = [true, false].map(|is_v4| {
            let of_family = all.iter().filter(|name| name.network.addr().is_ipv4() == is_v4);
            let mut lengths: Vec<u8> = of_family.map(|name| name.network.prefix_len()).collect();
            lengths.sort_unstable_by(|a, b| b.cmp(a));
            lengths.dedup();
            lengths.into()
        });
        Ok(Self {
            names: all.into(),
            lengths,
        })
    }

    /// These labels, with others on top that replace those of the same networks.
    ///
    /// # Errors
    /// If there are too many; in words.
    pub fn with(&self, others: &[Name]) -> Result<Self, String> {
        match others {
            [] => Ok(self.clone()),
            others => Self::of(self.names.iter().chain(others).cloned()),
        }
    }

    /// The label of the smallest network that contains a peer.
    pub fn get(&self, peer: IpNet) -> Option<&Arc<str>> {
        let [v4, v6] = &self.lengths;
        let lengths = match peer.addr() {
            IpAddr::V4(_) => v4,
            IpAddr::V6(_) => v6,
        };
        lengths
            .iter()
            .filter(|length| **length <= peer.prefix_len())
            .find_map(|length| {
                let network = IpNet::new(peer.addr(), *length).ok()?.trunc();
                let place = self.names.binary_search_by_key(&network, |name| name.network);
                Some(&self.names.get(place.ok()?)?.label)
            })
    }

    /// Whether nothing has a label.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Each network and its label.
    pub fn iter(&self) -> impl Iterator<Item = (IpNet, &str)> {
        self.names.iter().map(|name| (name.network, &*name.label))
    }

    /// Each of them.
    pub fn all(&self) -> &[Name] {
        &self.names
    }
}

/// One label in a file.
#[derive(Serialize, Deserialize)]
struct Written {
    network: IpNet,
    label: String,
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(|(network, label)| Written {
            network,
            label: label.to_owned(),
        }))
    }
}

impl<'de> Deserialize<'de> for Names {
    /// What is no label by the rules of this version is left out.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let written: Vec<Written> = bounded::deserialize::<_, _, MAX_NAMES>(from)?;
        let names = written
            .into_iter()
            .filter_map(|one| Name::new(one.network, &one.label).ok());
        Self::of(names).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[(&str, &str)]) -> Names {
        let one = |(network, label): &(&str, &str)| Name::new(network.parse().unwrap(), label).unwrap();
        Names::of(all.iter().map(one)).unwrap()
    }

    fn label<'a>(names: &'a Names, peer: &str) -> Option<&'a str> {
        names.get(peer.parse().unwrap()).map(|label| &**label)
    }

    #[test]
    fn the_longest_prefix_wins() {
        let names = names(&[
            ("10.0.0.0/8", "office"),
            ("10.1.0.0/16", "shop"),
            ("10.1.2.3/32", "checkout"),
            ("2001:db8::/32", "v6"),
            ("2001:db8::7/128", "seven"),
        ]);
        for (peer, wanted) in [
            ("10.1.2.3/32", Some("checkout")),
            ("10.1.2.4/32", Some("shop")),
            ("10.2.0.1/32", Some("office")),
            ("11.0.0.1/32", None),
            ("10.1.2.0/24", Some("shop")),
            ("10.0.0.0/7", None),
            ("2001:db8::7/128", Some("seven")),
            ("2001:db8::/64", Some("v6")),
            ("::/0", None),
        ] {
            assert_eq!(label(&names, peer), wanted, "{peer}");
        }
        assert_eq!(label(&Names::default(), "10.1.2.3/32"), None);
    }

    #[test]
    fn everything_may_have_one_name() {
        let names = names(&[("0.0.0.0/0", "anybody"), ("::/0", "any")]);
        assert_eq!(label(&names, "192.0.2.7/32"), Some("anybody"));
        assert_eq!(label(&names, "2001:db8::1/128"), Some("any"));
    }

    #[test]
    fn a_later_name_replaces_an_earlier_one() {
        let base = names(&[("10.0.0.0/8", "old"), ("10.1.0.0/16", "stays")]);
        let new = base
            .with(&[Name::new("10.0.0.0/8".parse().unwrap(), "new").unwrap()])
            .unwrap();
        assert_eq!(label(&new, "10.9.9.9/32"), Some("new"));
        assert_eq!(label(&new, "10.1.9.9/32"), Some("stays"));
        assert_eq!(new.iter().count(), 2);
    }

    #[test]
    fn labels_are_harmless_and_bounded() {
        let network: IpNet = "10.0.0.0/8".parse().unwrap();
        let hostile = Name::new(network, " \u{1b}[31mred\u{202e}\n ").unwrap();
        assert_eq!(&*hostile.label, "[31mred");
        assert!(Name::new(network, "\u{200b}\u{7}").is_err());
        assert!(Name::new(network, &"x".repeat(MAX_LABEL)).is_ok());
        let said = Name::new(network, &"x".repeat(MAX_LABEL + 1)).unwrap_err();
        assert_eq!(said, "a label has at most 64 characters");
        let many = (0..=u32::try_from(MAX_NAMES).unwrap()).map(|n| {
            let network = IpNet::from(IpAddr::V4(n.into()));
            Name::new(network, "x").unwrap()
        });
        assert!(Names::of(many).is_err());
    }

    #[test]
    fn a_recording_keeps_them_and_is_not_trusted() {
        let written = names(&[("10.0.0.0/8", "office"), ("2001:db8::/32", "v6")]);
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<Names>(&text).unwrap(), written);
        let hostile =
            r#"[{"network":"10.9.9.9/8","label":"a\u001b[2Jb"},{"network":"::/0","label":"\u0007"}]"#;
        let read: Names = serde_json::from_str(hostile).unwrap();
        assert_eq!(label(&read, "10.1.1.1/32"), Some("a[2Jb"));
        assert_eq!(read.iter().count(), 1);
    }
}
