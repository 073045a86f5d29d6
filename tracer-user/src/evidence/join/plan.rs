//! Which recordings belong together, over which time, before any is read as a whole.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::skew;
use crate::{
    diagnosis::{Skew, words},
    evidence::{
        EvidenceError,
        load::{Period, Wanted},
    },
    model::window::Grid,
    report::day_and_clock_of,
};

/// Hosts whose recordings begin or end further apart than this are said to, ns.
const APART_NS: i128 = 10_000_000_000;

/// The recordings of one host, of one service.
#[derive(Clone, Debug)]
pub struct Group {
    /// The host's name.
    pub host: String,
    /// The number of the service.
    pub service: u32,
    /// The directories.
    pub paths: Vec<PathBuf>,
    /// What is judged of it; UTC by its own clock, ns.
    pub begin: i128,
    /// The same.
    pub end: i128,
    /// When tracing began.
    pub started: i128,
    /// Whether connections of its own processes were traced.
    pub(super) has_outbound: bool,
    /// How its clock differs.
    pub skew: Skew,
}

impl Group {
    /// A time of this host's clock on the common one.
    pub fn common_ns(&self, utc_ns: i128) -> u64 {
        let ahead_ns = match self.skew {
            Skew::Measured { ahead_ns, .. } => ahead_ns,
            Skew::Reference | Skew::Unknown => 0,
        };
        u64::try_from(utc_ns - i128::from(ahead_ns)).unwrap_or(0)
    }

    /// Says that it was not recorded for as long as others.
    pub(super) fn outside(&self, plan: &Plan) -> Option<String> {
        let (begin, end) = (self.common_ns(self.begin), self.common_ns(self.end));
        let late = i128::from(begin) - i128::from(plan.grid.begin_ns());
        let early = i128::from(plan.grid.end_ns()) - i128::from(end);
        (late > APART_NS || early > APART_NS).then(|| {
            format!(
                "was recorded only from {} to {}; before and after it is taken to have held what it held then",
                day_and_clock_of(self.begin),
                day_and_clock_of(self.end),
            )
        })
    }
}

/// A service and a host, by their names.
type ByHost = (Option<String>, String);

/// What is joined.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The hosts, by name and service.
    pub groups: Vec<Group>,
    /// The names of the services.
    pub services: Vec<Option<Arc<str>>>,
    /// The moments at which hosts are compared.
    pub grid: Grid,
    /// When the first began to trace, on the common clock.
    pub started_ns: u64,
}

impl Plan {
    /// Looks at each directory. One that cannot be read is left out, with the reason.
    pub fn of(
        paths: &[PathBuf],
        wanted: &Wanted,
        service: Option<&str>,
    ) -> (Self, Vec<(PathBuf, EvidenceError)>) {
        let mut refused = Vec::new();
        let mut found: BTreeMap<ByHost, Vec<(PathBuf, Period)>> = BTreeMap::new();
        for path in paths {
            match Period::of(path, wanted) {
                Ok(period) => {
                    let service = service.map(str::to_owned).or_else(|| period.service.clone());
                    let key = (service, period.host.clone());
                    found.entry(key).or_default().push((path.clone(), period));
                }
                Err(error) => refused.push((path.clone(), error)),
            }
        }
        let mut services: Vec<Option<String>> = found.keys().map(|(service, _)| service.clone()).collect();
        services.dedup();
        let groups = found.into_iter().filter_map(|((service, host), all)| {
            let number = services.iter().position(|known| *known == service)?;
            // Open connections and growth are those of the last one.
            let last = all
                .iter()
                .map(|(_, period)| period)
                .max_by_key(|period| period.end)?;
            Some(Group {
                host,
                service: u32::try_from(number).ok()?,
                begin: last.begin,
                end: last.end,
                started: last.started,
                has_outbound: all.iter().any(|(_, period)| period.has_outbound),
                paths: all.iter().map(|(path, _)| path.clone()).collect(),
                skew: Skew::Unknown,
            })
        });
        let mut groups: Vec<Group> = groups.collect();
        let found = skew::measure(&groups);
        for (group, skew) in groups.iter_mut().zip(found) {
            group.skew = skew;
        }
        let times = |of: fn(&Group) -> i128| groups.iter().map(move |group| group.common_ns(of(group)));
        let begin_ns = times(|group| group.begin).min().unwrap_or(0);
        let end_ns = times(|group| group.end).max().unwrap_or(begin_ns);
        let started_ns = times(|group| group.started).min().unwrap_or(begin_ns);
        let plan = Self {
            grid: Grid::between(begin_ns, end_ns),
            started_ns: started_ns.min(begin_ns),
            services: services
                .into_iter()
                .map(|name| name.map(|name| name.as_str().into()))
                .collect(),
            groups,
        };
        (plan, refused)
    }

    /// What there is to know about the hosts together, and their clocks.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let hosts = words::count(self.groups.len() as u64, "host", "hosts");
        notes.push(match self.services.as_slice() {
            [None] => format!("{hosts} are judged as one service"),
            [Some(name)] => format!("{hosts} are judged as the service {name}"),
            several => format!("{hosts} are judged as {} services", several.len()),
        });
        let reference = self.groups.iter().find(|group| group.skew == Skew::Reference);
        for group in &self.groups {
            if let (
                Some(reference),
                Skew::Measured {
                    ahead_ns,
                    connections,
                },
            ) = (reference, group.skew)
            {
                notes.push(format!(
                    "the clock of {} is {} {} that of {} (measured by {}), which is corrected",
                    group.host,
                    words::duration(ahead_ns.unsigned_abs()),
                    if ahead_ns < 0 { "behind" } else { "ahead of" },
                    reference.host,
                    words::count(connections as u64, "connection", "connections"),
                ));
            }
        }
        let unknown = self.groups.iter().filter(|group| group.skew == Skew::Unknown);
        let unknown = unknown.count() as u64;
        if unknown > 0 && self.groups.len() > 1 {
            notes.push(format!(
                "the clocks of {} are taken as they are: no connection shows in two recordings, so how far they differ \
                 is unknown",
                words::count(unknown, "host", "hosts")
            ));
        }
        notes
    }
}

/// A directory as it is written in messages.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
