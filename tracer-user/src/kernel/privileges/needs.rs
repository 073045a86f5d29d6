//! The capabilities that tracing uses, and what is lost without each.

use caps::{CapSet, Capability, CapsHashSet};

/// A capability, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The capability.
    pub capability: Capability,
    /// What it is for.
    pub brings: &'static str,
    /// What is unknown without it. Empty: nothing can be traced without it.
    pub lost: &'static [&'static str],
}

const NAMESPACES: &str = "connections already open in other network namespaces";
const OWNERS: &str = "which processes of other users hold sockets";

/// All of them, the indispensable ones first. The unit in `packaging/` grants the same.
pub const NEEDS: [Need; 5] = [
    Need {
        capability: Capability::CAP_BPF,
        brings: "loads the programs and reads their maps",
        lost: &[],
    },
    Need {
        capability: Capability::CAP_PERFMON,
        brings: "lets the programs read the kernel's sockets",
        lost: &[],
    },
    Need {
        capability: Capability::CAP_SYS_ADMIN,
        brings: "enters other network namespaces to list their sockets",
        lost: &[NAMESPACES],
    },
    Need {
        capability: Capability::CAP_SYS_PTRACE,
        brings: "finds those namespaces, and inspects the open files of other users' processes",
        lost: &[NAMESPACES, OWNERS],
    },
    Need {
        capability: Capability::CAP_DAC_READ_SEARCH,
        brings: "lists the open files of other users' processes",
        lost: &[OWNERS],
    },
];

/// The capabilities in effect; empty if they cannot be read.
pub fn held() -> CapsHashSet {
    let mut held = caps::read(None, CapSet::Effective).unwrap_or_default();
    // The kernel accepts it in place of these two.
    if held.contains(&Capability::CAP_SYS_ADMIN) {
        held.extend([Capability::CAP_BPF, Capability::CAP_PERFMON]);
    }
    held
}

/// What will be unknown because capabilities are missing, in one line; `None` if nothing will.
pub fn lacking(held: &CapsHashSet, only_own_namespace: bool) -> Option<String> {
    let (mut names, mut unknown) = (Vec::new(), Vec::new());
    for need in NEEDS.iter().filter(|need| !held.contains(&need.capability)) {
        let matters = |lost: &&&str| !(only_own_namespace && **lost == NAMESPACES);
        let lost: Vec<&str> = need.lost.iter().filter(matters).copied().collect();
        if !lost.is_empty() {
            names.push(need.capability.to_string());
        }
        for thing in lost {
            if !unknown.contains(&thing) {
                unknown.push(thing);
            }
        }
    }
    (!names.is_empty()).then(|| {
        format!(
            "without {}, this will be unknown: {}",
            names.join(", "),
            unknown.join("; ")
        )
    })
}
