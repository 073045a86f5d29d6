//! The service that hosts behind one address provide together.

use std::{fmt, str::FromStr};

/// The name of a recording's service if none was given.
const DEFAULT: &str = "default";

/// Longer names are no names.
const MAX_NAME: usize = 64;

/// A name that can be part of a path: letters, digits, dots, dashes and underscores.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Service(String);

impl Service {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Service {
    fn default() -> Self {
        Self(DEFAULT.to_owned())
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        match begins && text.len() <= MAX_NAME && text.chars().all(allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!(
                "give a name of letters, digits, dots, dashes and underscores, {MAX_NAME} at most"
            )),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        for good in ["web", "api-2.eu_west", "7"] {
            assert_eq!(good.parse::<Service>().unwrap().as_str(), good);
        }
        let long = "x".repeat(MAX_NAME + 1);
        for bad in ["", "..", ".hidden", "a/b", "a b", "a=b", "é", "-x", &long] {
            assert!(bad.parse::<Service>().is_err(), "{bad}");
        }
    }
}
