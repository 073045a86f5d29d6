//! Network interfaces, which tell peers with the same address apart.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    num::{NonZeroU32, ParseIntError},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use super::owner::Comm;

/// The interface that a socket is bound to: a VRF, the link of a link-local address, or one that a program
/// chose. Within a namespace its index identifies it; the name is for display alone, and does not count when
/// two are compared.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(from = "NonZeroU32", into = "NonZeroU32")]
pub struct Interface {
    index: NonZeroU32,
    /// At most as long as the name of a process.
    name: Option<Comm>,
}

impl Interface {
    /// The interface with this index, as the kernel numbers them; `None` for 0, which is none.
    pub fn of(index: u32) -> Option<Self> {
        NonZeroU32::new(index).map(Self::from)
    }

    /// Its index.
    pub fn index(self) -> u32 {
        self.index.get()
    }

    /// The same one with its name, made safe to display; without one, it is shown by its index.
    #[must_use]
    pub fn named(self, name: Option<&str>) -> Self {
        Self {
            name: name.map(Comm::new),
            ..self
        }
    }
}

impl FromStr for Interface {
    type Err = ParseIntError;

    fn from_str(index: &str) -> Result<Self, ParseIntError> {
        NonZeroU32::from_str(index).map(Self::from)
    }
}

impl From<NonZeroU32> for Interface {
    fn from(index: NonZeroU32) -> Self {
        Self { index, name: None }
    }
}

impl From<Interface> for NonZeroU32 {
    fn from(interface: Interface) -> Self {
        interface.index
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name.as_str()),
            None => self.index.fmt(f),
        }
    }
}

impl PartialEq for Interface {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl Eq for Interface {}

impl Hash for Interface {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index.hash(state);
    }
}

impl PartialOrd for Interface {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Interface {
    fn cmp(&self, other: &Self) -> Ordering {
        self.index.cmp(&other.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_alone_identifies_it_and_is_what_is_kept() {
        let plain = Interface::of(3).unwrap();
        let named = plain.named(Some("vrf-\u{1b}[31mblue"));
        assert_eq!(plain, named);
        assert_ne!(plain, Interface::of(4).unwrap());
        assert_eq!(Interface::of(0), None);
        assert_eq!((plain.to_string(), named.index()), ("3".to_owned(), 3));
        assert!(!named.to_string().contains('\u{1b}'), "{named}");
        assert_eq!(serde_json::to_string(&named).unwrap(), "3");
        assert_eq!(serde_json::from_str::<Interface>("3").unwrap(), plain);
        assert!(serde_json::from_str::<Interface>("0").is_err());
    }
}
