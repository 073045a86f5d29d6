//! The answer as the view words it.

use super::{
    fit::{visible, width},
    format::{elapsed, rate, slowed},
    snapshot::Snapshot,
    theme::Glyphs,
};
use crate::{
    diagnosis::{Answer, Diagnosis},
    report::text,
};

/// The headline without advice, which is meant for commands that end on their own.
pub fn headline(snapshot: &Snapshot) -> String {
    let headline = &snapshot.headline;
    match (snapshot.diagnosis.answer, headline.split_once(". ")) {
        (Answer::InsufficientData, Some((first, _))) => format!("{first}."),
        _ => headline.clone(),
    }
}

/// The causes, costliest first, and how many there are beyond `shown`.
fn causes(diagnosis: &Diagnosis, shown: usize) -> String {
    let causes = diagnosis.causes.iter().take(shown);
    let mut words: Vec<String> = causes
        .map(|cause| format!("{} {}", cause.peers, cause.verdict))
        .collect();
    let more = diagnosis.causes.len() - words.len();
    if more > 0 {
        words.push(format!("{more} more"));
    }
    words.join(", ")
}

/// The headline and the causes in at most `columns` columns. Naming one cause is worth more than naming who
/// else must act.
pub fn line(snapshot: &Snapshot, columns: usize) -> String {
    let (diagnosis, headline) = (&snapshot.diagnosis, headline(snapshot));
    let first = headline
        .split_inclusive(". ")
        .next()
        .unwrap_or_default()
        .trim_end();
    let counts = || (1..=diagnosis.causes.len()).rev();
    [headline.as_str(), first]
        .into_iter()
        .flat_map(|said| counts().map(move |shown| format!("{said} {}", causes(diagnosis, shown))))
        .find(|line| width(line) <= columns)
        .unwrap_or_else(|| headline.clone())
}

/// The counts, in one line.
pub fn counted(snapshot: &Snapshot, glyphs: &Glyphs) -> String {
    let (diagnosis, unknown) = (&snapshot.diagnosis, || glyphs.unknown.to_string());
    let opens = snapshot.opens_per_s.map_or_else(unknown, rate);
    let drift = diagnosis
        .accounting
        .drift
        .map_or_else(unknown, |drift| drift.to_string());
    let lost = text::lost(&diagnosis.losses);
    let lost = match lost.is_empty() {
        true => "nothing".to_owned(),
        false => lost.join("; "),
    };
    let slowed = snapshot.slowed.map(|interval| format!(", {}", slowed(interval)));
    format!(
        "after {}: {} open, {opens} opens/s, drift {drift}, lost {lost}{}",
        elapsed(diagnosis.window_ns()),
        diagnosis.accounting.open_now,
        slowed.unwrap_or_default(),
    )
}

/// What stays on the terminal after the view has ended: the answer, its causes and the counts. Empty if
/// nothing was seen.
pub fn last(snapshot: &Snapshot, glyphs: &Glyphs) -> String {
    if snapshot.course.is_empty() {
        return String::new();
    }
    let diagnosis = &snapshot.diagnosis;
    let mut lines = vec![headline(snapshot)];
    if !diagnosis.causes.is_empty() {
        lines.push(causes(diagnosis, usize::MAX));
    }
    lines.push(counted(snapshot, glyphs));
    lines.iter().map(|line| visible(line) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::example;

    #[test]
    fn causes_are_named_whole_or_counted() {
        let snapshot = example::snapshot();
        let diagnosis = &snapshot.diagnosis;
        let all = diagnosis.causes.len();
        assert!(all > 3);
        let (headline, mut most) = (headline(&snapshot), 0);
        for columns in 0..200 {
            let line = line(&snapshot, columns);
            assert!(line == headline || width(&line) <= columns, "{columns}: {line}");
            let named = diagnosis
                .causes
                .iter()
                .filter(|cause| line.contains(&format!(" {} {}", cause.peers, cause.verdict)))
                .count();
            let more = if named == 0 || named == all { "" } else { " more" };
            assert!(line.ends_with(more), "{columns}: {line}");
            most = most.max(named);
        }
        assert_eq!(most, all);
        assert_eq!(
            line(&snapshot, 82),
            "PROBLEM: the server mishandles connections of 4 of 12 clients. 1 piling-up, 5 more"
        );
    }

    #[test]
    fn the_view_does_not_speak_of_flags_that_it_does_not_have() {
        for seconds in [0, 3, 12] {
            let headline = headline(&example::after(seconds));
            assert!(!headline.contains("--"), "{headline}");
        }
    }

    #[test]
    fn what_stays_is_the_answer_with_what_to_change() {
        insta::assert_snapshot!(last(&example::snapshot(), &Glyphs::ASCII));
        let at = example::snapshot().taken();
        let nothing = crate::view::keeper::Keeper::nothing(at);
        assert_eq!(last(&nothing, &Glyphs::ASCII), "");
    }
}
