//! The program as a whole: parses the command line, runs the command, and turns its end into an
//! exit code.

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{Cli, Command},
    commands,
    exit::{self, Failure, Outcome},
};

/// Does what the arguments of this process ask for.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            // --help and --version; a closed pipe is no error.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            return ExitCode::from(2);
        }
        Err(error) => return end(Err(exit::usage(&error))),
    };
    end(run(cli))
}

fn run(cli: Cli) -> Result<Outcome, Failure> {
    match cli.command {
        Command::Diagnose(args) => commands::diagnose::run(&args),
        Command::Record(args) => commands::record::run(&args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
    }
}

#[expect(clippy::print_stderr, reason = "the one place where errors are printed")]
fn end(result: Result<Outcome, Failure>) -> ExitCode {
    match result {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            if !failure.is_quiet() {
                eprintln!("tcpreuse: {failure}");
            }
            failure.exit_code()
        }
    }
}
