//! `tcpreuse report`: a page to hand in, from a recording.

use std::{slice, thread};

use super::{page::Target, progress::Progress, recorded};
use crate::{
    cli::{Report, values::Span},
    diagnosis::words,
    exit::{Failure, Outcome},
    report::html,
};

/// Runs the command.
///
/// # Errors
/// If the recording cannot be read, or the page cannot be written.
pub fn run(args: &Report) -> Result<Outcome, Failure> {
    super::log_to_stderr(false);
    let target = Target::of(&args.out)?;
    // What is read is foreign: the thread that reads it can open nothing else, and writes nothing.
    let reading = thread::scope(|scope| scope.spawn(|| page(args)).join());
    let page = reading.map_err(|_| anyhow::anyhow!("the report could not be made"))??;
    if let Some(path) = target.write(&page)? {
        Progress::new().say(&format!(
            "wrote {} ({} KB)",
            path.display(),
            words::number(page.len().div_ceil(1000) as u64)
        ));
    }
    Ok(Outcome::Done)
}

fn page(args: &Report) -> Result<Vec<u8>, Failure> {
    let asked = recorded::Asked {
        paths: slice::from_ref(&args.dir),
        recording: args.past.recording.recording,
        at: args.past.at,
        window_ns: args.window.map(Span::as_ns),
        service: None,
        trace: &args.trace,
        server: &args.server,
        settings: &args.settings,
    };
    let answered = recorded::answer(&asked)?;
    answered.say();
    let mut material = answered.material(&asked)?;
    material.first_aid = args.first_aid;
    let mut page = Vec::new();
    html::write(&mut page, &answered.diagnosis, &answered.origin, &material)?;
    Ok(page)
}
