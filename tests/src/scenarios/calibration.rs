//! Calibration of the confidence: the share of verdicts that are right, by stated confidence.

use std::fmt::Write as _;

/// Lower limits of the bins. Finer bins below an even chance would reveal nothing.
const EDGES: [f64; 5] = [0.0, 0.5, 0.7, 0.8, 0.9];

/// Verdicts given with similar confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bin {
    /// Number of verdicts.
    pub given: u64,
    /// Number of them that were right.
    pub right: u64,
}

/// Verdicts grouped by confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calibration {
    /// One bin for each lower limit.
    pub bins: [Bin; EDGES.len()],
}

impl Calibration {
    /// Adds one verdict.
    pub fn add(&mut self, confidence: f64, right: bool) {
        let at = EDGES.iter().rposition(|edge| confidence >= *edge).unwrap_or(0);
        let bin = &mut self.bins[at];
        bin.given += 1;
        bin.right += u64::from(right);
    }

    /// Adds all verdicts of another calibration.
    pub fn merge(&mut self, other: &Self) {
        for (bin, more) in self.bins.iter_mut().zip(other.bins) {
            bin.given += more.given;
            bin.right += more.right;
        }
    }
}

/// Prints two calibrations side by side: of every accusation at any time, and of all final verdicts.
pub fn table(accusing: &Calibration, last: &Calibration) -> String {
    let mut text = format!(
        "{:<12} {:>10} {:>9} {:>12} {:>9}\n",
        "confidence", "accusing", "right", "last looks", "right"
    );
    for (at, (accusing, last)) in accusing.bins.iter().zip(&last.bins).enumerate() {
        let (from, to) = (EDGES[at], EDGES.get(at + 1).copied().unwrap_or(1.0));
        let _ = writeln!(
            text,
            "{:<12} {:>10} {:>9} {:>12} {:>9}",
            format!("{from:.1}-{to:.1}"),
            accusing.given,
            share(*accusing),
            last.given,
            share(*last),
        );
    }
    text
}

fn share(bin: Bin) -> String {
    if bin.given == 0 {
        return "-".to_owned();
    }
    let tenths = (bin.right * 1000 + bin.given / 2) / bin.given;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_belongs_to_the_bin_above_it() {
        let mut all = Calibration::default();
        for confidence in [0.0, 0.49, 0.5, 0.9, 1.0] {
            all.add(confidence, confidence > 0.1);
        }
        let given: Vec<u64> = all.bins.iter().map(|bin| bin.given).collect();
        assert_eq!(given, [2, 1, 0, 0, 2]);
        assert_eq!(all.bins[0].right, 1);
        assert!(table(&all, &Calibration::default()).contains("50.0 %"));
    }
}
