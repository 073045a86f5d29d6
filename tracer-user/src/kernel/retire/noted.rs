//! What is known of a slot from earlier looks.

use crate::kernel::peers::Brief;

/// What is known of a slot.
#[derive(Clone, Copy, Default)]
pub(super) struct Noted {
    /// Fingerprint of what its peer had counted; 0: nobody had it.
    pub(super) print: u64,
    /// When that changed last, ns.
    pub(super) since_ns: u64,
    /// How often the slot was given back.
    pub(super) generation: u32,
    pub(super) is_leaving: bool,
}

impl Noted {
    /// Notes what there is now, and when that changed. Between two looks it is when a connection ended last:
    /// not all that came since the look before was active just now.
    pub(super) fn look(&mut self, brief: Option<&Brief>, now_ns: u64) {
        let print = brief.map_or(0, Brief::print);
        if print == self.print {
            return;
        }
        let ended = brief
            .filter(|brief| brief.open_now == 0)
            .map(|brief| brief.last_end_ns);
        let known = ended.filter(|at_ns| (self.since_ns + 1..now_ns).contains(at_ns));
        (self.print, self.since_ns) = (print, known.unwrap_or(now_ns));
    }
}

#[cfg(test)]
mod tests {
    use tracer_ebpf::abi::peer::{PeerKey, direction};

    use super::*;
    use crate::model::accounting::Totals;

    #[test]
    fn a_peer_has_been_quiet_since_its_last_end() {
        let brief = |open_now: u32, opened: u64, last_end_ns: u64| Brief {
            key: PeerKey {
                address: [1; 4],
                netns: 1,
                port: 80,
                direction: direction::INBOUND,
                shared: 0,
                interface: 0,
                process: 0,
            },
            open_now,
            totals: Totals {
                opened,
                ..Totals::default()
            },
            failed: 0,
            late_requests: 0,
            turns: 0,
            last_end_ns,
        };
        let mut noted = Noted::default();
        let mut since = |brief: Option<Brief>, now_ns: u64| {
            noted.look(brief.as_ref(), now_ns);
            noted.since_ns
        };
        assert_eq!(since(Some(brief(0, 1, 700)), 1000), 700, "at the first look");
        assert_eq!(since(Some(brief(0, 1, 700)), 2000), 700, "nothing has changed");
        assert_eq!(since(Some(brief(1, 2, 700)), 3000), 3000, "it is active");
        assert_eq!(since(Some(brief(0, 2, 3500)), 4000), 3500);
        assert_eq!(since(Some(brief(0, 3, 3500)), 5000), 5000, "the end was before");
        assert_eq!(since(Some(brief(0, 4, 0)), 6000), 6000, "it is not known");
        assert_eq!(since(None, 7000), 7000);
    }
}
