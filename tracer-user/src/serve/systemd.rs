//! What systemd is told. Without systemd, nothing happens.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Tells systemd how the service is.
#[derive(Debug)]
pub struct Systemd {
    /// How often the watchdog wants to hear of us.
    watchdog: Option<Duration>,
    fed: Option<Instant>,
    said: String,
}

impl Systemd {
    /// Finds out what systemd wants.
    pub fn new() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled(),
            fed: None,
            said: String::new(),
        }
    }

    /// Tracing has begun, and the sockets listen.
    pub fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    /// The settings are being read again; [`Self::ready`] ends that.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// The end has begun.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// One line for `systemctl status`.
    pub fn status(&mut self, line: String) {
        if self.said != line {
            tell(&[NotifyState::Status(&line)]);
            self.said = line;
        }
    }

    /// To be called in every turn of the loop that samples.
    pub fn alive(&mut self) {
        let Some(every) = self.watchdog else { return };
        if self.fed.is_none_or(|fed| fed.elapsed() >= every / 3) {
            self.fed = Some(Instant::now());
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warn!("cannot notify systemd: {error}");
    }
}
