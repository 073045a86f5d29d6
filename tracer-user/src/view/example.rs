//! A fixed run of a few minutes with a dozen peers of different verdicts, for the view's tests.

use std::net::IpAddr;

use super::{
    keeper::{Batch, Keeper, Prefixes},
    snapshot::Snapshot,
};
use crate::{
    diagnosis::Options,
    model::{
        accounting::Totals,
        durations::Durations,
        ended::{Ended, LastState},
        peer::{CloseReason, Counters, Direction},
        protocol::Protocol,
        sample::{Moment, Peer, Sample},
        socket::{Connection, Since, State},
        workers::Workers,
    },
    report::example,
};

const S: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

/// The run begins 100 s after boot, with one sample per second.
const BEGIN_NS: u64 = 100 * S;

pub(crate) const PREFIXES: Prefixes = Prefixes { v4: 32, v6: 128 };

fn moment(ns: u64) -> Moment {
    Moment {
        monotonic_ns: ns,
        utc_ns: 1_767_225_600_000_000_000 + i128::from(ns - BEGIN_NS),
    }
}

pub(crate) fn durations(ns: u64, n: u32) -> Durations {
    let mut durations = Durations {
        sum_ns: ns * u64::from(n),
        max_ns: ns,
        min_ns: if n > 0 { ns } else { u64::MAX },
        ..Durations::default()
    };
    durations
        .buckets
        .add(tracer_ebpf::buckets::time_bucket(ns) as usize, n);
    durations
}

/// A peer that has ended `closes` connections, each after `idle_ns` and `turns` requests.
fn ending(closes: u32, idle_ns: u64, turns: u32, by_server: bool) -> Counters {
    let mut counters = Counters {
        open_peak: 1,
        lifetime: durations(idle_ns + 120 * MS, closes),
        idle: durations(idle_ns, closes),
        gap: durations(S, closes.saturating_sub(1)),
        bytes_received: u64::from(closes * turns) * 310,
        bytes_sent: u64::from(closes * turns) * 5_200,
        owner: Some(4711),
        ..Counters::default()
    };
    counters.opens_by_held.add(0, closes);
    if by_server {
        counters.closes.local_fin = closes.into();
    } else {
        counters.closes.remote_fin = closes.into();
    }
    counters.turns.sum = u64::from(closes * turns);
    counters.turns.max = turns.into();
    counters
        .turns
        .buckets
        .add(tracer_ebpf::buckets::turn_bucket(turns) as usize, closes);
    counters
}

/// A peer that holds `n` connections.
fn holding(n: u32, seeded: bool) -> Counters {
    let mut counters = Counters {
        open_now: n.into(),
        open_peak: n.into(),
        owner: Some(4711),
        ..Counters::default()
    };
    if seeded {
        counters.seeded = n.into();
    } else {
        (0..n as usize).for_each(|held| counters.opens_by_held.add(held, 1));
    }
    counters
}

fn connection(slot: u32, remote: IpAddr, port: u16, state: State, since: Since) -> Connection {
    let opened_ns = match since {
        Since::Opened(ns) | Since::Seeded(ns) => ns,
        Since::Unknown => BEGIN_NS,
    };
    Connection {
        slot: Some(slot),
        local: ([192, 0, 2, 1].into(), 8081),
        remote: (remote, port),
        state,
        since,
        close_wait_since_ns: (state == State::CloseWait).then_some(opened_ns + S),
        idle_ns: S / 10,
        bytes_received: 1_000,
        bytes_sent: 20_000,
        data_segs_in: 9,
        data_segs_out: 9,
        turns: 9,
        protocol: Some(Protocol::Http1),
        requests_exact: true,
        heard_ns: S / 10,
        holding: true,
        owner: Some(4711),
        ..Connection::unknown(4_026_531_840, Direction::Inbound)
    }
}

fn ended(remote: IpAddr, port: u16, opened_ns: u64, closed_ns: u64, reason: CloseReason) -> Ended {
    Ended {
        since: Since::Opened(opened_ns),
        closed_ns,
        direction: Direction::Inbound,
        netns: 4_026_531_840,
        interface: None,
        local: ([192, 0, 2, 1].into(), 8081),
        remote: (remote, port),
        reason,
        last_state: LastState::Open(State::Established),
        idle_ns: Some(5 * MS),
        gap_ns: Some(S),
        close_wait_ns: (reason == CloseReason::RemoteFin).then_some(MS),
        bytes_received: 310,
        bytes_sent: 5_200,
        data_segs_in: 1,
        data_segs_out: 1,
        retransmits: 0,
        held: Some(0),
        turns: 1,
        protocol: Some(Protocol::Http1),
        requests_exact: true,
        unanswered: false,
        owner: Some(4711),
        errno: None,
    }
}

/// A client's connection that ended at this time.
pub(crate) fn ended_by(client: std::net::Ipv4Addr, closed_ns: u64) -> Ended {
    ended(client.into(), 50_000, 0, closed_ns, CloseReason::RemoteFin)
}

/// What is known `second` seconds into the run.
pub(crate) fn batch(second: u32) -> Batch {
    let now = moment(BEGIN_NS + u64::from(second) * S);
    let v4 = |last: u8| IpAddr::from([192, 0, 2, last]);
    let age = u64::from(second);
    let who: Vec<(IpAddr, Counters)> = vec![
        (v4(11), ending(second, 2 * MS, 1, false)),
        (v4(12), holding((second / 5).min(14), false)),
        (v4(13), {
            let n = (second / 10).min(6);
            Counters {
                close_wait_entered: n.into(),
                close_wait_now: n.into(),
                ..holding(n, false)
            }
        }),
        (v4(14), holding(1, true)),
        (v4(15), ending(1, 50 * MS, 1, true)),
        ([198, 51, 100, 21].into(), ending(second / 6, 5 * S, 2, true)),
        ([198, 51, 100, 22].into(), ending(second / 6, 5 * S, 2, true)),
        ([198, 51, 100, 23].into(), ending(second / 4, 3 * S, 4, false)),
        ([203, 0, 113, 31].into(), ending(second / 10, 2 * MS, 10, true)),
        ([203, 0, 113, 32].into(), holding(2, true)),
        ([203, 0, 113, 33].into(), holding(1, true)),
        ("2001:db8::7".parse().unwrap(), holding(1, true)),
    ];
    let mut sample = Sample {
        taken: now,
        ..example::sample()
    };
    sample.peers.clear();
    sample.sockets.connections.clear();
    let mut totals = Totals::default();
    for (slot, (address, counters)) in (1_u32..).zip(who) {
        let state = if counters.close_wait_now > 0 {
            State::CloseWait
        } else {
            State::Established
        };
        for n in 0..u16::try_from(counters.open_now).unwrap() {
            let since = if counters.seeded > 0 {
                Since::Seeded(BEGIN_NS)
            } else {
                let step = if state == State::CloseWait { 10 } else { 5 };
                Since::Opened(BEGIN_NS + (u64::from(n) + 1) * step * S)
            };
            sample
                .sockets
                .connections
                .push(connection(slot, address, 40_000 + n, state, since));
        }
        totals.add(&counters);
        let id = crate::model::peer::PeerId {
            netns: 4_026_531_840,
            direction: Direction::Inbound,
            port: 8081,
            network: address.into(),
            interface: None,
            process: None,
            program: None,
        };
        sample.peers.push(Peer { id, slot, counters });
    }
    sample.peers.sort_unstable_by_key(|peer| peer.id);
    sample.accounting.totals = totals;
    sample.accounting.open_now = sample.peers.iter().map(|peer| peer.counters.open_now).sum();
    let port = 50_000 + u16::try_from(second).unwrap();
    let opened = BEGIN_NS + age.saturating_sub(1) * S + 300 * MS;
    let records = match second {
        0 => Vec::new(),
        _ => vec![ended(
            v4(11),
            port,
            opened,
            opened + 122 * MS,
            CloseReason::RemoteFin,
        )],
    };
    Batch {
        sample,
        ended: records,
        options: Options {
            hold_ns: Some(30 * S),
            max_workers: Some(150),
            workers: Some(Workers {
                busy: Some(20 + second / 2),
                max: Some(150),
                ..Workers::default()
            }),
            ..Options::default()
        },
        notes: Vec::new(),
        replayed: None,
    }
}

/// The run after this many seconds.
pub(crate) fn after(seconds: u32) -> Snapshot {
    let mut keeper = Keeper::new(PREFIXES, None);
    let mut last = keeper.add(batch(0));
    for second in 1..=seconds {
        last = keeper.add(batch(second));
    }
    last
}

/// The run after a minute and a half.
pub(crate) fn snapshot() -> Snapshot {
    after(90)
}
