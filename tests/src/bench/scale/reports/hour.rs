//! Made-up clients over an hour or more, recorded as `record` does: one in ten connects anew each time, one
//! in a hundred piles up in the second half, and the others keep a connection.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use tcpreuse::testing::{
    diagnosis::{Judge, Options},
    evidence::{
        manifest::Session,
        recording::{Block, Recording},
        rows::{ConnectionRow, Context},
    },
    model::{
        accounting::Totals,
        backlog::Backlog,
        ended::{Ended, LastState},
        owner::{Owner, Process},
        peer::{CloseReason, Counters, Direction, PeerId},
        protocol::Protocol,
        sample::{Known, Moment, Peer, Sample},
        socket::{Connection, Listener, Since, State},
    },
};

const S: u64 = 1_000_000_000;

/// The name of the host that it is of.
pub(in crate::bench::scale) const HOST: &str = "web1";

/// An hour, s.
pub(in crate::bench) const HOUR: u32 = 3600;

/// The good clients ask once in this time, s.
const POLL: u32 = 60;

/// What is judged at any moment, as `record` does by default, ns.
const WINDOW: u64 = 600 * S;

const NETNS: u32 = 4_026_531_840;
const LOCAL: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 8081);
const SERVER: u32 = 4711;

/// How a client behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fresh,
    Piling,
    Keeping,
}

impl Kind {
    fn of(peer: u32) -> Self {
        match peer % 100 {
            n if n % 10 == 0 => Self::Fresh,
            1 => Self::Piling,
            _ => Self::Keeping,
        }
    }
}

fn at(second: u32) -> Moment {
    let ns = u64::from(second) * S;
    Moment {
        monotonic_ns: 1000 * S + ns,
        utc_ns: 1_767_225_600_000_000_000 + i128::from(ns),
    }
}

fn address(peer: u32) -> IpAddr {
    Ipv4Addr::from(0x0a00_0000 + peer).into()
}

/// Records so many seconds in so many intervals. Returns the number of connections that ended.
pub(in crate::bench::scale) fn record(
    peers: u32,
    seconds: u32,
    intervals: u32,
    folder: &Path,
) -> Result<u64, String> {
    let step = seconds / intervals;
    let session = Session {
        version: "0.1.0".to_owned(),
        host: HOST.to_owned(),
        kernel: "6.12.0".to_owned(),
        interval_ms: u64::from(step) * 1000,
        window_ns: Some(WINDOW),
        options: Some(Options::default()),
        ..Session::default()
    };
    let mut recording = Recording::create(folder, session, None).map_err(|error| error.to_string())?;
    recording.begin(at(0));
    let (mut judge, options) = (Judge::new(Some(WINDOW)), Options::default());
    let mut sample = first(peers);
    let mut rows = 0;
    for interval in 1..=intervals {
        let second = interval * step;
        for ended in go_on(&mut sample, second, step, second > seconds / 2) {
            let context = Context {
                clock: at(0),
                known: Known::ALL,
                expected: 1,
            };
            recording.connection(&ConnectionRow::of_ended(&ended, &context, None));
            rows += 1;
        }
        let diagnosis = judge.look(&sample, &options);
        let block = Block {
            sample: &sample,
            judge: &judge,
            options: &options,
            diagnosis: &diagnosis,
        };
        match interval == intervals {
            true => recording.finish(&block, b"{}"),
            false => recording.interval(&block),
        }
    }
    recording.news().map_or(Ok(rows), Err)
}

/// The sample when tracing begins.
fn first(peers: u32) -> Sample {
    let mut sample = Sample::empty(at(0));
    sample.known = Known::ALL;
    sample.sockets.listeners.push(Listener {
        netns: NETNS,
        address: LOCAL.0,
        port: LOCAL.1,
        backlog: Backlog {
            accept_queue_limit: 511,
            ..Backlog::default()
        },
        inode: None,
        owner: Owner::Process(Process {
            pid: SERVER,
            comm: "apache2".to_owned(),
            workload: None,
        }),
    });
    for slot in 1..=peers {
        let id = PeerId {
            netns: NETNS,
            direction: Direction::Inbound,
            port: LOCAL.1,
            network: address(slot).into(),
            interface: None,
            process: None,
            program: None,
        };
        let mut peer = Peer {
            id,
            slot,
            counters: Counters::default(),
        };
        peer.counters.owner = Some(SERVER);
        if Kind::of(slot) != Kind::Fresh {
            open(&mut peer, &mut sample.sockets.connections, 0);
        }
        sample.peers.push(peer);
    }
    count(&mut sample);
    sample
}

/// The peer opens a connection and keeps it.
fn open(peer: &mut Peer, connections: &mut Vec<Connection>, second: u32) {
    let held = peer.counters.open_now;
    let port = 40_000 + held;
    peer.counters
        .opens_by_held
        .add(usize::try_from(held).unwrap_or(usize::MAX), 1);
    peer.counters.open_now += 1;
    peer.counters.open_peak = peer.counters.open_now;
    connections.push(Connection {
        slot: Some(peer.slot),
        local: LOCAL,
        remote: (address(peer.slot), u16::try_from(port).unwrap_or(u16::MAX)),
        since: Since::Opened(at(second).monotonic_ns),
        owner: Some(SERVER),
        ..Connection::unknown(NETNS, Direction::Inbound)
    });
}

/// What happens until this second. Returns the connections that ended.
fn go_on(sample: &mut Sample, second: u32, step: u32, surges: bool) -> Vec<Ended> {
    sample.taken = at(second);
    let mut rows = Vec::new();
    let Sample { peers, sockets, .. } = sample;
    for peer in peers.iter_mut() {
        // The clients do not all ask in the same second.
        let is_due = (second + peer.slot) % POLL < step;
        match Kind::of(peer.slot) {
            Kind::Fresh => rows.push(come_and_go(peer, second)),
            Kind::Piling if surges && is_due => open(peer, &mut sockets.connections, second),
            Kind::Keeping if is_due => {
                peer.counters.bytes_received += 200;
                peer.counters.bytes_sent += 300;
            }
            Kind::Piling | Kind::Keeping => {}
        }
    }
    for connection in &mut sockets.connections {
        connection.turns = (second - seconds_since(connection)) / POLL;
    }
    count(sample);
    rows
}

fn seconds_since(connection: &Connection) -> u32 {
    let Since::Opened(ns) = connection.since else {
        return 0;
    };
    u32::try_from((ns - at(0).monotonic_ns) / S).unwrap_or(0)
}

/// The peer opens a connection for one request.
fn come_and_go(peer: &mut Peer, second: u32) -> Ended {
    let counters = &mut peer.counters;
    let lifetime = S / 10 + u64::from(peer.slot % 50) * 1_000_000;
    counters.opens_by_held.add(0, 1);
    counters.closes.remote_fin += 1;
    counters.open_peak = 1;
    counters.bytes_received += 200;
    counters.bytes_sent += 300;
    counters.lifetime.note(lifetime);
    counters.idle.note(2_000_000);
    counters.gap.note(S);
    counters.turns.note(1);
    let closed_ns = at(second).monotonic_ns - S / 4;
    Ended {
        since: Since::Opened(closed_ns - lifetime),
        closed_ns,
        direction: Direction::Inbound,
        netns: NETNS,
        interface: None,
        local: LOCAL,
        remote: (
            address(peer.slot),
            u16::try_from(30_000 + second).unwrap_or(u16::MAX),
        ),
        last_state: LastState::Open(State::LastAck),
        reason: CloseReason::RemoteFin,
        idle_ns: Some(2_000_000),
        gap_ns: Some(S),
        close_wait_ns: Some(1_000_000),
        bytes_received: 200,
        bytes_sent: 300,
        data_segs_in: 1,
        data_segs_out: 1,
        retransmits: 0,
        held: Some(0),
        turns: 1,
        protocol: Some(Protocol::Http1),
        requests_exact: true,
        unanswered: false,
        owner: Some(SERVER),
        errno: None,
    }
}

/// Makes the accounting that of the peers.
fn count(sample: &mut Sample) {
    let mut totals = Totals::default();
    for peer in &sample.peers {
        totals.add(&peer.counters);
    }
    sample.accounting.totals = totals;
    sample.accounting.open_now = totals.open_now();
    sample.accounting.drift = Some(0);
}
