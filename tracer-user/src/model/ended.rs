//! Ended connections, one by one. They illustrate; no count rests on them.

use std::net::IpAddr;

use super::{
    interface::Interface,
    peer::{CloseReason, Closer, Direction},
    protocol::Protocol,
    socket::{Ends, Since, State},
};

/// The state that a socket left for CLOSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastState {
    /// SYN_SENT: the connection was never open.
    SynSent,
    /// SYN_RECV: both sides connected at once, and it was never open.
    SynRecv,
    /// One that counts as open.
    Open(State),
    /// The kernel's number is none of these.
    Unknown,
}

/// One ended connection or failed connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When it began; [`Since::Unknown`] for a failed connect.
    pub since: Since,
    /// When it ended, monotonic, ns.
    pub closed_ns: u64,
    /// Who connected.
    pub direction: Direction,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// The interface that it was bound to.
    pub interface: Option<Interface>,
    /// Local end.
    pub local: (IpAddr, u16),
    /// Remote end.
    pub remote: (IpAddr, u16),
    /// The state it was in at its end.
    pub last_state: LastState,
    /// What ended it first.
    pub reason: CloseReason,
    /// From the last data segment to the first FIN or RST, ns; `None` if that was noticed late.
    pub idle_ns: Option<u64>,
    /// How long the peer had held nothing when it opened, ns.
    pub gap_ns: Option<u64>,
    /// Time in CLOSE_WAIT, ns; "at least" when seeded.
    pub close_wait_ns: Option<u64>,
    /// Payload received, bytes.
    pub bytes_received: u64,
    /// Payload sent, bytes.
    pub bytes_sent: u64,
    /// Data segments received.
    pub data_segs_in: u32,
    /// Data segments sent.
    pub data_segs_out: u32,
    /// Segments sent again after the handshake.
    pub retransmits: u32,
    /// Connections the peer held when this one opened; `None` if the peer is not counted apart.
    pub held: Option<u32>,
    /// Request turns; of a seeded connection, an upper bound over its whole life.
    pub turns: u32,
    /// What it spoke, if that was told.
    pub protocol: Option<Protocol>,
    /// Whether each of its turns is a request, and none is missing.
    pub requests_exact: bool,
    /// The client ended it while its request had no answer yet.
    pub unanswered: bool,
    /// Process that connected it or read from it first, by its thread group id.
    pub owner: Option<u32>,
    /// Error the socket ended with, a positive errno.
    pub errno: Option<u16>,
}

impl Ended {
    /// What told it apart from others of the same moment.
    pub fn ends(&self) -> Ends {
        (self.netns, self.interface, self.local, self.remote)
    }

    /// Who ended it first. A connect that failed was refused by the other side, or the network
    /// had no way there, or the process gave up.
    pub fn closer(&self) -> Closer {
        match self.reason {
            CloseReason::LocalFin | CloseReason::LocalRst => Closer::Local,
            CloseReason::RemoteFin | CloseReason::RemoteRst => Closer::Remote,
            CloseReason::Timeout => Closer::Network,
            CloseReason::ConnectFailed => match self.errno.map(i32::from) {
                Some(libc::ECONNREFUSED | libc::ECONNRESET) => Closer::Remote,
                Some(_) => Closer::Network,
                None => Closer::Local,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_closed_a_connect_that_failed() {
        let failed = |errno: Option<i32>| {
            Ended {
                since: Since::Unknown,
                closed_ns: 1,
                direction: Direction::Outbound,
                netns: 1,
                interface: None,
                local: ([127, 0, 0, 1].into(), 1),
                remote: ([127, 0, 0, 1].into(), 2),
                reason: CloseReason::ConnectFailed,
                last_state: LastState::SynSent,
                idle_ns: Some(0),
                gap_ns: None,
                close_wait_ns: None,
                bytes_received: 0,
                bytes_sent: 0,
                data_segs_in: 0,
                data_segs_out: 0,
                retransmits: 0,
                held: Some(0),
                turns: 0,
                protocol: None,
                requests_exact: false,
                unanswered: false,
                owner: None,
                errno: errno.map(|errno| u16::try_from(errno).unwrap()),
            }
            .closer()
        };
        assert_eq!(failed(Some(libc::ECONNREFUSED)), Closer::Remote);
        assert_eq!(failed(Some(libc::ETIMEDOUT)), Closer::Network);
        assert_eq!(failed(None), Closer::Local);
    }
}
