//! `tcpreuse verify`: checks an evidence directory.

use std::io::{self, BufWriter, Write};

use crate::{
    cli::Verify,
    diagnosis::words,
    evidence::verify::{Report, verify},
    exit::{Failure, Outcome},
    kernel::privileges::Role,
    text::sanitise,
};

/// Runs the command.
///
/// # Errors
/// If it is not an evidence directory, or not all of it is intact.
pub fn run(args: &Verify) -> Result<Outcome, Failure> {
    super::give_up_privileges(&Role::Reading {
        files: vec![args.dir.clone()],
    });
    let report = verify(&args.dir)?;
    let mut out = BufWriter::new(io::stdout().lock());
    write(&mut out, &report)?;
    out.flush()?;
    if !report.is_whole() {
        let faults = report.files.iter().filter(|found| !found.is_whole()).count();
        return Err(Failure::Usage(format!(
            "{}: {faults} of {} {} not what was recorded",
            sanitise(&args.dir.to_string_lossy()),
            words::count(report.files.len() as u64, "file", "files"),
            if faults == 1 { "is" } else { "are" },
        )));
    }
    Ok(Outcome::Done)
}

fn write(to: &mut dyn Write, report: &Report) -> io::Result<()> {
    for found in &report.files {
        let (name, details) = (sanitise(&found.name), sanitise(&found.details));
        writeln!(to, "{:<9}  {name}: {details}", found.condition)?;
    }
    for note in &report.notes {
        writeln!(to, "{:<9}  {}", "note", sanitise(note))?;
    }
    let end = match report.stopped {
        true => "stopped properly",
        false => "still running, or not stopped properly",
    };
    match &report.up_to {
        None if !report.journalled => {
            writeln!(
                to,
                "there is no journal: each file was checked against the manifest"
            )?;
        }
        None => writeln!(to, "no interval is intact in all files; {end}")?,
        Some((number, at)) => {
            writeln!(to, "intact up to interval {number}, {}; {end}", sanitise(at))?;
        }
    }
    if report.not_written > 0 {
        let rows = words::count(report.not_written, "row", "rows");
        writeln!(
            to,
            "INCOMPLETE: {rows} could not be written when they were recorded; what was written is judged above"
        )?;
    }
    writeln!(
        to,
        "manifest.json has SHA-256 {}: store this hash elsewhere, since nothing inside the directory can prove that the \
         manifest is unchanged",
        report.manifest_sha256
    )
}
