//! What the kernel says of a listening socket: a table with one figure per line, like [`super::counters`].
//!
//! Reading it from the kernel's record, the sum over the sockets of one port, the state of a recording and
//! its limits follow from the line, and so do the JSON of a diagnosis, `listeners.csv` and the listeners of
//! the view.

use tracer_ebpf::abi::live::{Live, NO_DROPS};

use super::figure::figures;

figures! {
    /// What the kernel says of a listening socket, or of all that listen on one port.
    #[derive(Copy)]
    Backlog of Live, shown as Self;

    /// Connections that wait to be accepted.
    accept_queue: u64 = Gauge of Connections, |live| live.queue.into(), shown "accept_queue" labelled "QUEUE";

    /// How many may wait.
    accept_queue_limit: u64 = Gauge of Connections, |live| live.queue_limit.into(),
        shown "accept_queue_limit" labelled "LIMIT";

    /// SYNs and connections that the kernel dropped since it listens, for a full queue most of all. Unknown with
    /// TCP_DEFER_ACCEPT (Apache on Linux), where the kernel counts other packets among them.
    drops: Option<u64> = Counter of Connections,
        |live| (live.drops != NO_DROPS).then_some(live.drops.into()), shown "drops" labelled "DROPS";

    /// Files that the process has open which listens, sockets included. From `/proc`, not from the socket.
    owner_fds: Option<u64> = Largest of Files, |_| None, shown "owner_fds" labelled "FILES";

    /// How many it may have open.
    owner_fd_limit: Option<u64> = Largest of Files, |_| None, shown "owner_fd_limit" labelled "MAX";
}

/// The number of figures, the first ones, that have a place of their own wherever they are shown.
pub const PLACED: usize = 2;

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::*;
    use crate::model::figure::Table;

    #[test]
    fn drops_that_the_kernel_does_not_count_are_unknown() {
        let mut live = Live::new_zeroed();
        assert_eq!(Backlog::from(&live).drops, Some(0));
        live.drops = NO_DROPS;
        assert_eq!(Backlog::from(&live).drops, None);
    }

    #[test]
    fn sockets_of_one_port_are_one() {
        let mut one = Backlog::default();
        for (n, figure) in (1..).zip(Backlog::shown()) {
            (figure.set)(&mut one, Some(n));
            assert_eq!((figure.get)(&one), Some(n), "{}", figure.name);
        }
        let other = one;
        one.each_absorb(&other);
        // Both are of the same process.
        let times = |name| {
            if name == "owner_fds" || name == "owner_fd_limit" {
                1
            } else {
                2
            }
        };
        for (n, figure) in (1..).zip(Backlog::shown()) {
            let wanted = times(figure.name) * n;
            assert_eq!((figure.get)(&one), Some(wanted), "{}", figure.name);
        }
        assert!(one.are_possible());
        one.accept_queue = u64::MAX;
        assert!(!one.are_possible());
    }
}
