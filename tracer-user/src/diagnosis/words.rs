//! Numbers as people write them, for the explanations.

use super::cause::Case;
use crate::model::{durations::Cluster, owner::Process};

/// In ns.
const MS: u64 = 1_000_000;

/// A duration in ns with a unit that leaves two or three digits: `850 ms`, `5.0 s`, `10 min`.
pub(crate) fn duration(ns: u64) -> String {
    const S: u64 = 1_000 * MS;
    let tenths = |unit: u64| {
        let tenths = (ns + unit / 20) / (unit / 10);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    if ns < MS {
        "less than 1 ms".to_owned()
    } else if ns < S {
        format!("{} ms", ns / MS)
    } else if ns < 100 * S {
        format!("{} s", tenths(S))
    } else if ns < 6_000 * S {
        format!("{} min", tenths(60 * S))
    } else {
        format!("{} h", tenths(3_600 * S))
    }
}

/// A process with its number.
pub(crate) fn process(process: &Process) -> String {
    format!("{} (pid {})", process.comm, process.pid)
}

/// How often a peer connected.
pub(super) fn opened(case: &Case<'_>) -> String {
    format!(
        "{} opened in {}",
        count(case.figures.opens, "connection", "connections"),
        duration(case.figures.span_ns)
    )
}

/// How often a peer connected, and how many connections ended meanwhile.
pub(super) fn opened_and_ended(case: &Case<'_>) -> String {
    let figures = case.figures;
    format!(
        "{} opened and {} ended in {}",
        count(figures.opens, "connection", "connections"),
        number(figures.closes),
        duration(figures.span_ns)
    )
}

/// How often a peer connected, how much each connection carried, and how soon it came back.
pub(super) fn opens_and_pause(case: &Case<'_>) -> String {
    let figures = case.figures;
    let turns = match figures.turns.median() {
        Some(turns) if figures.turns_counted => {
            format!(", {} each (median)", count(turns, "request", "requests"))
        }
        _ => String::new(),
    };
    let gap = match figures.gap.p50_ns {
        Some(gap) => format!(", back after {}", duration(gap)),
        None => String::new(),
    };
    format!("{}{turns}{gap}", opened(case))
}

/// How far the times of a cluster lie apart.
pub(super) fn spread(cluster: &Cluster) -> String {
    let (times, width) = (number(cluster.count), duration(cluster.width_ns()));
    match cluster.width_ns() < MS {
        true => format!("{times} of them {width} apart"),
        false => format!("{times} of them within {width} of each other"),
    }
}

/// A number with its digits in groups of three.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 connection`, `2 connections`.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{} {many}", number(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_threes() {
        let texts = [0, 7, 999, 1_000, 12_345, 1_234_567].map(number);
        assert_eq!(texts, ["0", "7", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn durations_have_a_fitting_unit() {
        let s = 1_000_000_000;
        for (ns, text) in [
            (0, "less than 1 ms"),
            (850_400_000, "850 ms"),
            (5_001_000_000, "5.0 s"),
            (59_960_000_000, "60.0 s"),
            (99 * s, "99.0 s"),
            (600 * s, "10.0 min"),
            (7_200 * s, "2.0 h"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }
}
