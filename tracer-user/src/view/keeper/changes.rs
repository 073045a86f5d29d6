//! What is worth a line in the log: the differences between one diagnosis and the next.

use hashbrown::HashMap;

use crate::{
    diagnosis::{Answer, Capacity, Diagnosis, Verdict, words},
    model::{history::Surge, peer::PeerId},
    report::text,
    view::snapshot::{Event, Weight},
};

/// Lines about changed verdicts at one moment; another one says how many more there were.
const MAX_VERDICTS: usize = 20;

/// What was said before.
#[derive(Debug, Default)]
pub(super) struct Changes {
    answer: Option<Answer>,
    verdicts: HashMap<PeerId, Verdict>,
    surge: Option<Surge>,
    lost: Vec<String>,
    drift: Option<i64>,
    /// Whose workers were all taken, by namespace and ports: a restart changes the process.
    exhausted: Option<(u32, Vec<u16>)>,
}

impl Changes {
    pub(super) fn add(&mut self, diagnosis: &Diagnosis) -> Vec<Event> {
        let mut lines: Vec<(Weight, String, Option<PeerId>)> = Vec::new();
        if self.answer.is_none() {
            let seeded = diagnosis.accounting.totals.seeded;
            lines.push((
                Weight::Note,
                format!(
                    "tracing began with {} open",
                    words::count(seeded, "connection", "connections")
                ),
                None,
            ));
        }
        self.answer(diagnosis, &mut lines);
        self.surge(diagnosis, &mut lines);
        self.capacity(diagnosis, &mut lines);
        self.verdicts(diagnosis, &mut lines);
        self.losses(diagnosis, &mut lines);
        lines
            .into_iter()
            .map(|(weight, text, peer)| Event {
                at: diagnosis.taken,
                weight,
                text,
                peer,
            })
            .collect()
    }

    fn answer(&mut self, diagnosis: &Diagnosis, lines: &mut Vec<(Weight, String, Option<PeerId>)>) {
        let before = self.answer.replace(diagnosis.answer);
        if before == Some(diagnosis.answer) || (before.is_none() && diagnosis.answer != Answer::Yes) {
            return;
        }
        let weight = match diagnosis.answer {
            Answer::Yes => Weight::Bad,
            Answer::No => Weight::Good,
            Answer::InsufficientData => Weight::Note,
        };
        lines.push((
            weight,
            format!("the answer is now {}", text::headline(diagnosis)),
            None,
        ));
    }

    fn surge(&mut self, diagnosis: &Diagnosis, lines: &mut Vec<(Weight, String, Option<PeerId>)>) {
        let Some(surge) = diagnosis.movement.surge else {
            return;
        };
        let began = self.surge.is_none_or(|known| known.started != surge.started);
        self.surge = Some(surge);
        if began {
            lines.push((
                Weight::Bad,
                format!(
                    "a surge began at {}: from {} to {} connections so far",
                    crate::report::clock(surge.started),
                    surge.from,
                    surge.to
                ),
                None,
            ));
        }
    }

    /// Both are said only when they are known: a server that tells nothing, as one whose workers are all
    /// taken or that is being restarted, has none idle for all one knows.
    fn capacity(&mut self, diagnosis: &Diagnosis, lines: &mut Vec<(Weight, String, Option<PeerId>)>) {
        let key = |process: &Capacity| (process.netns, process.ports.clone());
        let none_left = |process: &&Capacity| process.has_room() == Some(false);
        let Some(exhausted) = &self.exhausted else {
            if let Some(process) = diagnosis.capacity.iter().find(none_left) {
                let text = format!("no worker is left for {}", ports(process));
                lines.push((Weight::Bad, text, None));
                self.exhausted = Some(key(process));
            }
            return;
        };
        let Some(process) = diagnosis
            .capacity
            .iter()
            .find(|process| key(process) == *exhausted)
        else {
            // Nobody listens there any more.
            self.exhausted = None;
            return;
        };
        if process.has_room() == Some(true) {
            let text = format!("there are idle workers again for {}", ports(process));
            lines.push((Weight::Good, text, None));
            self.exhausted = None;
        }
    }

    fn verdicts(&mut self, diagnosis: &Diagnosis, lines: &mut Vec<(Weight, String, Option<PeerId>)>) {
        let mut changed = 0;
        for peer in &diagnosis.peers {
            let verdict = peer.finding.verdict;
            let before = self.verdicts.insert(peer.id, verdict);
            let was = before.unwrap_or(Verdict::InsufficientData);
            if was == verdict || !(was.accuses() || verdict.accuses()) {
                continue;
            }
            changed += 1;
            if changed > MAX_VERDICTS {
                continue;
            }
            let weight = if verdict.accuses() {
                Weight::Bad
            } else {
                Weight::Good
            };
            let name = text::short_name(peer);
            let text = match before {
                Some(was) => format!("{name}: {verdict}, was {was}"),
                None => format!("{name}: {verdict}"),
            };
            lines.push((weight, text, Some(peer.id)));
        }
        let more = changed.saturating_sub(MAX_VERDICTS) as u64;
        if more > 0 {
            let text = format!(
                "and the verdicts of {}",
                words::count(more, "more peer", "more peers")
            );
            lines.push((Weight::Note, text, None));
        }
    }

    fn losses(&mut self, diagnosis: &Diagnosis, lines: &mut Vec<(Weight, String, Option<PeerId>)>) {
        let lost = text::lost(&diagnosis.losses);
        // A line when something begins to be lost; how much it comes to is in the header.
        if lost.len() > self.lost.len() {
            lines.push((Weight::Bad, format!("lost: {}", lost.join("; ")), None));
        }
        self.lost = lost;
        let drift = diagnosis.accounting.drift;
        let off = drift.filter(|drift| *drift != 0);
        if let Some(drift) = off.filter(|_| self.drift.is_none()) {
            let text = format!("counted {drift} more than the kernel's socket list explains");
            lines.push((Weight::Bad, text, None));
        }
        self.drift = off;
    }
}

fn ports(process: &Capacity) -> String {
    let ports: Vec<String> = process.ports.iter().map(u16::to_string).collect();
    match &*ports {
        [port] => format!("port {port}"),
        ports => format!("ports {}", ports.join(", ")),
    }
}
