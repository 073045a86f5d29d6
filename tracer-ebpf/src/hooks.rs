//! The kernel hooks: one table for the loader, `doctor` and the tests.

/// A program on a BTF tracepoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The program, as the object names it.
    pub program: &'static str,
    /// Further programs that look after the first one, for kernels that may preempt a handler of a
    /// tracepoint: until the preempted task goes on, they skip its program on that CPU for whatever comes. They
    /// are attached after the first, and do what that should have done. None where this cannot be told.
    pub further: &'static [&'static str],
    /// The raw tracepoint, as the kernel names it.
    pub tracepoint: &'static str,
    /// A type that kernels have whose tracepoint is good enough, if not all are.
    pub since: Option<&'static str>,
    /// What it means when the kernel lacks the tracepoint.
    pub absence: Absence,
}

impl Hook {
    /// Its programs in the order in which they are attached, all of them or the first one.
    pub fn programs(&self, all: bool) -> impl Iterator<Item = &'static str> + use<> {
        let further = if all { self.further } else { &[] };
        [self.program].into_iter().chain(further.iter().copied())
    }
}

/// What the lack of a hook means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Nothing can be traced; these kernels have it.
    Fatal(&'static str),
    /// This is lost, in words for `doctor`.
    Loses(&'static str),
}

use Absence::{Fatal, Loses};

const EVERY_KERNEL: Absence = Fatal("kernel 4.16 or newer with CONFIG_INET=y has it");

/// Every change of a socket's state: the spine.
pub const STATE: Hook = Hook {
    program: "tcpreuse_state",
    // With one, under load, still one connection in 30,000 was lost in a virtual machine.
    further: &["tcpreuse_state2", "tcpreuse_state3"],
    tracepoint: "inet_sock_set_state",
    since: None,
    absence: EVERY_KERNEL,
};

/// The end of a socket.
pub const END: Hook = Hook {
    program: "tcpreuse_end",
    further: &["tcpreuse_end2"],
    tracepoint: "tcp_destroy_sock",
    since: None,
    absence: EVERY_KERNEL,
};

/// A received RST.
pub const RESET: Hook = Hook {
    program: "tcpreuse_reset",
    further: &["tcpreuse_reset2"],
    tracepoint: "tcp_receive_reset",
    since: None,
    absence: Loses("received resets are told by the socket's error alone"),
};

/// A read by a process.
pub const READ: Hook = Hook {
    program: "tcpreuse_read",
    further: &["tcpreuse_read2"],
    tracepoint: "tcp_rcv_space_adjust",
    since: None,
    absence: Loses("request turns are only known as a bound"),
};

/// A RST that this host sends in answer to a packet.
pub const REFUSE: Hook = Hook {
    program: "tcpreuse_refuse",
    further: &[],
    tracepoint: "tcp_send_reset",
    // Before 6.10 it is not run for connections in TIME_WAIT, which is where late requests come.
    since: Some("sk_rst_reason"),
    absence: Loses("requests that come after this host has closed are unknown"),
};

/// All of them. They are attached from the last to the first: the change of state that the spine sees must
/// find the others in place.
pub const HOOKS: [Hook; 5] = [STATE, END, RESET, READ, REFUSE];

/// The program that counts what was open before, on the socket iterator.
pub const SEED: &str = "tcpreuse_seed";

/// The program that lists the live sockets, on the socket iterator.
pub const LIST: &str = "tcpreuse_list";
