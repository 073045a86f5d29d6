//! Exit codes and one-line errors.

use std::{fmt, io, process::ExitCode};

use crate::kernel::TraceError;

/// How the program ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done: exit code 0.
    Done,
    /// `--exit-code` and the answer is yes: exit code 1.
    AnswerYes,
    /// `doctor` found that tracing is not possible: exit code 3.
    CannotTrace,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::AnswerYes => Self::from(1),
            Outcome::CannotTrace => Self::from(3),
        }
    }
}

/// Why the program ended badly.
#[derive(Debug)]
pub enum Failure {
    /// Bad usage or bad input: exit code 2.
    Usage(String),
    /// Tracing is not possible: exit code 3.
    CannotTrace(TraceError),
    /// Output could not be written: exit code 2; a closed pipe is success.
    Output(io::Error),
    /// Anything else: exit code 3.
    Other(anyhow::Error),
}

impl Failure {
    /// The code to exit with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Usage(_) | Self::Output(_) => ExitCode::from(2),
            Self::CannotTrace(_) | Self::Other(_) => ExitCode::from(3),
        }
    }

    /// Whether there is anything to say: not when the reader of a pipe has gone.
    pub fn is_quiet(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            // With its causes, in one line.
            Self::Other(error) => write!(f, "{error:#}"),
            Self::CannotTrace(error) => error.fmt(f),
            Self::Output(error) => write!(f, "cannot write the output: {error}"),
        }
    }
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        Self::CannotTrace(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// A usage error of clap in one line, with the next step.
pub fn usage(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let first = text
        .lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .trim();
    // clap lists what is missing on lines of their own.
    let listed: Vec<&str> = text
        .lines()
        .skip(1)
        .take_while(|line| !line.trim().is_empty())
        .map(str::trim)
        .collect();
    let listed = if listed.is_empty() {
        String::new()
    } else {
        format!(" {}", listed.join(", "))
    };
    Failure::Usage(format!("{first}{listed}; see `tcpreuse --help`"))
}
