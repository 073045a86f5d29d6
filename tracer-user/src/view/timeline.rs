//! The connections of a peer as bars over time, drawn in columns of a terminal.

use super::{snapshot::Snapshot, theme::Glyphs};
pub use crate::model::bar::{Bar, End};
use crate::model::peer::PeerId;

/// All known connections of a peer, latest first.
pub fn bars(snapshot: &Snapshot, id: PeerId) -> Vec<Bar> {
    let now_ns = snapshot.taken().monotonic_ns;
    let live = snapshot
        .sockets
        .iter()
        .filter(|socket| socket.peer.is_some_and(|(peer, _)| peer == id))
        .map(|socket| Bar::live(&socket.connection, now_ns));
    let past = snapshot.past.get(&id).into_iter().flat_map(|past| past.iter());
    let mut bars: Vec<Bar> = live.chain(past.map(Bar::ended)).collect();
    bars.sort_by_key(|bar| std::cmp::Reverse((bar.to_ns, bar.from_ns)));
    bars
}

/// Maps moments to columns.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    from_ns: u64,
    now_ns: u64,
    columns: usize,
}

impl Scale {
    /// From the start of the first bar to now; `None` without bars.
    pub fn of(bars: &[Bar], now_ns: u64, columns: usize) -> Option<Self> {
        let from_ns = bars.iter().map(|bar| bar.from_ns).min()?;
        Some(Self {
            from_ns: from_ns.min(now_ns),
            now_ns,
            columns: columns.max(1),
        })
    }

    /// The span, ns.
    pub fn span_ns(&self) -> u64 {
        self.now_ns - self.from_ns
    }

    /// The column of a moment.
    fn column(&self, at_ns: u64) -> usize {
        let span = u128::from(self.span_ns().max(1));
        let at = u128::from(at_ns.clamp(self.from_ns, self.now_ns) - self.from_ns);
        let last = self.columns as u128 - 1;
        usize::try_from(at * last / span)
            .unwrap_or(0)
            .min(self.columns - 1)
    }

    /// A bar: the space before it and its open part, then its part in CLOSE_WAIT and the rest of the line.
    /// Each takes at least one column, so that it is visible.
    pub fn draw(&self, bar: &Bar, glyphs: &Glyphs) -> (String, String) {
        let (from, to) = (self.column(bar.from_ns), self.column(bar.to_ns));
        let wait = bar
            .close_wait_ns
            .map(|ns| self.column(ns.max(bar.from_ns)).clamp(from, to));
        let mut open: String = std::iter::repeat_n(' ', from).collect();
        let first_of_wait = match wait {
            Some(wait) if wait == from && to > from => from + 1,
            Some(wait) => wait,
            None => to + 1,
        };
        for column in from..=to.max(from) {
            if column >= first_of_wait {
                break;
            }
            open.push(match column {
                _ if column == from && bar.seeded => glyphs.seeded,
                _ if column == to && bar.end == End::Live => glyphs.alive,
                _ => glyphs.open,
            });
        }
        let mut rest = String::new();
        for column in first_of_wait.max(from)..=to {
            rest.push(match column {
                _ if column == to && bar.end == End::Live && to > first_of_wait => glyphs.alive,
                _ => glyphs.close_wait,
            });
        }
        rest.extend(std::iter::repeat_n(' ', self.columns - 1 - to));
        (open, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::peer::CloseReason,
        view::{example, fit},
    };

    fn bar(from_ns: u64, wait: Option<u64>, to_ns: u64, end: End) -> Bar {
        Bar {
            from_ns,
            seeded: false,
            close_wait_ns: wait,
            to_ns,
            end,
            port: 1,
        }
    }

    fn drawn(bar: &Bar) -> String {
        let scale = Scale {
            from_ns: 0,
            now_ns: 90,
            columns: 10,
        };
        let (open, rest) = scale.draw(bar, &Glyphs::ASCII);
        open + &rest
    }

    #[test]
    fn bars_lie_where_they_were() {
        let fin = End::Closed(CloseReason::RemoteFin);
        assert_eq!(drawn(&bar(0, None, 90, End::Live)), "=========>");
        assert_eq!(drawn(&bar(30, Some(60), 90, End::Live)), "   ===www>");
        assert_eq!(drawn(&bar(30, None, 30, fin)), "   =      ");
        assert_eq!(drawn(&bar(30, Some(30), 50, fin)), "   =ww    ");
        assert_eq!(drawn(&bar(85, Some(86), 90, End::Live)), "        =w");
        let seeded = Bar {
            seeded: true,
            ..bar(0, None, 20, fin)
        };
        assert_eq!(drawn(&seeded), "<==       ");
    }

    #[test]
    fn every_bar_is_as_wide_as_the_chart_whatever_the_times() {
        let scale = Scale {
            from_ns: 100,
            now_ns: 200,
            columns: 24,
        };
        for from in [0, 100, 150, 200, 999] {
            for wait in [None, Some(0), Some(150), Some(999)] {
                for to in [0, 100, 151, 200, 999] {
                    for end in [End::Live, End::Closed(CloseReason::Timeout)] {
                        if to < from {
                            continue;
                        }
                        let (open, rest) = scale.draw(&bar(from, wait, to, end), &Glyphs::UNICODE);
                        assert_eq!(fit::width(&open) + fit::width(&rest), 24, "{from} {wait:?} {to}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_peer_has_its_live_and_its_ended_connections() {
        let snapshot = example::snapshot();
        let of = |name: &str| {
            let row = snapshot.rows.iter().find(|row| row.address() == name).unwrap();
            bars(&snapshot, row.id)
        };
        let fresh = of("192.0.2.11");
        assert_eq!(fresh.len(), 90);
        assert!(fresh[0].to_ns > fresh[1].to_ns, "the latest first");
        assert_eq!(of("192.0.2.13").len(), 6);
        assert!(of("192.0.2.13").iter().all(|bar| bar.close_wait_ns.is_some()));
    }
}
