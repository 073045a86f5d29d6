//! The evidence of the live view: a directory like that of `record`, with what the view still has. It
//! contains everything about the last moment, and counters and verdicts of some earlier moments, which are
//! closer together towards the end.

mod film;

use std::{fs, io, path::PathBuf};

use jiff::Timestamp;

use crate::{
    commands::record::rows::Rows,
    config::Saving,
    evidence::{
        manifest::{FromView, Session, milliseconds},
        recording::{Block, Recording},
    },
    filter::Filter,
    model::owner::one_of_several,
    report::{Origin, json, timestamp},
    view::{
        columns::Column,
        export::{Export, Written},
        feed::Kept,
    },
};

/// Writes each evidence into a new directory.
#[derive(Clone, Debug)]
pub(in crate::commands) struct NewDirectory {
    /// The parent of these directories.
    pub(in crate::commands) parent: PathBuf,
    /// The run, for the manifest.
    pub(in crate::commands) session: Session,
    /// The filter of the trace.
    pub(in crate::commands) filter: Filter,
    /// Where settings are kept.
    pub(in crate::commands) settings: Option<Saving>,
}

/// Maximum number of names tried.
const MAX_TRIES: u32 = 100;

impl Export for NewDirectory {
    fn export(&self, kept: &Kept) -> Result<Written, String> {
        let sample = &kept.sample;
        let ended = sample.accounting.totals.closed;
        let rows = kept.ended.len() as u64;
        let session = Session {
            interval_ms: kept.interval.map_or(self.session.interval_ms, milliseconds),
            options: Some(kept.options.clone()),
            from_view: Some(FromView {
                intervals: intervals(kept),
                connections_ended: ended,
                connections_ended_rows: rows,
                incomplete: incomplete(kept),
            }),
            ..self.session.clone()
        };
        let path = self
            .free(kept)
            .map_err(|error| format!("cannot create a directory in {}: {error}", self.parent.display()))?;
        // Creates the directory, or fails if the name has been taken since.
        let mut recording = Recording::create(&path, session, None).map_err(|error| error.to_string())?;
        recording.begin(sample.started);
        let diagnosis = &kept.snapshot.whole();
        let mut made = Rows::new(
            sample.started,
            sample.known,
            self.filter.clone(),
            kept.options.expect_peers.clone(),
        );
        made.learn(diagnosis, sample);
        let comm_of = |pid: u32| Some(one_of_several(sample.names.get(&pid)?).to_owned());
        let past = kept.ended.iter();
        let past = past
            .map(|one| (one.closed_ns, made.ended(one, comm_of)))
            .collect();
        for row in film::write(&mut recording, kept, diagnosis, past) {
            recording.connection(&row);
        }
        for row in made.open(sample, &kept.ended, comm_of) {
            recording.connection(&row);
        }
        let mut report = Vec::new();
        let origin = Origin {
            host: self.session.host.clone(),
            kernel: self.session.kernel.clone(),
        };
        json::write(&mut report, diagnosis, &origin).map_err(|error| error.to_string())?;
        let block = Block {
            sample,
            judge: &kept.judge,
            options: &kept.options,
            diagnosis,
        };
        recording.finish(&block, &report);
        match recording.incomplete() {
            Some(incomplete) => Err(incomplete),
            None => Ok(Written {
                path,
                but: (rows < ended).then(|| format!("rows of {rows} of {ended} ended connections")),
            }),
        }
    }

    fn save_columns(&self, columns: &[Column]) -> Result<PathBuf, String> {
        let flag = || {
            let names: Vec<&str> = columns.iter().map(|column| column.spec().name).collect();
            format!("start with --columns {}", names.join(","))
        };
        let Some(keeping) = &self.settings else {
            return Err(format!("there is no place for settings (HOME); {}", flag()));
        };
        keeping
            .save_columns(columns)
            .map_err(|reason| format!("{reason}; or {}", flag()))?;
        Ok(keeping.path().to_owned())
    }
}

/// The moments that have rows, in words.
fn intervals(kept: &Kept) -> String {
    let first = kept
        .film
        .frames()
        .next()
        .map_or(kept.sample.taken, |frame| frame.at);
    format!(
        "some from {} to {}, closer together towards the end",
        timestamp(first),
        timestamp(kept.sample.taken)
    )
}

/// What a recording would have contained in addition.
fn incomplete(kept: &Kept) -> Vec<String> {
    let (rows, ended) = (kept.ended.len() as u64, kept.sample.accounting.totals.closed);
    let mut incomplete = vec![
        "peers.csv: close_wait_oldest_ms, never_accepted, retransmits and confidence are of the last moment only".to_owned(),
        "listeners.csv: before the last moment a row for each port, not for each address, without idle_workers".to_owned(),
    ];
    if rows < ended {
        incomplete.push(format!(
            "connections.csv: the latest {rows} of {ended} that ended"
        ));
    }
    incomplete
}

impl NewDirectory {
    /// An unused name, not even taken by a dangling link.
    fn free(&self, kept: &Kept) -> io::Result<PathBuf> {
        let at = Timestamp::from_nanosecond(kept.sample.taken.utc_ns)
            .map(|time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
            .unwrap_or_default();
        for number in 0..MAX_TRIES {
            let path = self.parent.join(match number {
                0 => format!("tcpreuse-{at}"),
                number => format!("tcpreuse-{at}-{number}"),
            });
            match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }
}

#[cfg(test)]
mod tests;
