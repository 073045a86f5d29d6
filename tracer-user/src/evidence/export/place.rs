//! Where the files lie, and which of them are there already.

use std::{fs::File, path::PathBuf};

use jiff::Timestamp;
use parquet::file::{
    metadata::{KeyValue, ParquetMetaData},
    reader::{FileReader, SerializedFileReader},
};

use super::{SCHEMA, track::Unit};
use crate::{
    evidence::{EvidenceError, Folder, dir::Unfinished, manifest::Session, rows::Kind, service::Service},
    report::utc_ns,
};

/// What a file says of itself: its schema, and up to which interval it goes, monotonic, ns.
const SAYS_SCHEMA: &str = "tcpreuse.schema";
const SAYS_END: &str = "tcpreuse.end";

/// Longer names of hosts are cut in names of files.
const MAX_HOST: usize = 64;

/// What all files of a recording have in common.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    pub(super) host: String,
    pub(super) boot: Option<String>,
    pub(super) service: Service,
    /// When tracing began, UTC, ns: since then the counters count.
    pub(super) started: Option<i128>,
}

impl Labels {
    pub(super) fn of(session: &Session, service: Service) -> Self {
        Self {
            host: session.host.clone(),
            boot: session.boot_id.clone(),
            service,
            started: utc_ns(&session.started),
        }
    }

    /// The name of a file. The time since boot of its first interval tells it from all others of the host.
    fn file_name(&self, unit: &Unit) -> String {
        let plain = |text: &str| -> String {
            let allowed = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
            let chars = text.chars().take(MAX_HOST);
            let text: String = chars.map(|c| if allowed(c) { c } else { '_' }).collect();
            // Engines skip names that begin with a dot or an underscore.
            text.trim_start_matches(['.', '_']).to_owned()
        };
        let named = |text: String| {
            if text.is_empty() {
                "unknown".to_owned()
            } else {
                text
            }
        };
        let host = named(plain(&self.host));
        let boot = named(plain(&self.boot.as_deref().unwrap_or_default().replace('-', "")));
        format!("{host}-{boot}-{:018}.parquet", unit.first.monotonic_ns)
    }
}

/// The directories of one kind of file from the root down.
fn directories(kind: Kind, labels: &Labels, unit: &Unit) -> [String; 4] {
    let (date, hour) = &unit.hour;
    [
        kind.stem().to_owned(),
        format!("service={}", labels.service),
        format!("date={date}"),
        format!("hour={hour}"),
    ]
}

/// Date and hour of a time, UTC, ns, as in the names of directories.
pub(super) fn hour(utc_ns: i128) -> (String, String) {
    let text = Timestamp::from_nanosecond(utc_ns).map_or_else(|_| String::new(), |at| format!("{at:.0}"));
    let (date, clock) = text.split_once('T').unwrap_or(("unknown", "00"));
    (date.to_owned(), clock.chars().take(2).collect())
}

/// The directory for all of them.
#[derive(Debug)]
pub(super) struct Place {
    root: Folder,
}

impl Place {
    pub(super) fn new(root: Folder) -> Self {
        Self { root }
    }

    fn folder(&self, kind: Kind, labels: &Labels, unit: &Unit) -> Result<Folder, EvidenceError> {
        let names = directories(kind, labels, unit);
        let mut names = names.iter();
        let first = names.next().map_or("", String::as_str);
        let first = self.root.within(first)?;
        names.try_fold(first, |folder, name| folder.within(name))
    }

    /// Whether a file is there, and has all intervals.
    ///
    /// # Errors
    /// If something else has its name.
    pub(super) fn has(&self, kind: Kind, labels: &Labels, unit: &Unit) -> Result<bool, EvidenceError> {
        let mut path = PathBuf::new();
        path.extend(directories(kind, labels, unit));
        let name = labels.file_name(unit);
        match self.root.look(&path, &name) {
            Ok(file) => says(file)
                .map(|end| end >= unit.last.monotonic_ns)
                .map_err(|what| EvidenceError::new(&self.root.path().join(path).join(name), what)),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Begins a file. One of that name is replaced when it is finished.
    pub(super) fn begin(
        &self,
        kind: Kind,
        labels: &Labels,
        unit: &Unit,
    ) -> Result<(Unfinished, PathBuf), EvidenceError> {
        let folder = self.folder(kind, labels, unit)?;
        let name = labels.file_name(unit);
        let path = folder.path_of(&name);
        Ok((folder.begin_file(&name)?, path))
    }
}

/// What a file is to say of itself.
pub(super) fn about(unit: &Unit) -> Vec<KeyValue> {
    vec![
        KeyValue::new(SAYS_SCHEMA.to_owned(), SCHEMA.to_owned()),
        KeyValue::new(SAYS_END.to_owned(), unit.last.monotonic_ns.to_string()),
    ]
}

/// Up to which interval a file goes; otherwise what is wrong with it.
fn says(file: File) -> Result<u64, String> {
    let reader = SerializedFileReader::new(file).map_err(|error| {
        format!(
            "is damaged or no Parquet file, so it is left alone ({error}); remove it to have it made again"
        )
    })?;
    let metadata: &ParquetMetaData = reader.metadata();
    let pairs = metadata.file_metadata().key_value_metadata();
    let value = |key: &str| {
        let pair = pairs?.iter().find(|pair| pair.key == key)?;
        pair.value.as_deref()
    };
    match value(SAYS_SCHEMA) {
        Some(SCHEMA) => {}
        Some(other) => {
            let other: String = other.chars().take(64).collect();
            return Err(format!(
                "has the schema {other:?}, and this tcpreuse writes {SCHEMA:?}; export to another directory"
            ));
        }
        None => {
            return Err("is not from tcpreuse, so it is left alone; export to another directory".to_owned());
        }
    }
    let end = value(SAYS_END).and_then(|end| end.parse().ok());
    end.ok_or_else(|| "does not say what it has; remove it to have it made again".to_owned())
}
