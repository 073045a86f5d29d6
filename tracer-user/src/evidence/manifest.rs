//! `manifest.json`: where, when and how the evidence was made, and its files.

use std::{collections::BTreeMap, fs, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Folder, MANIFEST, error::EvidenceError, rows::Kind};
use crate::{
    diagnosis::{Options, words},
    filter::Prefixes,
    kernel::settings::Settings,
    model::{accounting::Losses, sample::Moment},
    report::{Counts, Origin, timestamp, utc_ns},
    text::sanitise,
};

/// Name and version of the layout.
pub const SCHEMA: &str = "tcpreuse.evidence/1";

/// Maximum number of earlier recordings that are listed, each with all its settings: a service that is
/// restarted again and again adds one each time.
const MAX_EARLIER: usize = 100;

/// Maximum size of a manifest, bytes.
pub(super) const MAX_MANIFEST: u64 = 16 << 20;

/// Both clocks at one moment, from which every time in the files is computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Clock {
    /// Monotonic, ns since boot.
    pub monotonic_ns: u64,
    /// UTC, RFC 3339.
    pub utc: String,
}

impl Clock {
    /// Converts a moment for the file.
    pub fn of(moment: Moment) -> Self {
        Self {
            monotonic_ns: moment.monotonic_ns,
            utc: timestamp(moment),
        }
    }

    /// Converts back; `None` if the time is invalid.
    pub fn moment(&self) -> Option<Moment> {
        Some(Moment {
            monotonic_ns: self.monotonic_ns,
            utc_ns: utc_ns(&self.utc)?,
        })
    }
}

/// What was traced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filters {
    /// Ports; empty means all.
    pub ports: Vec<u16>,
    /// Remote networks; empty means all.
    pub peers: Vec<String>,
    /// Excluded remote networks.
    pub exclude: Vec<String>,
    /// `inbound`, `outbound` or `both`.
    pub direction: String,
    /// The only network namespace.
    pub netns: Option<u32>,
    /// The only cgroup, by its id.
    pub cgroup: Option<u64>,
    /// Prefix length by which IPv4 peers are grouped.
    pub prefix4: Option<u8>,
    /// Prefix length by which IPv6 peers are grouped.
    pub prefix6: Option<u8>,
}

impl Filters {
    /// The filters of these settings.
    pub fn of(settings: &Settings) -> Self {
        let filter = &settings.filter;
        let texts = |networks: &[ipnet::IpNet]| networks.iter().map(ToString::to_string).collect();
        Self {
            ports: filter.ports.clone(),
            peers: texts(&filter.include),
            exclude: texts(&filter.exclude),
            direction: format!("{:?}", filter.directions).to_lowercase(),
            netns: filter.netns,
            cgroup: filter.cgroup.map(|cgroup| cgroup.id),
            prefix4: Some(filter.prefix4),
            prefix6: Some(filter.prefix6),
        }
    }

    /// How peers were grouped, limited to valid lengths.
    pub fn prefixes(&self) -> Prefixes {
        Prefixes {
            v4: self.prefix4.unwrap_or(32).min(32),
            v6: self.prefix6.unwrap_or(128).min(128),
        }
    }
}

/// One recording; after `--append` a directory has several.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// Counts from 1.
    pub session: u64,
    /// Version of tcpreuse.
    pub version: String,
    /// SHA-256 of the BPF object; `null` for one given with --object.
    pub programs_sha256: Option<String>,
    /// Host name.
    pub host: String,
    /// Kernel release.
    pub kernel: String,
    /// The service that this host provides together with others; `None` if none was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Identifies the boot, so that monotonic times can be compared.
    pub boot_id: Option<String>,
    /// Both clocks at the start.
    pub clock: Clock,
    /// What was traced.
    pub filters: Filters,
    /// The options of the diagnosis.
    pub options: Option<Options>,
    /// The interval between samples.
    pub interval_ms: u64,
    /// How much time before each sample was judged, ns; `None` means the whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_ns: Option<u64>,
    /// Start, RFC 3339.
    pub started: String,
    /// End; `null` if it is still running or did not end properly.
    pub stopped: Option<String>,
    /// Connections a well-behaved peer holds, as used for `overlap` and `overlaps`.
    pub expected_connections: Option<u32>,
    /// Seeded, opened, closed and open connections.
    pub accounting: Counts,
    /// Losses by cause.
    pub losses: Losses,
    /// Rows that could not be written.
    pub rows_not_written: u64,
    /// The last complete interval.
    pub intervals: u64,
    /// The segment of the files in which the recording begins.
    pub first_segment: u64,
    /// Its offset in each file of that segment, bytes.
    pub begins: BTreeMap<String, u64>,
    /// How the live view's evidence differs from that of `record`; `None` if `record` wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_view: Option<FromView>,
    /// Why the flight recorder of `serve` kept it; `None` if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

impl Session {
    /// Describes a run on this machine.
    pub fn here(settings: &Settings, interval: Duration, window_ns: u64) -> Self {
        let origin = Origin::this_machine();
        let own_programs = || env!("TCPREUSE_OBJECT_SHA256").to_owned();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            programs_sha256: settings.object.is_none().then(own_programs),
            host: origin.host,
            kernel: origin.kernel,
            boot_id: boot_id(),
            filters: Filters::of(settings),
            interval_ms: milliseconds(interval),
            window_ns: Some(window_ns),
            ..Self::default()
        }
    }
}

/// An interval in whole milliseconds.
pub fn milliseconds(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(u64::MAX)
}

/// What the live view has written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FromView {
    /// The intervals that have rows.
    pub intervals: String,
    /// Connections that ended while traced.
    pub connections_ended: u64,
    /// How many of them have a row: the view keeps only the latest records.
    pub connections_ended_rows: u64,
    /// What is incomplete, one line each.
    pub incomplete: Vec<String>,
}

/// Why a recording of the flight recorder was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Every reason that came up while it was written, oldest first.
    pub reasons: Vec<Why>,
    /// Whether the recorder was killed before it was complete.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
}

/// One reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Why {
    /// When it came up, RFC 3339.
    pub at: String,
    /// `surge`, `verdict`, `signal`, `request` or `interrupted`.
    pub reason: String,
    /// The same in words.
    pub text: String,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listed {
    /// Length.
    pub bytes: u64,
    /// Rows without the header, for a file of rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// SHA-256.
    pub sha256: String,
    /// Its segment, if it is one of the files that grow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<u64>,
    /// The previous digest while the file is being replaced; empty if there was no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_sha256: Option<String>,
    /// The length that belongs to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_bytes: Option<u64>,
}

/// Maximum length of a file that is replaced as a whole, if the manifest does not have it, bytes.
const MAX_REPLACED: u64 = 1 << 30;

impl Listed {
    /// Whether a file of this length may be the one that is listed, or the one before it.
    pub(super) fn may_have(&self, bytes: u64) -> bool {
        let before = match (&self.previous_sha256, self.previous_bytes) {
            (None, _) => false,
            (Some(_), Some(before)) => bytes == before,
            // An older version did not write it.
            (Some(_), None) => bytes <= MAX_REPLACED,
        };
        bytes == self.bytes || self.sha256.is_empty() || before
    }
}

/// What was removed to limit the size of the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Removed {
    /// Segments; they are numbered from 1, and the oldest are removed first.
    pub segments: u64,
    /// Bytes.
    pub bytes: u64,
    /// Rows of `connections.csv`.
    pub connections_rows: u64,
    /// Rows of `peers.csv`.
    pub peers_rows: u64,
    /// Rows of `listeners.csv`.
    pub listeners_rows: u64,
    /// Rows of `events.csv`.
    pub events_rows: u64,
}

impl Removed {
    /// The rows of one kind.
    pub(super) fn rows_mut(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Connections => &mut self.connections_rows,
            Kind::Peers => &mut self.peers_rows,
            Kind::Listeners => &mut self.listeners_rows,
            Kind::Events => &mut self.events_rows,
        }
    }
}

/// The whole manifest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: String,
    /// The last recording.
    #[serde(flatten)]
    pub session: Session,
    /// Earlier recordings.
    pub earlier: Vec<Session>,
    /// The current segment of the files that grow.
    pub segment: u64,
    /// What rotation has removed.
    pub removed: Removed,
    /// Every other file.
    pub files: BTreeMap<String, Listed>,
}

impl Manifest {
    /// Reads it.
    ///
    /// # Errors
    /// If it does not exist, is invalid, or has another schema.
    pub fn read(folder: &Folder) -> Result<Self, EvidenceError> {
        let path = folder.path_of(MANIFEST);
        let bytes = folder.read(MANIFEST, MAX_MANIFEST).map_err(|error| {
            if error.is_missing() {
                EvidenceError::new(
                    folder.path(),
                    "has no manifest.json, so it is not an evidence directory; name one that `tcpreuse record` made",
                )
            } else {
                error
            }
        })?;
        let mut manifest: Self = serde_json::from_slice(&bytes)
            .map_err(|error| EvidenceError::new(&path, format!("is not a manifest: {error}")))?;
        if manifest.schema != SCHEMA {
            return Err(EvidenceError::new(
                &path,
                format!(
                    "has the schema {:?}, and this tcpreuse reads {SCHEMA:?}; use the version that recorded it",
                    manifest.schema.chars().take(64).collect::<String>()
                ),
            ));
        }
        for session in manifest.earlier.iter_mut().chain([&mut manifest.session]) {
            session.host = sanitise(&session.host);
            session.kernel = sanitise(&session.kernel);
            let thresholds = session.options.as_ref().map(|options| options.thresholds);
            if thresholds.is_some_and(|thresholds| !thresholds.are_possible()) {
                return Err(EvidenceError::new(&path, "contains invalid thresholds"));
            }
        }
        Ok(manifest)
    }

    /// Number of recordings in the directory up to the current one.
    pub fn recordings(&self) -> usize {
        let number = usize::try_from(self.session.session).unwrap_or(usize::MAX);
        number.max(self.earlier.len() + 1)
    }

    /// Begins another recording. The oldest ones are no longer listed then, if there are many.
    pub(super) fn begin_session(&mut self, session: Session) {
        let session = Session {
            session: self.session.session + 1,
            ..session
        };
        self.earlier.push(std::mem::replace(&mut self.session, session));
        let too_many = self.earlier.len().saturating_sub(MAX_EARLIER);
        self.earlier.drain(..too_many);
    }

    /// Makes one recording, counted from 1, the current one; later ones are dropped.
    ///
    /// # Errors
    /// If there is no such recording, why not.
    pub fn choose(&mut self, number: usize) -> Result<(), String> {
        let all = self.recordings();
        if number == 0 || number > all {
            let has = words::count(all as u64, "recording", "recordings");
            return Err(format!("holds {has}; there is no recording {number}"));
        }
        if number == all {
            return Ok(());
        }
        // All are numbered, and the last of those listed is the one before the current one.
        let listed = (number + self.earlier.len()).checked_sub(all);
        match listed {
            Some(place) if place < self.earlier.len() => {
                self.earlier.truncate(place + 1);
                self.session = self.earlier.pop().unwrap_or_default();
                Ok(())
            }
            _ => Err(format!(
                "holds {all} recordings, of which the last {} are listed: recording {number} is not",
                self.earlier.len() + 1
            )),
        }
    }

    /// Writes it atomically, and returns its length.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, folder: &Folder) -> Result<u64, EvidenceError> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| EvidenceError::new(&folder.path_of(MANIFEST), error.to_string()))?;
        bytes.push(b'\n');
        folder.replace(MANIFEST, &bytes)?;
        Ok(bytes.len() as u64)
    }

    /// The host of the last recording.
    pub fn origin(&self) -> Origin {
        Origin {
            host: self.session.host.clone(),
            kernel: self.session.kernel.clone(),
        }
    }
}

/// The id of this machine's current boot.
fn boot_id() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(sanitise(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_names_its_programs_unless_they_were_given() {
        let session = |settings: &Settings| Session::here(settings, Duration::from_millis(1500), 7);
        let mut settings = Settings::default();
        let own = session(&settings);
        assert_eq!(
            own.programs_sha256.as_deref(),
            Some(env!("TCPREUSE_OBJECT_SHA256"))
        );
        assert_eq!((own.interval_ms, own.window_ns), (1500, Some(7)));
        settings.object = Some("given.o".into());
        assert_eq!(session(&settings).programs_sha256, None);
    }
}
