//! Outcomes as text: the confusion matrix, the time to each right verdict, and the groups' figures.

mod figures;
mod speed;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

pub use self::{
    figures::figures,
    speed::{changes, speed},
};
use super::{
    calibration::{self, Calibration},
    outcome::Outcome,
};

/// The confusion matrix: truths as rows, verdicts as columns, numbers of peers in the cells. Any accepted
/// verdict is entered under the best one.
pub fn matrix(outcomes: &[Outcome]) -> String {
    let mut cells: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for outcome in outcomes {
        for peer in &outcome.peers {
            let truth = outcome.truth(peer);
            let accepted = truth.verdicts.contains(&peer.verdict);
            let verdict = if accepted { truth.best() } else { peer.verdict };
            *cells.entry((truth.best(), verdict)).or_default() += 1;
        }
    }
    let rows: BTreeSet<&str> = cells.keys().map(|(truth, _)| *truth).collect();
    let columns: BTreeSet<&str> = cells.keys().map(|(_, verdict)| *verdict).collect();
    let mut text = format!("{:<20}", "truth \\ verdict");
    for column in &columns {
        let _ = write!(text, " {column:>19}");
    }
    text.push('\n');
    for row in &rows {
        let _ = write!(text, "{row:<20}");
        for column in &columns {
            match cells.get(&(row, column)) {
                Some(n) => {
                    let _ = write!(text, " {n:>19}");
                }
                None => {
                    let _ = write!(text, " {:>19}", ".");
                }
            }
        }
        text.push('\n');
    }
    text
}

/// The calibration of the confidence over all outcomes.
pub fn calibration(outcomes: &[Outcome]) -> String {
    let (mut accusing, mut last) = (Calibration::default(), Calibration::default());
    for outcome in outcomes {
        accusing.merge(&outcome.accusing);
        last.merge(&outcome.last);
    }
    calibration::table(&accusing, &last)
}
