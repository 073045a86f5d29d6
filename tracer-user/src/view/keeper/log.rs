//! The log: the changes, in words, and the notes of the feed. [`crate::diagnosis`] decides what counts as a
//! change.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    diagnosis::{Answer, Change, What},
    model::{names::Names, peer::PeerId, sample::Moment},
    report::text,
    view::snapshot::{Event, EventKey, Weight},
};

/// Maximum number of lines about changed verdicts per moment; one more line gives the number of others.
const MAX_VERDICTS: usize = 20;

/// Maximum number of feed notes kept.
const MAX_NOTES: usize = 100;

/// The lines so far.
#[derive(Debug, Default)]
pub(super) struct Log {
    notes: VecDeque<Event>,
    next_note: u64,
    changes: Vec<Change>,
    names: Names,
    is_stale: bool,
    lines: Arc<VecDeque<Event>>,
}

impl Log {
    /// Adds a line that is not a change.
    pub(super) fn note(&mut self, at: Moment, text: String) {
        self.notes.push_back(Event {
            key: EventKey::Note(self.next_note),
            at,
            weight: Weight::Note,
            text,
            peer: None,
        });
        self.next_note += 1;
        while self.notes.len() > MAX_NOTES {
            self.notes.pop_front();
        }
        self.is_stale = true;
    }

    /// Replaces the changes told so far.
    pub(super) fn tell(&mut self, changes: &[Change], names: &Names) {
        if self.changes != changes || self.names != *names {
            self.changes = changes.to_vec();
            self.names.clone_from(names);
            self.is_stale = true;
        }
    }

    /// Forgets the notes made after a moment.
    pub(super) fn rewind(&mut self, to: Moment) {
        self.notes.retain(|note| note.at.monotonic_ns <= to.monotonic_ns);
        self.is_stale = true;
    }

    /// The lines, oldest first.
    pub(super) fn lines(&mut self) -> Arc<VecDeque<Event>> {
        if std::mem::take(&mut self.is_stale) {
            let mut lines: Vec<Event> = self
                .notes
                .iter()
                .cloned()
                .chain(told(&self.changes, &self.names))
                .collect();
            // A stable sort: a note comes before the changes of its moment.
            lines.sort_by_key(|line| line.at.monotonic_ns);
            self.lines = Arc::new(lines.into());
        }
        Arc::clone(&self.lines)
    }
}

/// One line per change, except when many verdicts change at once.
fn told(changes: &[Change], names: &Names) -> Vec<Event> {
    let mut lines = Vec::with_capacity(changes.len());
    for moment in changes.chunk_by(|a, b| a.at == b.at) {
        let (mut verdicts, mut more, mut key) = (0, 0, None);
        for change in moment {
            let hidden = match &change.what {
                What::Verdict { .. } => {
                    verdicts += 1;
                    u64::from(verdicts > MAX_VERDICTS)
                }
                What::MoreVerdicts { peers } => *peers,
                _ => 0,
            };
            if hidden > 0 {
                more += hidden;
                key.get_or_insert(key_of(change));
                continue;
            }
            let (weight, text, peer) = words(&change.what, names);
            lines.push(Event {
                key: key_of(change),
                at: change.at,
                weight,
                text,
                peer,
            });
        }
        if let (Some(key), Some(change)) = (key, moment.first()) {
            lines.push(Event {
                key,
                at: change.at,
                weight: Weight::Note,
                text: text::more_verdicts(more),
                peer: None,
            });
        }
    }
    lines
}

fn key_of(change: &Change) -> EventKey {
    EventKey::Change(change.id, change.at.monotonic_ns)
}

/// A change in one line, how much it weighs, and the peer it is about.
pub(crate) fn words(what: &What, names: &Names) -> (Weight, String, Option<PeerId>) {
    let (weight, peer) = match what {
        What::Verdict { peer, is, .. } if is.accuses() => (Weight::Bad, Some(*peer)),
        What::Verdict { peer, .. } => (Weight::Good, Some(*peer)),
        What::MoreVerdicts { .. } => (Weight::Note, None),
        What::Answer { is: Answer::Yes, .. } => (Weight::Bad, None),
        What::Answer { is: Answer::No, .. } => (Weight::Good, None),
        What::Answer {
            is: Answer::InsufficientData,
            ..
        } => (Weight::Note, None),
        What::SurgeBegan(_) | What::Loss { .. } => (Weight::Bad, None),
        What::SurgeEnded { .. } => (Weight::Good, None),
        What::Capacity { none_left: true, .. } => (Weight::Bad, None),
        What::Capacity { none_left: false, .. } => (Weight::Good, None),
    };
    (weight, text::change(what, names), peer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{diagnosis::Verdict, model::peer::Direction};

    fn at(second: u64) -> Moment {
        Moment {
            monotonic_ns: second * 1_000_000_000,
            utc_ns: 1_767_225_600_000_000_000 + i128::from(second) * 1_000_000_000,
        }
    }

    fn verdict(id: u64, second: u64, (was, is): (Verdict, Verdict), good_since: Option<Moment>) -> Change {
        let address = std::net::Ipv4Addr::from(0x7f14_0000 + u32::try_from(id).unwrap());
        Change {
            id,
            at: at(second),
            host: None,
            what: What::Verdict {
                peer: PeerId {
                    netns: 1,
                    direction: Direction::Inbound,
                    port: 80,
                    network: std::net::IpAddr::from(address).into(),
                    interface: None,
                    process: None,
                    program: None,
                },
                was,
                is,
                confidence: 0.9,
                good_since,
            },
        }
    }

    fn texts(changes: &[Change]) -> Vec<String> {
        told(changes, &Names::default())
            .into_iter()
            .map(|line| line.text)
            .collect()
    }

    #[test]
    fn a_peer_that_mended_is_good_since_then() {
        let (fresh, good) = (Verdict::FreshPerRequest, Verdict::Reusing);
        let changes = [
            verdict(1, 10, (Verdict::InsufficientData, fresh), None),
            verdict(1, 60, (fresh, good), Some(at(40))),
            verdict(1, 90, (good, fresh), None),
        ];
        assert_eq!(
            texts(&changes),
            [
                "127.20.0.1: fresh-per-request",
                "127.20.0.1 has been good since 00:00:40 (was fresh-per-request)",
                "127.20.0.1: fresh-per-request, was reusing",
            ]
        );
        assert_eq!(told(&changes, &Names::default())[1].weight, Weight::Good);
    }

    #[test]
    fn of_a_crowd_the_first_have_a_line_each() {
        let both = (Verdict::Reusing, Verdict::PilingUp);
        let mut changes: Vec<Change> = (0..50).map(|id| verdict(id, 10, both, None)).collect();
        changes.push(Change {
            id: 50,
            what: What::MoreVerdicts { peers: 200 },
            ..changes[0].clone()
        });
        changes.push(verdict(51, 11, both, None));
        let lines = texts(&changes);
        assert_eq!(lines.len(), MAX_VERDICTS + 2);
        assert_eq!(lines[MAX_VERDICTS], "and the verdicts of 230 more peers");
        assert_eq!(lines[MAX_VERDICTS + 1], "127.20.0.51: piling-up, was reusing");
    }
}
