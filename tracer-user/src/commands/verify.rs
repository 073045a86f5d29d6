//! `tcpreuse verify`: what of an evidence directory is whole, cut, altered or missing.

use std::io::{self, BufWriter, Write};

use crate::{
    cli::Verify,
    evidence::verify::{Report, verify},
    exit::{Failure, Outcome},
    kernel::privileges::Role,
    text::sanitise,
};

/// Runs the command.
///
/// # Errors
/// When it is no evidence directory, or not all of it is whole.
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
            "{}: {faults} of {} files are not what was recorded",
            sanitise(&args.dir.to_string_lossy()),
            report.files.len(),
        )));
    }
    Ok(Outcome::Done)
}

fn write(to: &mut dyn Write, report: &Report) -> io::Result<()> {
    for found in &report.files {
        let (name, details) = (sanitise(&found.name), sanitise(&found.details));
        writeln!(to, "{:<8}  {name}: {details}", found.condition)?;
    }
    for note in &report.notes {
        writeln!(to, "{:<8}  {}", "note", sanitise(note))?;
    }
    let end = match report.stopped {
        true => "ended properly",
        false => "still running, or not ended properly",
    };
    match &report.up_to {
        None if !report.journalled => {
            writeln!(
                to,
                "there is no journal: checked by what the manifest says of whole files"
            )?;
        }
        None => writeln!(to, "no interval is whole in all files; {end}")?,
        Some((number, at)) => {
            writeln!(to, "whole up to interval {number}, {}; {end}", sanitise(at))?;
        }
    }
    writeln!(
        to,
        "manifest.json has SHA-256 {}: keep that elsewhere, nothing in the directory vouches for it",
        report.manifest_sha256
    )
}
