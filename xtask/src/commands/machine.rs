//! The architectures that tcpreuse is built for, and that kernels are tried on.

use std::env::consts::ARCH;

/// An architecture.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Machine {
    /// As Debian names it.
    pub(super) name: &'static str,
    /// As Rust names it, and packages of RPM.
    pub(super) rust: &'static str,
    /// Where Debian has its libraries.
    pub(super) libraries: &'static str,
    /// The emulator of a guest, and what it is to emulate.
    pub(super) emulator: &'static str,
    pub(super) board: &'static [&'static str],
    /// Where the kernel writes to, and the tests' report.
    pub(super) console: &'static str,
    pub(super) report: &'static str,
    /// What gives the machine a second serial port, which QEMU calls `report`.
    pub(super) port: &'static [&'static str],
}

pub(super) const MACHINES: &[Machine] = &[
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

    /// The target that programs are built for which need nothing of the system that they run on.
    pub(super) fn static_target(&self) -> String {
        format!("{}-unknown-linux-musl", self.rust)
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
