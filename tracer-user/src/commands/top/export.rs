//! The evidence of the live view: a directory like that of `record`, with what the view still has. That is everything
//! of the last moment, and of some moments before it, closer together towards the end, the counters and what was said.

mod film;

use std::{fs, io, path::PathBuf};

use jiff::Timestamp;

use crate::{
    commands::record::rows::Rows,
    evidence::{
        manifest::{FromView, Session},
        recording::{Block, Recording},
    },
    filter::Filter,
    model::owner::one_of_several,
    report::{Origin, json, timestamp},
    view::{
        export::{Export, Written},
        feed::Kept,
    },
};

/// Writes each evidence into a directory of its own that is not there yet.
#[derive(Clone, Debug)]
pub(in crate::commands) struct NewDirectory {
    /// Where these are to be.
    pub(in crate::commands) parent: PathBuf,
    /// What the manifest says of the run.
    pub(in crate::commands) session: Session,
    /// What was traced.
    pub(in crate::commands) filter: Filter,
}

/// How many names are tried.
const MAX_TRIES: u32 = 100;

impl Export for NewDirectory {
    fn export(&self, kept: &Kept) -> Result<Written, String> {
        let sample = &kept.sample;
        let ended = sample.accounting.totals.closed;
        let rows = kept.ended.len() as u64;
        let session = Session {
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
            .map_err(|error| format!("cannot make a directory in {}: {error}", self.parent.display()))?;
        // Makes it, and refuses when something has come into its place since.
        let mut recording = Recording::create(&path, session, None).map_err(|error| error.to_string())?;
        recording.begin(sample.started);
        let diagnosis = &kept.snapshot.whole();
        let mut made = Rows::new(
            sample.started,
            sample.known,
            self.filter.clone(),
            kept.options.expect_peers.clone(),
        );
        made.learn(diagnosis);
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
}

/// Of which moments there are rows, in words.
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

/// What there would be more of if it had been recorded.
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
    /// A name under which there is nothing, not even a link that leads nowhere.
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
