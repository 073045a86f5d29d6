//! `tcpreuse config`: a settings file to start from.

use std::io::{self, Write};

use crate::{
    cli, config,
    exit::{Failure, Outcome},
};

/// Runs the command.
///
/// # Errors
/// If it cannot be printed.
pub fn run(_args: &cli::Config) -> Result<Outcome, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(config::default_file().as_bytes())?;
    out.flush()?;
    Ok(Outcome::Done)
}
