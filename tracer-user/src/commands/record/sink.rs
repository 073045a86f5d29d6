//! The destination of a recording: a directory, or rows on stdout.

use std::{
    io::{self, BufWriter, StdoutLock},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    cli::{Record, RecordFormat},
    diagnosis::{Options, words},
    evidence::{
        export::{Exporter, follow::Follower},
        manifest::Session,
        recording::{Block, Limit, Recording},
        rows::{ConnectionRow, RowFormat, RowWriter},
        writer::Writer,
    },
    exit::Failure,
    kernel::settings::Settings,
    model::sample::Moment,
    text::sanitise,
    units::size,
};

/// How long the answer waits for the disk, and how long the program does after that.
const BEFORE_THE_ANSWER: Duration = Duration::from_secs(3);
const AFTER_THE_ANSWER: Duration = Duration::from_secs(30);

/// An open output.
pub(super) enum Sink {
    /// A directory, before tracing begins.
    New(Box<Recording>, Option<Exporter>),
    /// A directory, written by a thread of its own.
    Folder(Folder),
    Stdout(Box<RowWriter<BufWriter<StdoutLock<'static>>>>, u64),
}

/// A directory being written.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) writer: Writer,
    /// What exports it meanwhile, if anything does.
    follower: Option<Follower>,
}

impl Folder {
    /// Waits a moment for the end of the recording.
    pub(super) fn wait(&self) {
        self.writer.wait(BEFORE_THE_ANSWER);
    }

    /// Waits for the end of the recording. Returns why the evidence is incomplete, if it is.
    pub(super) fn end(&self) -> Option<String> {
        let path = sanitise(&self.path.to_string_lossy());
        let incomplete = match self.writer.wait(AFTER_THE_ANSWER) {
            true => self.writer.status().incomplete,
            false => Some(format!(
                "{path}: the disk does not answer, so the end of the recording is not written"
            )),
        };
        let follower = self.follower.as_ref();
        let missing = follower.and_then(|follower| follower.finish(AFTER_THE_ANSWER));
        incomplete.or_else(|| {
            let missing = missing?;
            Some(format!(
                "not all of it was exported: {missing}; `tcpreuse export {path}` makes up for that"
            ))
        })
    }

    /// What has happened to the files and has not been reported yet.
    pub(super) fn news(&self) -> Vec<String> {
        let mut news = self.writer.news();
        news.extend(self.follower.iter().flat_map(Follower::news));
        news
    }
}

impl Sink {
    /// Opens the destination given with `--out`, before tracing begins.
    pub(super) fn open(args: &Record, settings: &Settings, options: &Options) -> Result<Self, Failure> {
        let to_stdout = args.out == Path::new("-");
        match (to_stdout, args.format) {
            (true, Some(RecordFormat::Text | RecordFormat::Json)) => Err(Failure::Usage(
                "--out - prints rows: use --format csv or --format jsonl with it".to_owned(),
            )),
            (false, Some(RecordFormat::Csv | RecordFormat::Jsonl)) => Err(Failure::Usage(
                "--format csv and jsonl are for --out -; a directory always holds CSV files".to_owned(),
            )),
            (true, _) if args.append || args.max_size.is_some() || args.lake.parquet.is_some() => {
                Err(Failure::Usage(
                    "--append, --max-size and --parquet are for a directory, not for --out -".to_owned(),
                ))
            }
            (true, format) => {
                let format = match format {
                    Some(RecordFormat::Jsonl) => RowFormat::Jsonl,
                    _ => RowFormat::Csv,
                };
                let rows = RowWriter::new(BufWriter::new(io::stdout().lock()), format);
                Ok(Self::Stdout(Box::new(rows), 0))
            }
            (false, _) => {
                let limit = args.max_size.map(|bytes| Limit {
                    bytes,
                    rotate: args.rotate,
                });
                let session = Session {
                    options: Some(options.clone()),
                    service: args.lake.service_name(),
                    ..Session::here(settings, args.interval.0, args.window.as_ns())
                };
                let exporter = args.lake.open()?;
                // A dangling link counts as existing, and is refused.
                let is_there = args.out.symlink_metadata().is_ok();
                let recording = match args.append && is_there {
                    true => Recording::append(&args.out, session, limit),
                    false => Recording::create(&args.out, session, limit),
                };
                Ok(Self::New(Box::new(recording?), exporter))
            }
        }
    }

    /// Called once tracing has begun, so that there is no header without rows.
    pub(super) fn begin(self, at: Moment) -> io::Result<Self> {
        Ok(match self {
            Self::New(mut recording, exporter) => {
                recording.begin(at);
                let path = recording.path().to_owned();
                let follow = |exporter| Follower::start(exporter, path.clone(), None);
                Self::Folder(Folder {
                    writer: Writer::start(*recording)?,
                    follower: exporter.map(follow).transpose()?,
                    path,
                })
            }
            Self::Stdout(mut rows, n) => {
                rows.header()?;
                rows.flush()?;
                Self::Stdout(rows, n)
            }
            begun @ Self::Folder(_) => begun,
        })
    }

    /// Called if tracing could not begin.
    pub(super) fn discard(self) {
        if let Self::New(recording, _) = self {
            recording.discard();
        }
    }

    /// Adds rows of connections.
    pub(super) fn rows(&mut self, some: Vec<ConnectionRow>) -> io::Result<()> {
        match self {
            Self::New(..) => {}
            Self::Folder(folder) => folder.writer.connections(some),
            Self::Stdout(rows, n) => {
                *n += some.len() as u64;
                some.iter().try_for_each(|row| rows.row(row))?;
            }
        }
        Ok(())
    }

    /// Flushes, so that the reader of a pipe need not wait for the next interval.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::New(..) | Self::Folder(_) => Ok(()),
            Self::Stdout(rows, _) => rows.flush(),
        }
    }

    pub(super) fn interval(&mut self, block: &Block<'_>) {
        if let Self::Folder(folder) = self {
            folder.writer.interval(block);
        }
    }

    /// Rows that could not be written.
    pub(super) fn rows_not_written(&self) -> u64 {
        match self {
            Self::Folder(folder) => folder.writer.status().rows_not_written,
            Self::New(..) | Self::Stdout(..) => 0,
        }
    }

    /// Whether the recording must end, because it has reached its maximum size.
    ///
    /// # Errors
    /// If that is too small for a single interval.
    pub(super) fn is_full(&self, max_size: Option<u64>) -> Result<bool, Failure> {
        let Self::Folder(folder) = self else {
            return Ok(false);
        };
        let status = folder.writer.status();
        match status.refused {
            // The files grow with the number of peers, so there should be some room beside the least.
            Some(least) => Err(Failure::Usage(format!(
                "--max-size {} is too small: one interval of this host takes {}, so give at least {}",
                size(max_size.unwrap_or(0)),
                size(least),
                size(least.saturating_mul(2)),
            ))),
            None => Ok(status.is_full),
        }
    }

    /// What it has written, in words.
    pub(super) fn written(&self) -> String {
        match self {
            Self::New(..) => String::new(),
            Self::Folder(folder) => {
                let status = folder.writer.status();
                let rows = words::count(status.rows, "row", "rows");
                format!("{rows}, {}", size(status.bytes))
            }
            Self::Stdout(_, rows) => words::count(*rows, "row", "rows"),
        }
    }
}
