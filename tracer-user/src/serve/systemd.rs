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

#[cfg(test)]
mod tests {
    /// A small system has systemd and a shell, and not always the package with `kill`.
    #[test]
    fn the_units_run_nothing_but_the_program_and_the_shell() {
        let units = [
            include_str!("../../../packaging/tcpreuse-record.service"),
            include_str!("../../../packaging/tcpreuse-serve.service"),
        ];
        let lines = units.iter().flat_map(|unit| unit.lines());
        let commands: Vec<&str> = lines
            .filter(|line| line.starts_with("Exec"))
            .filter_map(|line| line.split_once('=')?.1.split(' ').next())
            .collect();
        assert_eq!(commands, ["/usr/bin/tcpreuse", "/usr/bin/tcpreuse", "/bin/sh"]);
    }
}
