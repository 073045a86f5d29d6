//! `tcpreuse export`: recordings as Parquet files.

use super::progress::Progress;
use crate::{
    cli::Export,
    diagnosis::words,
    evidence::export::{Exporter, Report},
    exit::{Failure, Outcome},
    kernel::privileges::Role,
    text::sanitise,
    units::size,
};

/// Runs the command.
///
/// # Errors
/// If not all recordings can be read, or not all files be written. All others are exported.
pub fn run(args: &Export) -> Result<Outcome, Failure> {
    super::log_to_stderr(false);
    let mut exporter = Exporter::open(&args.out)?;
    super::give_up_privileges(&Role::Exporting {
        files: args.dirs.clone(),
        writes: args.out.clone(),
    });
    let service = args.service.as_ref();
    let exported = args
        .dirs
        .iter()
        .try_for_each(|path| exporter.directory(path, service));
    let report = exporter.report();
    Progress::new().say(&format!(
        "{} to {}",
        said(report),
        sanitise(&args.out.to_string_lossy())
    ));
    let mut faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    match exported {
        Ok(()) if faults.is_empty() => Ok(Outcome::Done),
        Ok(()) => Err(Failure::Usage(faults.join("\n"))),
        Err(error) => {
            faults.push(format!(
                "{error}; what is whole stays, and the same command goes on from there"
            ));
            Err(Failure::NotWritten(faults.join("\n")))
        }
    }
}

fn said(report: &Report) -> String {
    let files = words::count(report.files, "file", "files");
    let rows = words::count(report.rows, "row", "rows");
    let there = match report.there {
        0 => String::new(),
        there => format!("; {} there already", words::count(there, "was", "were")),
    };
    format!("exported {files} ({rows}, {}{there})", size(report.bytes))
}
