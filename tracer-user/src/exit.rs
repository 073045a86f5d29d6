//! Exit codes and one-line errors.

use std::{fmt, io, process::ExitCode};

use crate::{
    diagnosis::{Answer, Diagnosis},
    kernel::TraceError,
};

/// How the program ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done: exit code 0.
    Done,
    /// `--exit-code` and the answer is yes: exit code 1.
    AnswerYes,
    /// `--exit-code` and there is not enough data for an answer, or it leaves out peers: exit code 5.
    NotEnoughData,
    /// `doctor` found that tracing is not possible: exit code 3.
    CannotTrace,
}

impl Outcome {
    /// How a command that answers ends. A `no` about some peers is none about those that found no room.
    pub fn of(diagnosis: &Diagnosis, exit_code: bool) -> Self {
        match diagnosis.answer {
            _ if !exit_code => Self::Done,
            Answer::Yes => Self::AnswerYes,
            Answer::No if diagnosis.losses.peers_dropped == 0 => Self::Done,
            Answer::No | Answer::InsufficientData => Self::NotEnoughData,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::AnswerYes => Self::from(1),
            Outcome::CannotTrace => Self::from(3),
            Outcome::NotEnoughData => Self::from(5),
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
    /// Output could not be written: exit code 4; a closed pipe is success.
    Output(io::Error),
    /// The same, said already what and where: exit code 4.
    NotWritten(String),
    /// Anything else: exit code 3.
    Other(anyhow::Error),
}

impl Failure {
    /// The code to exit with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Usage(_) => ExitCode::from(2),
            Self::CannotTrace(_) | Self::Other(_) => ExitCode::from(3),
            Self::Output(_) | Self::NotWritten(_) => ExitCode::from(4),
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
            Self::Usage(text) | Self::NotWritten(text) => f.write_str(text),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example::example;

    /// A full disk may have room later; bad usage stays what it is.
    #[test]
    fn the_service_tries_again_where_that_may_help() {
        let unit = include_str!("../../packaging/tcpreuse-record.service");
        let setting = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name));
        assert_eq!(setting("Restart="), Some("on-failure"));
        assert_eq!(setting("RestartPreventExitStatus="), Some("2 3"));
        let full = Failure::Output(io::ErrorKind::StorageFull.into());
        assert_eq!(
            format!("{:?}", full.exit_code()),
            format!("{:?}", ExitCode::from(4))
        );
    }

    #[test]
    fn an_answer_is_an_exit_code_only_when_asked_for() {
        let codes = |exit_code| {
            [Answer::No, Answer::Yes, Answer::InsufficientData].map(|answer| {
                let diagnosis = Diagnosis { answer, ..example() };
                format!("{:?}", ExitCode::from(Outcome::of(&diagnosis, exit_code)))
            })
        };
        let wanted = |numbers: [u8; 3]| numbers.map(|number| format!("{:?}", ExitCode::from(number)));
        assert_eq!(codes(false), wanted([0, 0, 0]));
        assert_eq!(codes(true), wanted([0, 1, 5]));
        let mut crowded = example();
        (crowded.answer, crowded.losses.peers_dropped) = (Answer::No, 1);
        assert_eq!(Outcome::of(&crowded, true), Outcome::NotEnoughData);
        assert_eq!(Outcome::of(&crowded, false), Outcome::Done);
    }
}
