//! For tests of the demo only: the kernel's own view of the sockets.

use std::time::Duration;

use procfs::net::TcpNetEntry;

/// Counts the matching IPv4 TCP sockets of this network namespace.
pub(super) fn sockets(fits: impl Fn(&TcpNetEntry) -> bool) -> usize {
    procfs::net::tcp()
        .unwrap()
        .iter()
        .filter(|entry| fits(entry))
        .count()
}

/// Waits, for a limited time, for something the kernel or another task does asynchronously.
pub(super) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still waiting for {what}");
}
