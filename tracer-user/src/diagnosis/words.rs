//! Numbers as people write them, for the explanations.

use super::cause::Case;
use crate::model::{durations::Cluster, owner::Process};
use crate::units::MS;
pub(crate) use crate::units::duration;

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
    format!("{} {}", number(n), form(n, one, many))
}

/// The form of a word that goes with this number.
pub(crate) fn form<'a>(n: u64, one: &'a str, many: &'a str) -> &'a str {
    if n == 1 { one } else { many }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_threes() {
        let texts = [0, 7, 999, 1_000, 12_345, 1_234_567].map(number);
        assert_eq!(texts, ["0", "7", "999", "1,000", "12,345", "1,234,567"]);
    }
}
