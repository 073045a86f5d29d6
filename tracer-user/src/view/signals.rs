//! The signals a program on a terminal has to answer.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::stop::Stop;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To end: Ctrl-C from elsewhere, SIGTERM, or the terminal is gone.
    End,
    /// To stop like any job.
    Stop,
    /// It goes on after it was stopped.
    GoOn,
}

/// Listens from its creation on.
#[derive(Debug)]
pub struct Signals {
    end: Stop,
    stop: Signal,
    go_on: Signal,
}

impl Signals {
    /// Installs the handlers. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            end: Stop::listen()?,
            stop: signal(SignalKind::from_raw(libc::SIGTSTP))?,
            go_on: signal(SignalKind::from_raw(libc::SIGCONT))?,
        })
    }

    /// Waits for one of them.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            () = self.end.requested() => Asked::End,
            _ = self.stop.recv() => Asked::Stop,
            _ = self.go_on.recv() => Asked::GoOn,
        }
    }
}
