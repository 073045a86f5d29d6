//! Recordings of several hosts: read some at a time, and added up.

use std::{num::NonZero, path::Path, sync::mpsc, thread};

use anyhow::Context;

use super::Asked;
use crate::{
    config,
    diagnosis::Options,
    evidence::{
        join::{Group, Join, Joined, Part, Plan},
        load::{Loaded, Wanted, load_wanted, reached},
        merge::by_host,
        select::select,
    },
    exit::Failure,
    filter::Filter,
    memory,
    model::names::Names,
};

/// How many hosts are read at the same time. Each takes some 10 KiB a peer meanwhile.
const MAX_AT_ONCE: usize = 4;

/// Reads and judges one recording with the options that were given, together with the earlier ones of its
/// directory into which the window reaches.
pub(super) fn load(asked: &Asked<'_>, path: &Path, filter: &Filter) -> Result<Loaded, Failure> {
    let wanted = asked.wanted();
    let mut last = one(asked, path, filter, &wanted)?;
    let mut all = Vec::new();
    for earlier in reached(path, &wanted)? {
        match one(asked, path, filter, &earlier) {
            Ok(earlier) => all.push(earlier),
            Err(error) => {
                last.notes.push(format!("the window is shorter: {error}"));
                break;
            }
        }
    }
    if all.is_empty() {
        return Ok(last);
    }
    all.push(last);
    let merged = by_host(all).into_iter().next();
    merged.context("nothing to merge").map_err(Failure::from)
}

fn one(asked: &Asked<'_>, path: &Path, filter: &Filter, wanted: &Wanted) -> Result<Loaded, Failure> {
    let mut loaded = load_wanted(path, wanted)?;
    select(&mut loaded.sample, filter)?;
    let recorded = loaded.options.clone();
    loaded.options = asked.server.options_over(loaded.options);
    loaded.options.thresholds = config::of_recording(asked.settings, loaded.options.thresholds)?;
    if loaded.options != recorded {
        loaded.judge.reconsider();
    }
    Ok(loaded)
}

/// How peers are called: as in any of the recordings, unless it is said otherwise now.
///
/// # Errors
/// If there are too many names, or those given now cannot be read.
pub(super) fn names<'a>(
    asked: &Asked<'_>,
    recorded: impl Iterator<Item = &'a Options>,
) -> Result<Names, Failure> {
    let mut names = Names::default();
    for options in recorded {
        names = names.with(options.names.all()).map_err(Failure::Usage)?;
    }
    config::names_of_recording(asked.settings, &names)
}

/// Joins the hosts of a plan. Recordings that cannot be read are left out, with the reason.
///
/// # Errors
/// If none can be read.
pub(super) fn join(
    asked: &Asked<'_>,
    plan: &Plan,
    filter: &Filter,
) -> Result<(Joined, Vec<Failure>), Failure> {
    let at_once = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MAX_AT_ONCE);
    let mut join = Join::new(plan);
    let mut refused = Vec::new();
    memory::use_by(at_once);
    let whole = thread::scope(|scope| {
        // Each thread reads its share of the hosts, and waits until one is taken before it reads the next.
        let (reading, parts): (Vec<_>, Vec<_>) = (0..at_once)
            .map(|first| {
                let (give, take) = mpsc::sync_channel(0);
                let mine = plan.groups.iter().skip(first).step_by(at_once);
                let read = move || {
                    for group in mine {
                        if give.send(part(asked, plan, group, filter)).is_err() {
                            return;
                        }
                    }
                };
                (scope.spawn(read), take)
            })
            .unzip();
        // In the order of their names, however long each takes.
        let whole = parts.iter().cycle().take(plan.groups.len()).all(|parts| {
            let Ok((part, failures)) = parts.recv() else {
                return false;
            };
            refused.extend(failures);
            if let Some(part) = part {
                join.add(part);
            }
            true
        });
        drop(parts);
        // All of them, whatever became of the others.
        let ended = reading.into_iter().map(|one| one.join().is_ok());
        ended.fold(whole, |all, one| all && one)
    });
    if !whole {
        return Err(anyhow::anyhow!("a thread that reads a recording failed").into());
    }
    join.call(names(asked, join.options())?);
    match join.finish() {
        Some(joined) => Ok((joined, refused)),
        None => Err(first(refused)),
    }
}

/// The recordings of one host, merged; `None` if none can be read.
fn part(asked: &Asked<'_>, plan: &Plan, group: &Group, filter: &Filter) -> (Option<Part>, Vec<Failure>) {
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    for path in &group.paths {
        match load(asked, path, filter) {
            Ok(loaded) => all.push(loaded),
            Err(failure) => failures.push(failure),
        }
    }
    let merged = by_host(all).into_iter().next();
    (merged.map(|loaded| Part::of(loaded, group, plan)), failures)
}

/// What is said when nothing can be answered.
pub(super) fn first(failures: Vec<Failure>) -> Failure {
    let none = || Failure::Usage("--from needs a directory".to_owned());
    failures.into_iter().next().unwrap_or_else(none)
}

impl Asked<'_> {
    /// Which part of each recording is wanted.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            number: self.recording,
            at: self.at,
            window_ns: self.window_ns,
        }
    }
}
