//! SIGHUP: the terminal is gone. It stays ignored where it was from the start, as `nohup` wants it.

use std::{fs, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from its creation on, unless it is ignored.
#[derive(Debug)]
pub(super) struct Hangup(Option<Signal>);

impl Hangup {
    /// Installs the handler. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(super) fn listen() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Ok(Self(match is_ignored(&status) {
            true => None,
            false => Some(signal(SignalKind::hangup())?),
        }))
    }

    /// Waits for it.
    pub(super) async fn received(&mut self) {
        match &mut self.0 {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

/// Whether the starter of the process of this status wants it to outlive the terminal.
fn is_ignored(status: &str) -> bool {
    const SIGHUP: u64 = 1;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << (SIGHUP - 1)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_whether_it_is_ignored() {
        let status = |mask: &str| format!("Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(is_ignored(&status("0000000000001001")));
        assert!(!is_ignored(&status("0000000000001000")));
        assert!(!is_ignored(""));
    }
}
