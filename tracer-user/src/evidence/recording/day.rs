//! What a day of recording writes, by a made-up hour of it, which takes no time but that of writing.

use std::{fs, io, net::Ipv4Addr, path::Path};

use super::{Entry, Interval, Moment, Recording, Rows, Sample, Session, timestamp};
use crate::{
    diagnosis::{Judge, Options},
    evidence::{error::EvidenceError, rows::PeerRow, state::StateRef},
    model::{
        peer::{Counters, Direction, PeerId},
        sample::{Known, Peer},
        window::Live,
    },
};

const S: u64 = 1_000_000_000;
const HOUR: u64 = 3600;
const HOURS: u64 = 24;

/// A host whose peers are known and mostly quiet.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Number of peers.
    pub peers: u32,
    /// How many of them open and close a connection each time.
    pub moving: u32,
    /// How often they do, s.
    pub every: u64,
}

/// What a day of it writes.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    /// The host.
    pub host: Host,
    /// Bytes written in all, of which older ones are compressed or replaced later.
    pub written: u64,
    /// Bytes that are kept.
    pub kept: u64,
}

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
            network: std::net::IpAddr::from(Ipv4Addr::from(0x0a00_0000 + n)).into(),
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

fn row(peer: &Peer) -> PeerRow {
    PeerRow {
        verdict: "reusing".into(),
        ..PeerRow::of(peer.id, &peer.counters, Live::default(), Known::ALL, 1)
    }
}

fn at(second: u64) -> Moment {
    Moment {
        monotonic_ns: (1_000_000 + second) * S,
        utc_ns: 1_767_225_600_000_000_000 + i128::from(second * S),
    }
}

/// Bytes that this thread has caused to be written.
fn written() -> io::Result<u64> {
    let file = fs::read_to_string("/proc/thread-self/io")?;
    let line = file.lines().find_map(|line| line.strip_prefix("wchar: "));
    let bytes = line.and_then(|bytes| bytes.parse().ok());
    bytes.ok_or_else(|| io::Error::other("/proc/thread-self/io has no wchar"))
}

/// Records an hour of a host at an interval of a second to a new directory, and reckons what a day writes.
///
/// # Errors
/// If it cannot be written.
pub fn of(host: Host, path: &Path) -> Result<Day, String> {
    let said = |error: EvidenceError| error.to_string();
    let session = Session {
        interval_ms: 1000,
        options: Some(Options::default()),
        ..Session::default()
    };
    let mut recording = Recording::create(path, session, None).map_err(said)?;
    recording.begin(at(0));
    let mut sample = Sample::empty(at(0));
    sample.known = Known::ALL;
    sample.peers = (0..host.peers).map(peer).collect();
    let mut rows: Vec<PeerRow> = sample.peers.iter().map(row).collect();
    let (judge, options) = (Judge::default(), Options::default());
    let before = written().map_err(|error| error.to_string())?;
    for second in 0..HOUR {
        sample.taken = at(second);
        if second % host.every == 0 {
            let moving = sample.peers.iter_mut().zip(&mut rows);
            for (peer, known) in moving.take(host.moving as usize) {
                moves(peer);
                *known = row(peer);
            }
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
            state: state.transpose().map_err(|error| error.to_string())?,
        });
    }
    let written = written().map_err(|error| error.to_string())? - before;
    if let Some(news) = recording.news() {
        return Err(news);
    }
    // The first snapshot and the first minute come once; counting them each hour is on the safe side.
    let (older, newest) = recording.bytes_by_age();
    Ok(Day {
        host,
        written: written * HOURS,
        kept: match older {
            0 => newest * HOURS,
            // There is only one segment at a time that is not compressed.
            older => older * HOURS + newest,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quiet host writes 20 MB a day at most.
    #[test]
    fn a_day_on_disk() {
        let parent = tempfile::tempdir().unwrap();
        let quiet = Host {
            peers: 16,
            moving: 1,
            every: 10,
        };
        let Day { host, written, kept } = of(quiet, &parent.path().join("evidence")).unwrap();
        let (written, kept) = (written >> 20, kept >> 20);
        println!("{host:?}: {written} MB a day are written, {kept} MB kept");
        assert!(written <= 20);
    }
}
