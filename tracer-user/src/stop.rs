//! The signals that end a run early but properly.

mod hangup;

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use self::hangup::Hangup;

/// Listens for Ctrl-C, SIGTERM and SIGHUP from its creation on.
#[derive(Debug)]
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hangup: Hangup,
}

impl Stop {
    /// Installs the handlers. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: Hangup::listen()?,
        })
    }

    /// Waits for one of them.
    pub async fn requested(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = self.hangup.received() => {}
        }
    }
}
