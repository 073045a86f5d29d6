//! The peers concerned: by cause, with what to change; then those to be decided on, recovered, or not
//! accused.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Write},
};

use super::{Nouns, Paint, name, paragraph, short_name};
use crate::{
    diagnosis::{Cause, Diagnosis, Judged, OnHost, Verdict, words::number},
    report::clock_seen_from,
};

/// Maximum number of different groups shown per cause, each with the sentence of its worst peer.
const MAX_KINDS: usize = 5;

/// Maximum number of names per line.
const MAX_NAMES: usize = 8;

/// Maximum number of peers shown that are to be decided on, recovered, or have too little data.
const MAX_EACH: usize = 5;

/// The costliest cause, and the names of the others.
pub(in crate::report) fn most_urgent(diagnosis: &Diagnosis) -> Option<String> {
    let nouns = Nouns::of(diagnosis);
    let mut accusing = diagnosis.causes.iter().filter(|cause| cause.verdict.accuses());
    let first = accusing.next()?;
    let (share, of) = match first.share_of_held > first.share_of_opens {
        true => (first.share_of_held, "what is open now"),
        false => (first.share_of_opens, "what was opened"),
    };
    let then = accusing.map(|cause| format!("{} ({})", cause.verdict.id(), number(cause.peers)));
    let then = list(then);
    let then = if then.is_empty() {
        String::new()
    } else {
        format!(" Then: {then}.")
    };
    Some(format!(
        "Most urgent: {} ({}, {:.0} % of {of}).{then}",
        first.verdict.id(),
        nouns.count(first.peers),
        share * 100.0
    ))
}

/// The causes, costliest first, each with its offenders; similar ones share a line.
pub(super) fn causes(to: &mut dyn Write, diagnosis: &Diagnosis, paint: &Paint) -> io::Result<()> {
    let accusing = || diagnosis.causes.iter().filter(|cause| cause.verdict.accuses());
    if accusing().next().is_none() {
        return Ok(());
    }
    writeln!(to, "{}", paint.bold("Causes, most costly first"))?;
    for cause in accusing() {
        one_cause(to, cause, diagnosis, paint)?;
    }
    writeln!(to)
}

fn one_cause(to: &mut dyn Write, cause: &Cause, diagnosis: &Diagnosis, paint: &Paint) -> io::Result<()> {
    writeln!(
        to,
        "  {}  {}, {} opened ({:.0} %), {} open now ({:.0} %)",
        paint.bad(&format!("{:<19}", cause.verdict.id())),
        Nouns::of(diagnosis).count(cause.peers),
        number(cause.opens),
        cause.share_of_opens * 100.0,
        number(cause.held),
        cause.share_of_held * 100.0,
    )?;
    let change = |to: &mut dyn Write, fix: &str| paragraph(to, &format!("What to change: {fix}"), 4);
    change(to, &cause.fix)?;
    let kinds = kinds(diagnosis, cause.verdict);
    let mut said = &cause.fix;
    for kind in kinds.iter().take(MAX_KINDS) {
        if kind.fix != *said {
            change(to, &kind.fix)?;
            said = &kind.fix;
        }
        offenders(to, &kind.peers)?;
    }
    let hidden: usize = kinds.iter().skip(MAX_KINDS).map(|kind| kind.peers.len()).sum();
    and_more(to, hidden)
}

/// Offenders whose sentences are alike.
struct Kind<'a> {
    fix: Cow<'static, str>,
    peers: Vec<&'a Judged>,
}

/// The offenders of one cause, worst first, grouped by what they have to change, service and further verdicts.
fn kinds(diagnosis: &Diagnosis, verdict: Verdict) -> Vec<Kind<'_>> {
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    for peer in diagnosis
        .peers
        .iter()
        .filter(|peer| peer.finding.verdict == verdict)
    {
        let fix = peer.fix();
        let is_alike = |known: &&mut Kind<'_>| {
            known.peers.first().is_some_and(|first| {
                known.fix == fix
                    && (first.id.port, first.id.direction, first.id.netns, &first.host)
                        == (peer.id.port, peer.id.direction, peer.id.netns, &peer.host)
                    && first.finding.also == peer.finding.also
            })
        };
        match kinds.iter_mut().find(is_alike) {
            Some(alike) => alike.peers.push(peer),
            // Next to the others with the same change.
            None => {
                let last = kinds.iter().rposition(|known| known.fix == fix);
                let peers = vec![peer];
                kinds.insert(last.map_or(kinds.len(), |last| last + 1), Kind { fix, peers });
            }
        }
    }
    kinds
}

/// The sentence of the worst, and the names of the others.
fn offenders(to: &mut dyn Write, alike: &[&Judged]) -> io::Result<()> {
    let Some((worst, others)) = alike.split_first() else {
        return Ok(());
    };
    let also = match worst.finding.also.as_slice() {
        [] => String::new(),
        also => format!(
            " (also {})",
            list(also.iter().map(|verdict| verdict.id().to_owned()))
        ),
    };
    let sentence = format!(
        "{}{also}: {}. Confidence {:.2}.",
        name(worst),
        worst.explanation(),
        worst.finding.confidence
    );
    paragraph(to, &sentence, 4)?;
    if let Some(shares) = shares(worst) {
        paragraph(to, &shares, 4)?;
    }
    if others.is_empty() {
        return Ok(());
    }
    let names = others.iter().take(MAX_NAMES).map(|peer| short_name(peer));
    let more = others.len().saturating_sub(MAX_NAMES) as u64;
    let more = if more > 0 {
        format!(" and {} more", number(more))
    } else {
        String::new()
    };
    paragraph(to, &format!("The same holds for {}{more}.", list(names)), 4)
}

/// What each host has of it, if there are several.
fn shares(peer: &Judged) -> Option<String> {
    let hosts = &peer.over.as_ref()?.hosts;
    if hosts.len() < 2 {
        return None;
    }
    let share = |on: &OnHost| format!("{} {}/{}", on.host, number(on.opens), number(on.held));
    let more = match hosts.len().saturating_sub(MAX_NAMES) as u64 {
        0 => String::new(),
        more => format!(" and {} more hosts", number(more)),
    };
    let shown = hosts.iter().take(MAX_NAMES).map(share);
    Some(format!("Opened/held on each: {}{more}.", list(shown)))
}

/// The peers not accused. They are listed individually only if there is something to decide, or good news.
pub(super) fn others(to: &mut dyn Write, diagnosis: &Diagnosis, paint: &Paint) -> io::Result<()> {
    let of = |verdict: Verdict| {
        diagnosis
            .peers
            .iter()
            .filter(move |peer| peer.finding.verdict == verdict)
    };
    let to_decide: Vec<&Judged> = of(Verdict::ManyHeld).collect();
    if let Some(first) = to_decide.first() {
        writeln!(to, "{}", paint.bold("To decide"))?;
        for peer in to_decide.iter().take(MAX_EACH) {
            paragraph(to, &format!("{}: {}", name(peer), peer.explanation()), 2)?;
        }
        and_more(to, to_decide.len().saturating_sub(MAX_EACH))?;
        paragraph(to, &first.fix(), 2)?;
        writeln!(to)?;
    }
    let recovered: Vec<&Judged> = diagnosis
        .peers
        .iter()
        .filter(|peer| peer.recovered.is_some() && !peer.finding.verdict.accuses())
        .collect();
    if !recovered.is_empty() {
        writeln!(to, "{}", paint.bold("Recovered"))?;
        for peer in recovered.iter().take(MAX_EACH) {
            if let Some(recovered) = &peer.recovered {
                let since = clock_seen_from(recovered.since, diagnosis.taken);
                writeln!(
                    to,
                    "  {}: good since {since}, was {}",
                    name(peer),
                    recovered.verdict
                )?;
            }
        }
        and_more(to, recovered.len().saturating_sub(MAX_EACH))?;
        writeln!(to)?;
    }
    if diagnosis.tally.accused == 0 {
        // Their sentences say what is missing.
        for peer in of(Verdict::InsufficientData).take(MAX_EACH) {
            paragraph(to, &format!("{}: {}", name(peer), peer.explanation()), 0)?;
        }
    }
    let mut innocent: BTreeMap<Verdict, u64> = BTreeMap::new();
    for peer in &diagnosis.peers {
        let verdict = peer.finding.verdict;
        if !verdict.accuses() && verdict != Verdict::ManyHeld {
            *innocent.entry(verdict).or_default() += 1;
        }
    }
    if !innocent.is_empty() {
        let counts = innocent
            .iter()
            .rev()
            .map(|(verdict, n)| format!("{} {verdict}", number(*n)));
        writeln!(to, "Not at fault: {} (--format json lists them)", list(counts))?;
        writeln!(to)?;
    }
    Ok(())
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn and_more(to: &mut dyn Write, hidden: usize) -> io::Result<()> {
    if hidden == 0 {
        return Ok(());
    }
    writeln!(
        to,
        "    … and {} more (--format json lists all)",
        number(hidden as u64)
    )
}
