//! The signals that a program on a terminal has to handle.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::stop::Stop;

/// The request made by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To end: Ctrl-C from elsewhere, SIGTERM, or loss of the terminal.
    End,
    /// To stop, as job control does.
    Stop,
    /// To continue after a stop.
    GoOn,
}

/// Receives signals from its creation on.
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
    /// If the system does not allow it.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            end: Stop::listen()?,
            stop: signal(SignalKind::from_raw(libc::SIGTSTP))?,
            go_on: signal(SignalKind::from_raw(libc::SIGCONT))?,
        })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            () = self.end.requested() => Asked::End,
            _ = self.stop.recv() => Asked::Stop,
            _ = self.go_on.recv() => Asked::GoOn,
        }
    }
}
