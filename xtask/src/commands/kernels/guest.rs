//! Which kernels can be asked for: a series of Debian's, for a machine of some architecture.

use std::env::consts::ARCH;

/// The newest series that Debian has, wherever it has it.
pub(super) const NEWEST: &str = "newest";

/// An architecture of machines that guests can be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Machine {
    /// As Debian names it.
    pub(super) name: &'static str,
    /// As Rust names it.
    pub(super) rust: &'static str,
    /// Where Debian has its libraries.
    pub(super) libraries: &'static str,
    /// The emulator, and what it is to emulate.
    pub(super) emulator: &'static str,
    pub(super) board: &'static [&'static str],
    /// Where the kernel writes to, and the tests' report.
    pub(super) console: &'static str,
    pub(super) report: &'static str,
    /// What gives the machine a second serial port, which QEMU calls `report`.
    pub(super) port: &'static [&'static str],
}

const MACHINES: &[Machine] = &[
    Machine {
        name: "amd64",
        rust: "x86_64",
        libraries: "x86_64-linux-gnu",
        emulator: "qemu-system-x86_64",
        board: &["-cpu", "max"],
        console: "ttyS0",
        report: "/dev/ttyS1",
        port: &["-serial", "chardev:report"],
    },
    Machine {
        name: "arm64",
        rust: "aarch64",
        libraries: "aarch64-linux-gnu",
        emulator: "qemu-system-aarch64",
        // Signed pointers as the architecture has them take most of an emulator's time.
        board: &["-machine", "virt", "-cpu", "max,pauth-impdef=on"],
        console: "ttyAMA0",
        report: "/dev/ttyS0",
        port: &["-device", "pci-serial,chardev=report"],
    },
];

impl Machine {
    /// One as this machine; `None` if its architecture is not known.
    pub(super) fn like_this() -> Option<&'static Self> {
        MACHINES.iter().find(|known| known.is_like_this())
    }

    /// The target that its programs are built for.
    pub(super) fn target(&self) -> String {
        format!("{}-unknown-linux-gnu", self.rust)
    }

    /// Whether it is of the same kind as this machine.
    pub(super) fn is_like_this(&self) -> bool {
        self.rust == ARCH
    }

    /// The C compiler for it on this machine, which also links.
    pub(super) fn compiler(&self) -> String {
        match self.is_like_this() {
            true => "cc".to_owned(),
            false => format!("{}-gcc", self.libraries),
        }
    }
}

/// A kernel that was asked for.
#[derive(Debug)]
pub(super) struct Guest {
    /// Such as `6.1`, or [`NEWEST`].
    pub(super) series: String,
    /// What it runs on.
    pub(super) machine: &'static Machine,
}

impl Guest {
    /// Reads `6.1`, for a machine as this one, or `6.1-arm64`; `None` for a machine that is not known, this one
    /// included.
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
