//! The time until the verdicts were right.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::scenarios::{
    outcome::{Outcome, Since},
    truth::accuses,
};

/// The time until each verdict was right for good: median and slowest. Peers whose truth changes are in
/// [`changes`] instead.
pub fn speed(outcomes: &[Outcome]) -> String {
    let mut rows = Rows::default();
    for outcome in outcomes {
        for peer in &outcome.peers {
            let truth = outcome.truth(peer);
            if truth.before.is_empty() {
                rows.add(truth.best().to_owned(), peer.right());
            }
        }
    }
    rows.table("right for good after")
}

/// The time until a change was noticed: until a mended client was acquitted, until a client that turned bad
/// was accused, and until the verdict was right.
pub fn changes(outcomes: &[Outcome]) -> String {
    let mut rows = Rows::default();
    for outcome in outcomes {
        for peer in &outcome.peers {
            let truth = outcome.truth(peer);
            for phase in 1..truth.phases() {
                let (before, now) = (truth.in_phase(phase - 1), truth.in_phase(phase));
                let change = match (accuses(before), accuses(now)) {
                    (true, false) => "acquitted",
                    (false, true) => "relapse seen",
                    _ => "changed",
                };
                let (before, now) = (before.first(), now.first());
                let names = format!("{} > {}", before.unwrap_or(&"?"), now.unwrap_or(&"?"));
                let said = peer.phases.get(phase);
                rows.add(format!("{change}: {names}"), said.and_then(|said| said.agrees));
                rows.add(format!("right: {names}"), said.and_then(|said| said.right));
            }
        }
    }
    rows.table("after a change")
}

/// Times by event; `None` if an event never came.
#[derive(Default)]
struct Rows(BTreeMap<String, Vec<Option<Since>>>);

impl Rows {
    fn add(&mut self, name: String, took: Option<Since>) {
        self.0.entry(name).or_default().push(took);
    }

    fn table(&self, title: &str) -> String {
        let width = self
            .0
            .keys()
            .map(String::len)
            .chain([title.len()])
            .max()
            .unwrap_or(0);
        let mut text = format!(
            "{title:<width$} {:>8} {:>8} {:>8} {:>8} {:>7}\n",
            "s p50", "s max", "opens", "max", "never"
        );
        for (name, took) in &self.0 {
            let seen: Vec<&Since> = took.iter().flatten().collect();
            let mut seconds: Vec<f64> = seen.iter().map(|took| took.seconds).collect();
            let mut opens: Vec<u64> = seen.iter().map(|took| took.opens).collect();
            seconds.sort_unstable_by(f64::total_cmp);
            opens.sort_unstable();
            let s = |value: Option<&f64>| value.map_or_else(|| "-".to_owned(), |s| format!("{s:.1}"));
            let n = |value: Option<&u64>| value.map_or_else(|| "-".to_owned(), u64::to_string);
            let _ = writeln!(
                text,
                "{name:<width$} {:>8} {:>8} {:>8} {:>8} {:>7}",
                s(seconds.get(seconds.len() / 2)),
                s(seconds.last()),
                n(opens.get(opens.len() / 2)),
                n(opens.last()),
                took.len() - seen.len(),
            );
        }
        text
    }
}
