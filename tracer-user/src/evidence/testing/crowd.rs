//! A recording of an hour with many peers: one in ten connects anew for each request, the others keep a
//! connection.

use std::{net::Ipv4Addr, path::PathBuf};

use tempfile::TempDir;

use super::{S, accounting, ended, session};
use crate::{
    diagnosis::{Judge, Options},
    evidence::{
        manifest::Session,
        recording::{Block, Recording},
        rows::{ConnectionRow, Context},
    },
    model::{
        ended::Ended,
        peer::{Counters, Direction, PeerId},
        sample::{Known, Moment, Peer, Sample},
        socket::{Connection, Since},
    },
    report::example::sample as example,
};

/// Length of the recording, s.
const SECONDS: u64 = 3600;

fn at(second: u64) -> Moment {
    Moment {
        monotonic_ns: (1000 + second) * S,
        utc_ns: example().started.utc_ns + i128::from(second * S),
    }
}

fn address(peer: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + peer)
}

fn is_bad(peer: u32) -> bool {
    peer.is_multiple_of(10)
}

/// The sample after so many intervals, which have a connection each of every bad peer.
fn sample(peers: u32, interval: u32, second: u64) -> Sample {
    let mut sample = Sample::empty(at(second));
    (sample.started, sample.known) = (at(0), Known::ALL);
    sample.sockets.listeners = example().sockets.listeners;
    for n in 1..=peers {
        let mut counters = Counters {
            bytes_received: 200 * u64::from(interval),
            bytes_sent: 300 * u64::from(interval),
            ..Counters::default()
        };
        if is_bad(n) {
            counters.opens_by_held.add(0, interval);
            counters.closes.remote_fin = interval.into();
            counters.open_peak = 1;
            (0..interval).for_each(|_| {
                counters.lifetime.note(S / 10);
                counters.turns.note(1);
                counters.idle.note(0);
            });
        } else {
            counters.opens_by_held.add(0, 1);
            (counters.open_now, counters.open_peak) = (1, 1);
            sample.sockets.connections.push(Connection {
                slot: Some(n),
                local: ([192, 0, 2, 1].into(), 8081),
                remote: (address(n).into(), 40_000),
                since: Since::Opened(at(0).monotonic_ns + 1),
                turns: interval,
                ..Connection::unknown(4_026_531_840, Direction::Inbound)
            });
        }
        let id = PeerId {
            netns: 4_026_531_840,
            direction: Direction::Inbound,
            port: 8081,
            network: std::net::IpAddr::from(address(n)).into(),
            interface: None,
            process: None,
            program: None,
        };
        sample.peers.push(Peer {
            id,
            slot: n,
            counters,
        });
    }
    sample.accounting = accounting(&sample.peers);
    sample
}

/// An hour in so many intervals.
pub(crate) fn recorded(peers: u32, intervals: u32) -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("evidence");
    let window_ns = Some(600 * S);
    let session = Session {
        window_ns,
        interval_ms: SECONDS * 1000 / u64::from(intervals),
        ..session()
    };
    let mut recording = Recording::create(&path, session, None).unwrap();
    recording.begin(at(0));
    let (mut judge, options) = (Judge::new(window_ns), Options::default());
    let context = Context {
        clock: at(0),
        known: Known::ALL,
        expected: 1,
    };
    for interval in 1..=intervals {
        let second = u64::from(interval) * SECONDS / u64::from(intervals);
        for peer in (1..=peers).filter(|peer| is_bad(*peer)) {
            let mut when = at(second);
            when.monotonic_ns -= S / 4;
            let one = Ended {
                remote: (address(peer).into(), u16::try_from(interval).unwrap()),
                ..ended(0, when)
            };
            recording.connection(&ConnectionRow::of_ended(&one, &context, None));
        }
        let sample = sample(peers, interval, second);
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
    assert_eq!(recording.news(), None);
    (parent, path)
}
