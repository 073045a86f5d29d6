//! What a report takes from a directory besides the diagnosis: the course of the run, the rows of some peers,
//! and how the recording came about.

use std::path::Path;

use hashbrown::HashMap;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    MANIFEST,
    block::hex,
    error::EvidenceError,
    journal::Interval,
    manifest::Session,
    read::Evidence,
    rebuild::Rebuild,
    rows::{ConnectionRow, Kind, ListenerRow},
};
use crate::{
    diagnosis::words::duration,
    model::{
        chronicle::{Chronicle, Point},
        ended::Ended,
        peer::PeerId,
        sample::Moment,
        socket::Since,
    },
    report::html::{Basis, Digested},
    text::sanitise,
};

/// Maximum number of rows of connections that are looked through, the latest: they take a second.
const MAX_SCANNED: u64 = 500_000;

/// Maximum number of ended connections kept for each peer, the latest.
const MAX_ENDED: usize = 64;

/// Maximum number of filters listed.
const MAX_FILTERS: usize = 20;

/// What the journal has of an interval.
struct Brief {
    at: i128,
    /// Whether it has rows of all listeners, not only if they changed.
    whole: bool,
    open: u64,
    moved: (u64, u64),
    /// Rows of connections so far.
    rows: u64,
}

/// Whose connections a report shows.
pub(crate) enum Whose<'a> {
    /// Those of this host's peers.
    One,
    /// Those of the peers of a service that several hosts stand for.
    Service {
        /// The number of the service, which takes the place of their namespace.
        number: u32,
        /// A time of this host's clock on the common one, which is UTC, ns.
        common: &'a dyn Fn(i128) -> i128,
    },
}

impl Whose<'_> {
    fn id(&self, id: PeerId) -> PeerId {
        match self {
            Self::One => id,
            Self::Service { number, .. } => PeerId {
                netns: *number,
                ..id.of_no_process()
            },
        }
    }

    /// Puts a connection on the common clock. `reckoned_from` is what its times were reckoned from.
    fn moved(&self, mut ended: Ended, reckoned_from: Option<Moment>) -> Ended {
        let (Self::Service { common, .. }, Some(from)) = (self, reckoned_from) else {
            return ended;
        };
        let ahead = common(from.utc_ns) - i128::from(from.monotonic_ns);
        let moved = |ns: u64| u64::try_from(i128::from(ns) + ahead).unwrap_or(0);
        ended.closed_ns = moved(ended.closed_ns);
        ended.since = match ended.since {
            Since::Opened(ns) => Since::Opened(moved(ns)),
            Since::Seeded(ns) => Since::Seeded(moved(ns)),
            Since::Unknown => Since::Unknown,
        };
        ended
    }
}

/// An open recording.
pub(crate) struct Extract {
    evidence: Evidence,
    intervals: Vec<Brief>,
}

impl Extract {
    /// Opens a directory at the recording with this number, counted from 1, or at the last one.
    ///
    /// # Errors
    /// If it is not an evidence directory, or the recording does not exist or was removed.
    pub(crate) fn open(path: &Path, number: Option<u32>) -> Result<Self, EvidenceError> {
        let evidence = Evidence::open(path, number)?;
        let mut rows = 0;
        let briefs = evidence.frames.iter().map(|frame| {
            rows += frame.connections;
            let totals = frame.accounting.totals;
            Brief {
                at: frame.at.utc_ns,
                whole: frame.whole,
                open: frame.accounting.open_now,
                moved: (totals.opened, totals.closed),
                rows,
            }
        });
        let intervals = briefs.collect();
        Ok(Self { evidence, intervals })
    }

    /// When it began, RFC 3339, which sorts by time.
    pub(crate) fn started(&self) -> String {
        self.evidence.manifest.session.started.clone()
    }

    /// The course of the run up to a moment, UTC, ns.
    ///
    /// # Errors
    /// If a row is invalid.
    pub(crate) fn chronicle(&self, until: i128, onto: &mut Chronicle) -> Result<(), EvidenceError> {
        let mut rows = match self.evidence.has(Kind::Listeners) {
            true => Some(self.evidence.rows::<ListenerRow>()?.peekable()),
            false => None,
        };
        let interval_ns = i128::from(self.evidence.manifest.session.interval_ms) * 1_000_000;
        let mut known = self.intervals.iter().filter(|interval| interval.at <= until);
        let mut last: Option<Point> = None;
        loop {
            let brief = known.next();
            // Without a journal, the rows alone say when there was an interval.
            let at = match (brief, &mut rows) {
                (Some(brief), _) => brief.at,
                (None, Some(rows)) if self.intervals.is_empty() => match rows.peek() {
                    Some(Ok(row)) if row.sampled_at <= until => row.sampled_at,
                    Some(Err(_)) => i128::MAX,
                    _ => return Ok(()),
                },
                (None, _) => return Ok(()),
            };
            let mut listeners: Option<Point> = None;
            while let Some(row) = rows
                .as_mut()
                .and_then(|rows| rows.next_if(|row| row.as_ref().map_or(true, |row| row.sampled_at <= at)))
            {
                let row = row?;
                if row.sampled_at == at {
                    add(listeners.get_or_insert_default(), &row);
                }
            }
            let is_unchanged = brief.is_some_and(|brief| !brief.whole);
            // Listeners have rows when one of them changed.
            let kept = last.filter(|_| is_unchanged);
            let mut point = Point {
                at,
                ..listeners.or(kept).unwrap_or_default()
            };
            if let Some(brief) = brief {
                (point.open, point.moved) = (brief.open, Some(brief.moved));
            }
            // Intervals in which nothing changed are left out, and what changed then did so in the last one.
            if let Some(last) =
                last.filter(|last| interval_ns > 0 && at.saturating_sub(last.at) >= 2 * interval_ns)
            {
                onto.add(Point {
                    at: at - interval_ns,
                    ..last
                });
            }
            onto.add(point);
            last = Some(point);
        }
    }

    /// The latest connections of some peers that ended between two moments, UTC, ns.
    ///
    /// # Errors
    /// If a row is invalid.
    pub(crate) fn ended(
        &mut self,
        peers: &[PeerId],
        (from, to): (i128, i128),
        whose: &Whose<'_>,
    ) -> Result<HashMap<PeerId, Vec<Ended>>, EvidenceError> {
        let mut found: HashMap<PeerId, Vec<Ended>> = HashMap::new();
        let all = self
            .intervals
            .iter()
            .rfind(|one| one.at <= to)
            .map_or(0, |one| one.rows);
        let is_near = |one: &&Brief| all.saturating_sub(one.rows) <= MAX_SCANNED;
        let near = self.intervals.iter().find(is_near).map_or(from, |one| one.at);
        self.evidence.narrow(from.max(near), to)?;
        if peers.is_empty() || !self.evidence.has(Kind::Connections) {
            return Ok(found);
        }
        let session = &self.evidence.manifest.session;
        let (prefixes, mut rebuild) = (session.filters.prefixes(), Rebuild::new(session));
        let newest = self.evidence.last.as_ref().and_then(Interval::moment);
        if let Some(newest) = newest {
            rebuild.reckon_from(newest);
        }
        for row in self.evidence.rows::<ConnectionRow>()? {
            let row = row?;
            if row.closed_at.is_none_or(|closed| closed > to || closed < from) {
                continue;
            }
            let id = whose.id(row.peer(prefixes));
            // Those that short-lived processes share are found by their name, those of strangers by their
            // network.
            let is_of = |peer: &&PeerId| {
                let shared = peer.program.zip(row.owner_comm.as_deref());
                **peer == id
                    || shared.is_some_and(|(_, comm)| id.of_program(comm) == **peer)
                    || id.among_strangers() == Some(**peer)
            };
            let Some(peer) = peers.iter().find(is_of) else {
                continue;
            };
            let kept = found.entry(*peer).or_default();
            if kept.len() == 2 * MAX_ENDED {
                kept.drain(..MAX_ENDED);
            }
            kept.extend(rebuild.ended(&row).map(|ended| whose.moved(ended, newest)));
        }
        Ok(found)
    }

    /// How it came about; in one line if it is one of several.
    ///
    /// # Errors
    /// If the manifest cannot be read again.
    pub(crate) fn basis(&self, is_alone: bool) -> Result<Basis, EvidenceError> {
        let session = &self.evidence.manifest.session;
        let path = self.evidence.folder.path();
        let facts = match is_alone {
            true => facts(session),
            false => vec![("Recording", one_line(session))],
        };
        let of = |name: &str| match is_alone {
            true => name.to_owned(),
            false => sanitise(&path.join(name).to_string_lossy()),
        };
        let manifest = self
            .evidence
            .folder
            .read(MANIFEST, super::manifest::MAX_MANIFEST)?;
        let mut files = vec![Digested {
            name: of(MANIFEST),
            bytes: manifest.len() as u64,
            sha256: hex(&Sha256::digest(&manifest)),
        }];
        let listed = self.evidence.manifest.files.iter();
        files.extend(
            listed
                .filter(|(_, listed)| !listed.sha256.is_empty())
                .map(|(name, listed)| Digested {
                    name: of(name),
                    bytes: listed.bytes,
                    sha256: listed.sha256.clone(),
                }),
        );
        Ok(Basis {
            facts,
            notes: Vec::new(),
            files,
        })
    }
}

/// Adds what a listener holds.
fn add(point: &mut Point, row: &ListenerRow) {
    let backlog = row.backlog();
    point.open = point.open.saturating_add(row.held);
    point.close_wait = point.close_wait.saturating_add(row.close_wait);
    point.never_accepted = point.never_accepted.saturating_add(row.never_accepted);
    point.add_queue(backlog.accept_queue, backlog.accept_queue_limit);
    if let (Some(busy), Some(idle)) = (row.busy_workers, row.idle_workers) {
        point.add_workers(busy, busy.saturating_add(idle));
    }
}

/// A time of the manifest for people.
fn to_the_second(time: &str) -> String {
    time.parse().map_or_else(
        |_| time.to_owned(),
        |time: Timestamp| time.strftime("%F %T UTC").to_string(),
    )
}

fn facts(session: &Session) -> Vec<(&'static str, String)> {
    let end = session.stopped.as_deref();
    let end = end.map_or_else(
        || "not stopped properly, or still running".to_owned(),
        to_the_second,
    );
    let mut facts = vec![
        (
            "Recorded",
            format!(
                "{} to {end}, a sample every {}",
                to_the_second(&session.started),
                interval(session)
            ),
        ),
        ("Traced", filters(session)),
        ("Recorder", format!("tcpreuse {}", session.version)),
    ];
    facts.extend(session.boot_id.clone().map(|boot| ("Boot", boot)));
    let programs = session.programs_sha256.clone();
    facts.extend(programs.map(|sha256| ("BPF programs", format!("SHA-256 {sha256}"))));
    if session.rows_not_written > 0 {
        facts.push(("Rows not written", session.rows_not_written.to_string()));
    }
    facts
}

fn one_line(session: &Session) -> String {
    format!("{}: {}, from {}", session.host, filters(session), session.started)
}

fn interval(session: &Session) -> String {
    duration(session.interval_ms.saturating_mul(1_000_000))
}

/// What was traced.
fn filters(session: &Session) -> String {
    let filters = &session.filters;
    let list = |all: &mut dyn Iterator<Item = String>| all.take(MAX_FILTERS).collect::<Vec<_>>().join(", ");
    let mut parts = vec![match &*filters.ports {
        [] => "all ports".to_owned(),
        [port] => format!("port {port}"),
        ports => format!("ports {}", list(&mut ports.iter().map(u16::to_string))),
    }];
    parts.push(match &*filters.direction {
        "" | "both" => "inbound and outbound".to_owned(),
        direction => direction.to_owned(),
    });
    if !filters.peers.is_empty() {
        parts.push(format!("peers {}", list(&mut filters.peers.iter().cloned())));
    }
    if !filters.exclude.is_empty() {
        parts.push(format!("without {}", list(&mut filters.exclude.iter().cloned())));
    }
    parts.extend(filters.netns.map(|netns| format!("network namespace {netns}")));
    parts.extend(filters.cgroup.map(|_| "one cgroup".to_owned()));
    let prefixes = filters.prefixes();
    if !prefixes.are_addresses() {
        parts.push(format!("peers grouped by /{} and /{}", prefixes.v4, prefixes.v6));
    }
    parts.join(", ")
}

/// The report of a whole directory, as `report` makes it.
///
/// # Errors
/// If it is not an evidence directory, or a row is invalid.
#[cfg(any(test, feature = "testing"))]
pub fn page(path: &Path) -> Result<Vec<u8>, EvidenceError> {
    use crate::{
        evidence::load::load,
        report::html::{self, Host, Material, to_prove},
    };
    let loaded = load(path)?;
    let (sample, judge) = (&loaded.sample, &loaded.judge);
    let diagnosis = judge.again(sample, &loaded.options);
    let mut extract = Extract::open(path, None)?;
    let mut chronicle = Chronicle::default();
    extract.chronicle(sample.taken.utc_ns, &mut chronicle)?;
    let peers = to_prove(&diagnosis).into_iter();
    let peers: Vec<PeerId> = peers
        .filter_map(|place| Some(diagnosis.peers.get(place)?.id))
        .collect();
    let start = judge.history().window().start().unwrap_or(sample.started);
    let host = Host {
        name: None,
        sample,
        judge,
        chronicle,
        ended: extract.ended(&peers, (start.utc_ns, sample.taken.utc_ns), &Whose::One)?,
    };
    let material = Material::of(&diagnosis, vec![host], extract.basis(true)?);
    let mut page = Vec::new();
    html::write(&mut page, &diagnosis, &loaded.origin, &material)
        .map_err(|error| EvidenceError::io(path, "cannot write its report", error))?;
    Ok(page)
}

#[cfg(test)]
mod tests;
