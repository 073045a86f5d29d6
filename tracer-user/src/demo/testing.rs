//! For tests of the demo only: what the kernel itself says about the sockets.

use std::time::Duration;

use procfs::net::TcpNetEntry;

/// Counts the IPv4 TCP sockets of this network namespace that fit.
pub(super) fn sockets(fits: impl Fn(&TcpNetEntry) -> bool) -> usize {
    procfs::net::tcp()
        .unwrap()
        .iter()
        .filter(|entry| fits(entry))
        .count()
}

/// Waits, within reason, for what the kernel or another task does on its own time.
pub(super) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still waiting for {what}");
}
