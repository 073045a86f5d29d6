//! `tcpreuse completions` and `tcpreuse man`: files that a package installs beside the binary, generated from
//! the command line definition.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::{
    cli::{Cli, Completions, Manual, NAME},
    exit::{Failure, Outcome},
};

/// Prints a shell's completions.
///
/// # Errors
/// If they cannot be written.
pub fn completions(args: &Completions) -> Result<Outcome, Failure> {
    // Into memory first, because the generator panics if its writer fails.
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut out);
    print(&out)
}

/// Prints the manual page of the program, or of one of its commands.
///
/// # Errors
/// If there is no such command, or the page cannot be written.
pub fn manual(args: &Manual) -> Result<Outcome, Failure> {
    let mut program = Cli::command();
    // Sets the full names of the commands.
    program.build();
    let page = match &args.command {
        None => program,
        Some(name) => program
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| Failure::Usage(format!("there is no command '{name}'; see `{NAME} --help`")))?,
    };
    let mut out = Vec::new();
    Man::new(page).render(&mut out)?;
    print(&out)
}

fn print(bytes: &[u8]) -> Result<Outcome, Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(Outcome::Done)
}
