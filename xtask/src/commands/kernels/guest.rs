//! Which kernels can be asked for: a series of Debian's, for a machine of some architecture.

use crate::commands::machine::{MACHINES, Machine};

/// A kernel that was asked for.
#[derive(Debug)]
pub(super) struct Guest {
    /// Such as `6.1`, or `newest`.
    pub(super) series: String,
    /// What it runs on.
    pub(super) machine: &'static Machine,
}

impl Guest {
    /// Reads `6.1`, for a machine as this one, or `6.1-arm64`; `None` for a machine that is not known, this
    /// one included.
    pub(super) fn read(name: &str) -> Option<Self> {
        let (series, machine) = match name.split_once('-') {
            Some((series, machine)) => (series, MACHINES.iter().find(|known| known.name == machine)?),
            None => (name, Machine::like_this()?),
        };
        Some(Self {
            series: series.to_owned(),
            machine,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::debian::NEWEST;

    #[test]
    fn a_kernel_is_asked_for_by_its_series_and_machine() {
        for (name, series, machine) in [("6.1-amd64", "6.1", "amd64"), ("newest-arm64", NEWEST, "arm64")] {
            let guest = Guest::read(name).unwrap();
            assert_eq!((guest.series.as_str(), guest.machine.name), (series, machine));
        }
        if let Some(guest) = Guest::read("6.12") {
            assert!(guest.machine.is_like_this());
            assert_eq!(guest.series, "6.12");
        }
        assert!(Guest::read("6.1-vax").is_none());
    }
}
