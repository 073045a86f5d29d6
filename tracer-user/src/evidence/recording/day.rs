//! What a day of recording writes, in a made-up hour: `cargo test -p tcpreuse --lib a_day_on_disk --
//! --nocapture`.

use super::*;
use crate::{
    evidence::{rows::PeerRow, state::StateRef, testing::session},
    model::{
        peer::{Counters, Direction, PeerId},
        sample::{Known, Peer},
        window::Live,
    },
};

const S: u64 = 1_000_000_000;
const HOUR: u64 = 3600;

/// As many as a quiet host has.
const PEERS: u32 = 16;

fn peer(n: u32) -> Peer {
    let mut counters = Counters::default();
    counters.opens_by_held.add(0, 1000 + n);
    counters.closes.remote_fin = 1000 + u64::from(n);
    for kind in [&mut counters.lifetime, &mut counters.idle, &mut counters.gap] {
        (0..20).for_each(|turn| kind.note((u64::from(n) + 7 * turn) * S / 3));
    }
    (counters.bytes_received, counters.bytes_sent) = (u64::from(n) * 977, u64::from(n) * 3571);
    Peer {
        id: PeerId {
            netns: 4_026_531_840,
            direction: Direction::Inbound,
            port: 443,
            network: std::net::IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + n)).into(),
            interface: None,
            process: None,
            program: None,
        },
        slot: n + 1,
        counters,
    }
}

fn moves(peer: &mut Peer) {
    peer.counters.opens_by_held.add(0, 1);
    peer.counters.closes.remote_fin += 1;
    peer.counters.bytes_received += 517;
    peer.counters.lifetime.note(S / 2);
}

/// Bytes that this thread has caused to be written.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.unwrap().parse().unwrap()
}

/// Records the hour. Returns the bytes written in all, and those that are kept.
fn record() -> (u64, u64) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("evidence");
    let mut recording = Recording::create(&path, session(), None).unwrap();
    let at = |second: u64| Moment {
        monotonic_ns: (1_000_000 + second) * S,
        utc_ns: 1_767_225_600_000_000_000 + i128::from(second * S),
    };
    recording.begin(at(0));
    let mut sample = Sample::empty(at(0));
    sample.known = Known::ALL;
    sample.peers = (0..PEERS).map(peer).collect();
    let row = |peer: &Peer| PeerRow {
        verdict: "reusing".into(),
        ..PeerRow::of(peer.id, &peer.counters, Live::default(), Known::ALL, 1)
    };
    let mut rows: Vec<PeerRow> = sample.peers.iter().map(row).collect();
    let (judge, options) = (Judge::default(), Options::default());
    let before = written();
    for second in 0..HOUR {
        sample.taken = at(second);
        if second % 10 == 0 {
            moves(&mut sample.peers[0]);
            rows[0] = row(&sample.peers[0]);
        }
        let due = sample.taken.monotonic_ns >= recording.state_due_ns();
        let state = due.then(|| StateRef::new(recording.next_number(), &sample, &judge, &options).bytes());
        recording.add(Entry {
            rows: Rows {
                peers: rows.iter().map(|row| row.clone().at(sample.taken)).collect(),
                ..Rows::default()
            },
            end: Interval {
                at: timestamp(sample.taken),
                monotonic_ns: sample.taken.monotonic_ns,
                ..Interval::default()
            },
            expected: Some(1),
            state: state.map(|state| state.unwrap()),
        });
    }
    assert_eq!(recording.news(), None);
    (written() - before, recording.bytes())
}

/// A quiet host writes 20 MB a day at most.
#[test]
fn a_day_on_disk() {
    let (written, kept) = record();
    // The first snapshot and the first minute come once; counting them each hour is on the safe side.
    let (written, kept) = ((written * 24) >> 20, (kept * 24) >> 20);
    println!("{PEERS} peers, one change every ten seconds: {written} MB a day are written, {kept} MB kept");
    assert!(written <= 20);
}
