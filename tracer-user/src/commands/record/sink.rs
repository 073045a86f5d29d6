//! The destination of a recording: a directory, or rows on stdout.

use std::{
    io::{self, BufWriter, StdoutLock},
    path::Path,
};

use crate::{
    cli::{Record, RecordFormat},
    diagnosis::{Options, words},
    evidence::{
        manifest::Session,
        recording::{Block, Limit, Recording},
        rows::{ConnectionRow, RowFormat, RowWriter},
    },
    exit::Failure,
    kernel::load::Settings,
    model::sample::Moment,
    units::size,
};

/// An open output.
pub(super) enum Sink {
    Folder(Box<Recording>),
    Stdout(Box<RowWriter<BufWriter<StdoutLock<'static>>>>, u64),
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
            (true, _) if args.append || args.max_size.is_some() => Err(Failure::Usage(
                "--append and --max-size are for a directory, not for --out -".to_owned(),
            )),
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
                    ..Session::here(settings, args.interval.0, args.window.as_ns())
                };
                // A dangling link counts as existing, and is refused.
                let is_there = args.out.symlink_metadata().is_ok();
                let recording = match args.append && is_there {
                    true => Recording::append(&args.out, session, limit),
                    false => Recording::create(&args.out, session, limit),
                };
                Ok(Self::Folder(Box::new(recording?)))
            }
        }
    }

    /// Called once tracing has begun, so that there is no header without rows.
    pub(super) fn begin(&mut self, at: Moment) -> io::Result<()> {
        match self {
            Self::Folder(recording) => {
                recording.begin(at);
                Ok(())
            }
            Self::Stdout(rows, _) => {
                rows.header()?;
                rows.flush()
            }
        }
    }

    /// Called if tracing could not begin.
    pub(super) fn discard(self) {
        if let Self::Folder(recording) = self {
            recording.discard();
        }
    }

    pub(super) fn row(&mut self, row: &ConnectionRow) -> io::Result<()> {
        match self {
            Self::Folder(recording) => {
                recording.connection(row);
                Ok(())
            }
            Self::Stdout(rows, n) => {
                *n += 1;
                rows.row(row)
            }
        }
    }

    /// Flushes, so that the reader of a pipe need not wait for the next interval.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Stdout(rows, _) => rows.flush(),
        }
    }

    pub(super) fn interval(&mut self, block: &Block<'_>) {
        if let Self::Folder(recording) = self {
            recording.interval(block);
        }
    }

    /// What it has written, in words.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Folder(recording) => {
                let rows = words::count(recording.rows(), "row", "rows");
                format!("{rows}, {}", size(recording.bytes()))
            }
            Self::Stdout(_, rows) => words::count(*rows, "row", "rows"),
        }
    }
}
