//! A recording with a change in it: its end is judged differently from its middle.

use std::path::PathBuf;

use tempfile::TempDir;

use super::{S, accounting, ended, session};
use crate::{
    diagnosis::{Diagnosis, Judge, Options, Verdict},
    evidence::{
        manifest::Session,
        recording::{Block, Recording},
        rows::{ConnectionRow, Context},
    },
    model::{
        peer::{Counters, Direction, PeerId},
        sample::{Known, Moment, Peer, Sample},
        socket::{Connection, Since},
    },
};

/// 2026-01-01T00:00:00Z.
pub(crate) const START: i128 = 1_767_225_600_000_000_000;

/// Length of the story, s.
pub(crate) const SECONDS: u64 = 180;

/// Until then the first peer opens a connection for each request, s.
pub(crate) const BAD_UNTIL: u64 = 60;

/// Length of the window, s.
pub(crate) const WINDOW: u64 = 30;

/// Opens a connection for each request at first.
pub(crate) const MENDED: &str = "192.0.2.11/32";

/// Many clients behind one address, whose connections stay.
pub(crate) const MANY: &str = "192.0.2.50/32";

/// Opens one connection after the start, and keeps it.
pub(crate) const ONE: &str = "192.0.2.60/32";

/// The verdicts at each second.
pub(crate) struct Told {
    _parent: TempDir,
    pub(crate) path: PathBuf,
    pub(crate) live: Vec<Diagnosis>,
}

impl Told {
    /// The verdict on a peer at `second`.
    pub(crate) fn said(&self, second: u64, who: &str) -> Verdict {
        let at = usize::try_from(second).unwrap() - 1;
        verdict(&self.live[at], who)
    }
}

/// The verdict on a peer in a diagnosis.
pub(crate) fn verdict(diagnosis: &Diagnosis, who: &str) -> Verdict {
    let who = who.parse().unwrap();
    let peer = diagnosis.peers.iter().find(|peer| peer.id.network == who);
    peer.unwrap().finding.verdict
}

fn at(second: u64) -> Moment {
    Moment {
        monotonic_ns: (1000 + second) * S,
        utc_ns: START + i128::from(second * S),
    }
}

fn peer(slot: u32, who: &str, counters: Counters) -> Peer {
    Peer {
        id: PeerId {
            netns: 4_026_531_840,
            direction: Direction::Inbound,
            port: 8081,
            network: who.parse().unwrap(),
            interface: None,
            process: None,
            program: None,
        },
        slot,
        counters,
    }
}

fn held(slot: u32, since: Since, turns: u64, holding: bool) -> Connection {
    let turns = u32::try_from(turns).unwrap();
    Connection {
        slot: Some(slot),
        local: ([192, 0, 2, 1].into(), 8081),
        since,
        turns,
        holding,
        bytes_received: 200 * u64::from(turns),
        bytes_sent: 300 * u64::from(turns),
        data_segs_in: turns,
        data_segs_out: turns,
        ..Connection::unknown(4_026_531_840, Direction::Inbound)
    }
}

/// The sample at `second`.
fn sample(second: u64) -> Sample {
    let mut sample = Sample::empty(at(second));
    (sample.started, sample.known) = (at(0), Known::ALL);
    let bad = second.min(BAD_UNTIL);
    let mut mended = Counters::default();
    mended.opens_by_held.add(0, u32::try_from(bad).unwrap());
    mended.closes.remote_fin = bad;
    mended.open_peak = 1;
    (mended.bytes_received, mended.bytes_sent) = (200 * bad, 300 * bad);
    for _ in 0..bad {
        mended.lifetime.note(S / 10);
        mended.turns.note(1);
        mended.idle.note(0);
    }
    if second > BAD_UNTIL {
        mended.opens_by_held.add(0, 1);
        mended.open_now = 1;
        let since = Since::Opened(at(BAD_UNTIL + 1).monotonic_ns);
        let turns = 3 * (second - BAD_UNTIL);
        sample.sockets.connections.push(held(1, since, turns, false));
    }
    let many = Counters {
        seeded: 12,
        open_now: 12,
        open_peak: 12,
        ..Counters::default()
    };
    for _ in 0..12 {
        let since = Since::Seeded(at(0).monotonic_ns);
        sample.sockets.connections.push(held(2, since, second, true));
    }
    let mut one = Counters {
        open_now: 1,
        open_peak: 1,
        ..Counters::default()
    };
    one.opens_by_held.add(0, 1);
    let since = Since::Opened(at(0).monotonic_ns + 1);
    sample.sockets.connections.push(held(3, since, second, false));
    sample.peers = vec![peer(1, MENDED, mended), peer(2, MANY, many), peer(3, ONE, one)];
    sample.accounting = accounting(&sample.peers);
    sample
}

/// Records the story up to a second; with `finish`, ends the recording properly.
pub(crate) fn told(seconds: u64, finish: bool) -> Told {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("evidence");
    let session = Session {
        window_ns: Some(WINDOW * S),
        ..session()
    };
    let mut recording = Recording::create(&path, session, None).unwrap();
    recording.begin(at(0));
    let (mut judge, options) = (Judge::new(Some(WINDOW * S)), Options::default());
    let context = Context {
        clock: at(0),
        known: Known::ALL,
        expected: 1,
    };
    let mut live = Vec::new();
    for second in 1..=seconds {
        if second <= BAD_UNTIL {
            let mut moment = at(second);
            moment.monotonic_ns -= S / 4;
            recording.connection(&ConnectionRow::of_ended(&ended(second, moment), &context, None));
        }
        let sample = sample(second);
        let diagnosis = judge.look(&sample, &options);
        let block = Block {
            sample: &sample,
            judge: &judge,
            options: &options,
            diagnosis: &diagnosis,
        };
        if second == seconds && finish {
            for open in &sample.sockets.connections {
                recording.connection(&ConnectionRow::of_open(open, sample.taken, &context, None));
            }
            recording.finish(&block, b"{}");
        } else {
            recording.interval(&block);
        }
        live.push(diagnosis);
    }
    assert_eq!(recording.news(), None);
    Told {
        _parent: parent,
        path,
        live,
    }
}
