//! Converts the programs' structs to the model's values. Numbers that the programs never write are rejected.

use ipnet::IpNet;
use tracer_ebpf::{
    abi::{
        closed::Closed,
        comm::Comm,
        conn::{HELD_UNKNOWN, flag},
        live::{Live, live_flag},
        losses::Losses as AbiLosses,
        peer::{PeerKey, direction},
    },
    transition::state,
};

use crate::{
    filter::{Filter, ip},
    model::{
        ended::{Ended, LastState},
        interface::Interface,
        owner::{Owner, Reason},
        peer::{CloseReason, Direction, PeerId},
        protocol::Protocol,
        socket::{Connection, Listener, Since, State},
    },
    text::sanitise,
};

/// The name of a process, made safe to display.
pub(in crate::kernel) fn comm(comm: &Comm) -> String {
    let [first, second] = comm.words.map(u64::to_ne_bytes);
    let bytes: Vec<u8> = first
        .into_iter()
        .chain(second)
        .take_while(|byte| *byte != 0)
        .collect();
    sanitise(&String::from_utf8_lossy(&bytes))
}

/// The owner of a slot; `None` for an unused one.
pub(in crate::kernel) fn peer_id(key: &PeerKey, filter: &Filter) -> Option<PeerId> {
    let direction = direction(key.direction)?;
    Some(PeerId {
        netns: key.netns,
        direction,
        port: key.port,
        network: match key.shared {
            0 => filter.prefixes().network(ip(key.address)),
            bits => IpNet::new(ip(key.address), bits).ok()?,
        },
        interface: Interface::of(key.interface),
        process: known_pid(key.process).filter(|_| direction == Direction::Outbound),
        program: None,
    })
}

/// The socket in an iterator record; `None` if its state does not count.
pub(in crate::kernel) fn socket(live: &Live) -> Option<Socket> {
    let local = ip(live.local_address);
    if live.state == state::LISTEN {
        return Some(Socket::Listener(Listener {
            netns: live.netns,
            address: local,
            port: live.local_port,
            backlog: live.into(),
            inode: (live.inode != 0).then_some(live.inode),
            owner: Owner::Unknown(Reason::NotYet),
        }));
    }
    let has = |bit: u8| live.flags & bit != 0;
    let tracked = has(live_flag::TRACKED);
    let since = match (tracked, has(flag::SEEDED)) {
        (false, _) => Since::Unknown,
        (true, true) => Since::Seeded(live.opened_ns),
        (true, false) => Since::Opened(live.opened_ns),
    };
    Some(Socket::Connection(Connection {
        slot: tracked.then_some(live.slot),
        netns: live.netns,
        interface: Interface::of(live.interface),
        direction: direction(live.direction)?,
        local: (local, live.local_port),
        remote: (ip(live.remote_address), live.remote_port),
        state: tcp_state(live.state)?,
        since,
        close_wait_since_ns: (live.close_wait_ns != 0).then_some(live.close_wait_ns),
        has_file: has(live_flag::HAS_FILE),
        orphan: has(live_flag::ORPHAN),
        unread: live.queue,
        idle_ns: live.idle_ns,
        bytes_received: live.bytes_received,
        bytes_sent: live.bytes_sent,
        data_segs_in: live.data_segs_in,
        data_segs_out: live.data_segs_out,
        retransmits: live.retransmits,
        held: known_held(live.held),
        turns: live.turns,
        protocol: Protocol::of(live.protocol.into()),
        requests_exact: has(flag::REQUESTS_EXACT),
        heard_ns: live.heard_ns,
        retries: live.retries,
        probes: live.probes,
        unanswered: has(flag::UNANSWERED),
        holding: has(live_flag::HOLDING),
        owner: known_pid(live.owner),
        inode: (live.inode != 0).then_some(live.inode),
        clock_ms: (live.clock != 0).then_some(live.clock),
    }))
}

/// The ended connection in a ring record; `None` for numbers the programs never write.
pub(in crate::kernel) fn ended(closed: &Closed) -> Option<Ended> {
    let reason = CloseReason::from_abi(closed.reason)?;
    let since = match reason {
        CloseReason::ConnectFailed => Since::Unknown,
        _ if closed.flags & flag::SEEDED != 0 => Since::Seeded(closed.opened_ns),
        _ => Since::Opened(closed.opened_ns),
    };
    let known = |ns: u64| (ns != 0).then_some(ns);
    Some(Ended {
        since,
        closed_ns: closed.closed_ns,
        direction: direction(closed.direction)?,
        netns: closed.netns,
        interface: Interface::of(closed.interface),
        local: (ip(closed.local_address), closed.local_port),
        remote: (ip(closed.remote_address), closed.remote_port),
        last_state: last_state(closed.last_state),
        reason,
        idle_ns: (closed.flags & flag::IDLE_UNKNOWN == 0).then_some(closed.idle_ns),
        gap_ns: known(closed.gap_ns),
        close_wait_ns: known(closed.close_wait_ns)
            .map(|entered| closed.close_wait_left_ns.saturating_sub(entered)),
        bytes_received: closed.bytes_received,
        bytes_sent: closed.bytes_sent,
        data_segs_in: closed.data_segs_in,
        data_segs_out: closed.data_segs_out,
        retransmits: closed.retransmits,
        held: known_held(closed.held),
        turns: closed.turns,
        protocol: Protocol::of(closed.protocol.into()),
        requests_exact: closed.flags & flag::REQUESTS_EXACT != 0,
        unanswered: closed.flags & flag::UNANSWERED != 0,
        owner: known_pid(closed.owner),
        errno: (closed.errno != 0).then_some(closed.errno),
    })
}

/// A decoded iterator record.
pub(in crate::kernel) enum Socket {
    /// A connection.
    Connection(Connection),
    /// A listener.
    Listener(Listener),
}

/// Sums the counters of all CPUs.
pub(in crate::kernel) fn losses(per_cpu: impl IntoIterator<Item = AbiLosses>) -> AbiLosses {
    per_cpu
        .into_iter()
        .fold(AbiLosses::default(), |sum, cpu| AbiLosses {
            peers_dropped: sum.peers_dropped + cpu.peers_dropped,
            connections_unattributed: sum.connections_unattributed + cpu.connections_unattributed,
            peers_dropped_unlisted: sum.peers_dropped_unlisted + cpu.peers_dropped_unlisted,
            connections_dropped: sum.connections_dropped + cpu.connections_dropped,
            rescued: sum.rescued + cpu.rescued,
            ring_full: sum.ring_full + cpu.ring_full,
            ring_raced: sum.ring_raced + cpu.ring_raced,
            listeners_forgotten: sum.listeners_forgotten + cpu.listeners_forgotten,
        })
}

fn known_held(held: u32) -> Option<u32> {
    (held != HELD_UNKNOWN).then_some(held)
}

/// A process number; 0 means unknown.
fn known_pid(pid: u32) -> Option<u32> {
    (pid != 0).then_some(pid)
}

fn direction(value: u8) -> Option<Direction> {
    match value {
        direction::INBOUND => Some(Direction::Inbound),
        direction::OUTBOUND => Some(Direction::Outbound),
        _ => None,
    }
}

fn last_state(value: u8) -> LastState {
    match value {
        state::SYN_SENT => LastState::SynSent,
        state::SYN_RECV => LastState::SynRecv,
        _ => tcp_state(value).map_or(LastState::Unknown, LastState::Open),
    }
}

fn tcp_state(value: u8) -> Option<State> {
    Some(match value {
        state::ESTABLISHED => State::Established,
        state::FIN_WAIT1 => State::FinWait1,
        state::FIN_WAIT2 => State::FinWait2,
        state::CLOSE_WAIT => State::CloseWait,
        state::LAST_ACK => State::LastAck,
        state::CLOSING => State::Closing,
        _ => return None,
    })
}
