//! The program as a whole: parses the command line, runs the command, and turns its end into an
//! exit code.

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::CommandFactory;

use crate::{
    cli::{Cli, Command, NAME, Refused, parse},
    commands,
    exit::{Failure, Outcome},
    memory,
    text::sanitise,
};

/// Does what the arguments of this process ask for.
pub fn main() -> ExitCode {
    memory::configure();
    let cli = match parse(env::args_os()) {
        Ok(cli) => cli,
        Err(Refused::Answer(error)) => {
            // --help and --version; a closed pipe is no error.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(Refused::Usage(failure)) => return end(Err(failure)),
    };
    match cli.command {
        Some(command) => end(run(command)),
        None if io::stdout().is_terminal() => match parse([NAME, "top"].map(OsString::from)) {
            Ok(Cli { command: Some(top) }) => end(run(top)),
            _ => ExitCode::from(2),
        },
        None => {
            // The reader may be gone; the exit code says that something was missing.
            let _ = write!(io::stderr(), "{}", Cli::command().render_help());
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<Outcome, Failure> {
    // Set-uid, or with capabilities of its file: the user has fewer rights than the program.
    if has_rights_of_its_own() && command.names_foreign_files() {
        return Err(Failure::Usage(
            "--object, --btf, --config and their environment variables need rights of your own; run as root (sudo tcpreuse …)"
                .to_owned(),
        ));
    }
    match command {
        Command::Top(args) => commands::top::run(&args),
        Command::Diagnose(args) => commands::diagnose::run(&args),
        Command::Record(args) => commands::record::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Judge(args) => commands::judge::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Verify(args) => commands::verify::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Config(args) => commands::config::run(&args),
        Command::Completions(args) => commands::manual::completions(&args),
        Command::Man(args) => commands::manual::manual(&args),
    }
}

/// Whether the kernel gave this process more rights when it was started than its starter has.
fn has_rights_of_its_own() -> bool {
    // SAFETY: it reads a value that the kernel left for this process; no memory of ours is involved.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[expect(clippy::print_stderr, reason = "the one place where errors are printed")]
fn end(result: Result<Outcome, Failure>) -> ExitCode {
    match result {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            if !failure.is_quiet() {
                let mut prefix = "tcpreuse: ";
                // It may repeat what a file or the kernel says.
                for line in failure.to_string().lines() {
                    eprintln!("{prefix}{}", sanitise(line));
                    prefix = "";
                }
            }
            failure.exit_code()
        }
    }
}
