//! The flight recorder, as the loop that samples sees it: nothing here waits for the disk.

use std::{io, path::PathBuf, time::Duration};

use crate::{
    cli::Serve,
    commands::record::{drain::Drain, rows::Rows},
    diagnosis::Options,
    evidence::{
        export::{Exporter, follow::Follower},
        flight::{Flight, KEPT, Place, Told},
        manifest::Session,
        recording::Block,
        writer::Writer,
    },
    exit::Failure,
    kernel::settings::Settings,
    model::{ended::Ended, sample::Moment},
    report::{Origin, json, openmetrics::Counted},
    serve::keeping::{Keeping, Promise, Reason},
    source::live::Live,
};

/// How long the end of the program waits for the disk.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the place for evidence, before tracing begins. `None` if there is to be none.
///
/// # Errors
/// If it cannot be used.
pub(super) fn open(args: &Serve, settings: &Settings, options: &Options) -> Result<Option<Opened>, Failure> {
    let Some(path) = args.evidence.clone() else {
        return match args.lake.parquet {
            Some(_) => Err(Failure::Usage(
                "--parquet exports what is recorded: give --evidence DIR as well".to_owned(),
            )),
            None => Ok(None),
        };
    };
    let place = Place {
        path,
        bytes: args.evidence_size,
        span_ns: args.keep_before.as_ns(),
    };
    let session = Session {
        options: Some(options.clone()),
        service: args.lake.service_name(),
        ..Session::here(settings, args.interval.0, args.window.as_ns())
    };
    // In this order, because the lake may be a directory in that of the evidence.
    let flight = Flight::open(place, session)?;
    Ok(Some((flight, args.lake.open()?)))
}

/// The flight recorder, and what exports its recordings, if anything does.
pub(super) type Opened = (Flight, Option<Exporter>);

/// The recorder.
pub(super) struct Recorder {
    drain: Drain,
    rows: Rows,
    writer: Writer,
    keeping: Keeping,
    path: PathBuf,
    news: Vec<String>,
    told: Vec<Told>,
    follower: Option<Follower>,
}

impl Recorder {
    /// Begins to record.
    pub(super) fn begin(
        (mut flight, exporter): Opened,
        args: &Serve,
        settings: Settings,
        live: &mut Live,
    ) -> io::Result<Self> {
        flight.begin(live.started());
        let path = flight.path().to_owned();
        Ok(Self {
            drain: Drain::start(live.take_records())?,
            rows: Rows::new(
                live.started(),
                live.tracer().known(),
                settings.filter,
                args.server.usual.expect_peers.clone(),
            ),
            follower: exporter
                .map(|exporter| Follower::start(exporter, flight.current(), None))
                .transpose()?,
            writer: Writer::fly(flight)?,
            keeping: Keeping::new(args.keep_after.as_ns()),
            path,
            news: Vec::new(),
            told: Vec::new(),
        })
    }

    /// Turns the records of ended connections into rows.
    pub(super) fn rows(&mut self, live: &Live, counted: &mut Counted) {
        if self.rows.is_ready() {
            let ended = self.drain.take();
            counted.ended(&ended);
            self.write(live, &ended);
        }
    }

    fn write(&mut self, live: &Live, ended: &[Ended]) {
        let rows = ended.iter().map(|one| self.rows.ended(one, |pid| live.comm(pid)));
        let rows = rows.collect();
        self.writer.connections(rows);
    }

    /// Adds an interval, and keeps what there is a reason to keep.
    ///
    /// # Errors
    /// If a diagnosis cannot be written as JSON.
    pub(super) fn interval(
        &mut self,
        live: &Live,
        block: &Block<'_>,
        origin: &Origin,
        counted: &mut Counted,
    ) -> io::Result<()> {
        self.rows.learn(block.diagnosis, block.sample);
        for keep in self.keeping.look(block.diagnosis) {
            self.news.push(format!("keeping evidence: {}", keep.why.text));
            self.writer.keep(keep);
        }
        let now_ns = block.sample.taken.monotonic_ns;
        let is_over = |until_ns| now_ns >= until_ns || self.writer.status().is_full;
        if self.keeping.until_ns().is_some_and(is_over) {
            self.keeping.end();
            let ended = self.drain.take();
            counted.ended(&ended);
            let later = self.last_rows(live, block, ended);
            self.writer.cut(block, report(block, origin)?);
            self.write(live, &later);
        } else {
            self.rows(live, counted);
            self.writer.interval(block);
        }
        Ok(())
    }

    /// Writes the rows of a recording's end, and returns what ended after its last sample.
    fn last_rows(&mut self, live: &Live, block: &Block<'_>, ended: Vec<Ended>) -> Vec<Ended> {
        let taken_ns = block.sample.taken.monotonic_ns;
        let (ended, later): (Vec<Ended>, Vec<Ended>) =
            ended.into_iter().partition(|one| one.closed_ns <= taken_ns);
        self.write(live, &ended);
        let open = self.rows.open(block.sample, &ended, |pid| live.comm(pid));
        self.writer.connections(open.collect());
        later
    }

    /// Keeps what there is and what comes.
    pub(super) fn keep(&mut self, now: Moment, reason: Reason) -> Option<Promise> {
        let text = match reason {
            Reason::Signal => "SIGUSR1 was received",
            _ => "it was asked for",
        };
        let keep = self.keeping.because(reason, text.to_owned(), now)?;
        let after_ns = self.keeping.until_ns()?.saturating_sub(now.monotonic_ns);
        let promise = Promise {
            directory: self.path.join(KEPT).join(&keep.name),
            until: Moment {
                monotonic_ns: now.monotonic_ns.saturating_add(after_ns),
                utc_ns: now.utc_ns + i128::from(after_ns),
            },
        };
        self.news.push(format!("keeping evidence: {text}"));
        self.writer.keep(keep);
        Some(promise)
    }

    /// Rows that could not be written.
    pub(super) fn rows_not_written(&self) -> u64 {
        self.writer.status().rows_not_written
    }

    /// What has happened to the files and has not been reported yet.
    pub(super) fn news(&mut self) -> Vec<String> {
        let mut news = std::mem::take(&mut self.news);
        news.extend(self.writer.news());
        news.extend(self.follower.iter().flat_map(Follower::news));
        news
    }

    /// What has become of kept evidence and has not been told yet.
    pub(super) fn told(&mut self) -> Vec<Told> {
        self.hear();
        std::mem::take(&mut self.told)
    }

    /// Hears what has become of kept evidence. What is complete can be exported.
    fn hear(&mut self) {
        let told = self.writer.told();
        if let Some(follower) = &self.follower {
            for told in &told {
                if let Told::Kept { path, .. } = told {
                    follower.kept(path.clone());
                }
            }
        }
        self.told.extend(told);
    }

    /// Ends it with the last sample. What is being kept ends with it, and what is not is removed.
    pub(super) fn finish(&mut self, live: &Live, block: &Block<'_>, origin: &Origin) -> io::Result<()> {
        let ended = self.drain.finish();
        self.last_rows(live, block, ended);
        let is_kept = self.keeping.until_ns().is_some();
        if self.follower.is_some() && !is_kept {
            // What is not kept is removed below.
            self.writer.interval(block);
            self.writer.wait_until_written(PATIENCE);
            self.export_the_rest();
        }
        self.writer.finish(block, report(block, origin)?);
        if !self.writer.wait(PATIENCE) {
            self.news
                .push("the disk does not answer, so the end of the evidence is not written".to_owned());
        }
        if is_kept {
            self.export_the_rest();
        }
        Ok(())
    }

    fn export_the_rest(&mut self) {
        self.hear();
        let follower = self.follower.as_ref();
        let missing = follower.and_then(|follower| follower.finish(PATIENCE));
        self.news
            .extend(missing.map(|missing| format!("not all was exported: {missing}")));
    }
}

fn report(block: &Block<'_>, origin: &Origin) -> io::Result<Vec<u8>> {
    let mut report = Vec::new();
    json::write(&mut report, block.diagnosis, origin)?;
    Ok(report)
}
