//! The event loop of a run, and the signals that end it early but properly.

mod hangup;

use std::io;

use anyhow::Context;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

use self::hangup::Hangup;

/// An event loop in the calling thread.
///
/// # Errors
/// When the system does not allow it.
pub fn event_loop() -> anyhow::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")
}

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
