//! From the structs the programs fill to the model's values. Numbers the programs never write are no values.

use tracer_ebpf::{
    abi::{
        closed::Closed,
        comm::Comm,
        conn::flag,
        live::{Live, live_flag},
        losses::Losses as AbiLosses,
        peer::{PeerKey, PeerStats, direction, timed},
    },
    transition::state,
};

use crate::{
    filter::{Filter, ip},
    model::{
        buckets::Buckets,
        durations::Durations,
        ended::{Ended, LastState},
        owner::{Owner, Reason},
        peer::{CloseReason, Closes, Counters, Direction, PeerId},
        socket::{Connection, Listener, Since, State},
        turns::Turns,
    },
    text::sanitise,
};

/// The name of a process, made harmless.
pub(in crate::kernel) fn comm(comm: &Comm) -> String {
    let [first, second] = comm.words.map(u64::to_ne_bytes);
    let bytes: Vec<u8> = first
        .into_iter()
        .chain(second)
        .take_while(|byte| *byte != 0)
        .collect();
    sanitise(&String::from_utf8_lossy(&bytes))
}

/// Who the slot belongs to; `None` for an unused one.
pub(in crate::kernel) fn peer_id(key: &PeerKey, filter: &Filter) -> Option<PeerId> {
    let direction = direction(key.direction)?;
    Some(PeerId {
        netns: key.netns,
        direction,
        port: key.port,
        network: filter.prefixes().network(ip(key.address)),
        process: known_pid(key.process).filter(|_| direction == Direction::Outbound),
        program: None,
    })
}

/// The counters of a slot as the model has them. The counters of one slot are read one after
/// the other while programs go on counting, so sums of two of them never go below zero here.
pub(in crate::kernel) fn counters(stats: &PeerStats) -> Counters {
    let [local_fin, remote_fin, local_rst, remote_rst, timeout] = stats.closes.map(u64::from);
    let used = |bucket: &[u32; timed::COUNT]| *bucket != [0; timed::COUNT];
    let first = stats.buckets.iter().position(used).unwrap_or(0);
    let last = stats.buckets.iter().rposition(used).unwrap_or(0);
    let between = stats.buckets.get(first..=last).unwrap_or_default();
    let mut spreads = stats.durations.iter().enumerate().map(|(what, one)| Durations {
        sum_ns: one.sum_ns,
        max_ns: one.max_ns,
        min_ns: !one.inverse_min_ns,
        buckets: Buckets::from_first(
            first,
            between
                .iter()
                .map(|bucket| bucket.get(what).copied().unwrap_or_default()),
        ),
    });
    // In the order of `timed`.
    let [lifetime, idle, gap, close_wait] = std::array::from_fn(|_| spreads.next().unwrap_or_default());
    let close_wait_now = (u64::from(stats.close_wait_entered) + u64::from(stats.close_wait_seeded))
        .saturating_sub(u64::from(stats.close_wait_left));
    Counters {
        open_now: u64::from(stats.open_now),
        open_peak: u64::from(stats.open_peak),
        seeded: u64::from(stats.seeded),
        failed: u64::from(stats.failed),
        close_wait_entered: u64::from(stats.close_wait_entered),
        close_wait_now,
        close_wait_entered_mean_ns: stats.close_wait_entry_sum_ns.checked_div(close_wait_now),
        retransmits: u64::from(stats.retransmits),
        bytes_received: stats.bytes_received,
        bytes_sent: stats.bytes_sent,
        closes: Closes {
            local_fin,
            remote_fin,
            local_rst,
            remote_rst,
            timeout,
        },
        opens_by_held: stats.opens_by_held.into(),
        lifetime,
        idle,
        gap,
        close_wait,
        turns: Turns {
            sum: stats.turns_sum,
            max: u64::from(stats.turns_max),
            buckets: stats.turn_buckets.into(),
        },
        unanswered: u64::from(stats.unanswered),
        late_reads: u64::from(stats.late_reads),
        late_read_max_ns: u64::from(stats.late_read_max_ms) << 20,
        owner: known_pid(stats.key.process),
    }
}

/// What an iterator record shows; `None` for a socket in no state that counts.
pub(in crate::kernel) fn socket(live: &Live) -> Option<Socket> {
    let local = ip(live.local_address);
    if live.state == state::LISTEN {
        return Some(Socket::Listener(Listener {
            netns: live.netns,
            address: local,
            port: live.local_port,
            accept_queue: live.queue,
            accept_queue_limit: live.queue_limit,
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
        held: live.held,
        turns: live.turns,
        heard_ns: live.heard_ns,
        retries: live.retries,
        probes: live.probes,
        unanswered: has(flag::UNANSWERED),
        holding: has(live_flag::HOLDING),
        owner: known_pid(live.owner),
        inode: (live.inode != 0).then_some(live.inode),
    }))
}

/// What a ring record tells; `None` for numbers the programs never write.
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
        local: (ip(closed.local_address), closed.local_port),
        remote: (ip(closed.remote_address), closed.remote_port),
        last_state: last_state(closed.last_state),
        reason,
        idle_ns: closed.idle_ns,
        gap_ns: known(closed.gap_ns),
        close_wait_ns: known(closed.close_wait_ns)
            .map(|entered| closed.close_wait_left_ns.saturating_sub(entered)),
        bytes_received: closed.bytes_received,
        bytes_sent: closed.bytes_sent,
        data_segs_in: closed.data_segs_in,
        data_segs_out: closed.data_segs_out,
        retransmits: closed.retransmits,
        held: closed.held,
        turns: closed.turns,
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

/// Adds up the counters of all CPUs.
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
        })
}

/// A process number; 0 means that none is known.
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
