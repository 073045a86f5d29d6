//! A recording for tests, made without a kernel: peers that open and close, with one sample per second.

pub(crate) mod crowd;
pub(crate) mod story;

use std::path::PathBuf;

use tempfile::TempDir;

use super::{
    manifest::Session,
    recording::{Block, Limit, Recording},
    rows::{ConnectionRow, Context},
};
use crate::{
    diagnosis::{Judge, Options},
    model::{
        accounting::{Accounting, Totals},
        ended::{Ended, LastState},
        peer::{CloseReason, Direction},
        protocol::Protocol,
        sample::{Moment, Peer, Sample},
        socket::{Since, State},
    },
    report::example::sample as example,
    report::json,
};

pub(crate) const INTERVALS: usize = 6;
const S: u64 = 1_000_000_000;

pub(crate) fn session() -> Session {
    Session {
        version: "0.1.0".to_owned(),
        host: "web1".to_owned(),
        kernel: "6.12.0".to_owned(),
        interval_ms: 1000,
        options: Some(Options::default()),
        ..Session::default()
    }
}

/// A connection that ended after a request.
pub(crate) fn ended(n: u64, at: Moment) -> Ended {
    Ended {
        since: Since::Opened(at.monotonic_ns - S / 10),
        closed_ns: at.monotonic_ns,
        direction: Direction::Inbound,
        netns: 4_026_531_840,
        interface: None,
        local: ([192, 0, 2, 1].into(), 8081),
        remote: (
            [192, 0, 2, 11].into(),
            u16::try_from(30_000 + n % 30_000).unwrap(),
        ),
        last_state: LastState::Open(State::LastAck),
        reason: CloseReason::RemoteFin,
        idle_ns: Some(0),
        gap_ns: (n > 0).then_some(S),
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
        owner: Some(4711),
        errno: None,
    }
}

/// The example, with `n` connections of its first peer ended so far.
fn sample(n: u32, taken: Moment) -> Sample {
    let mut sample = example();
    sample.taken = taken;
    for peer in &mut sample.peers {
        let counters = &mut peer.counters;
        if peer.slot == 1 {
            let mut opens = counters.opens_by_held.all();
            opens[0] = n;
            counters.opens_by_held = opens.into();
            counters.closes.remote_fin = n.into();
        }
    }
    for listener in &mut sample.sockets.listeners {
        listener.backlog.accept_queue = n.into();
    }
    sample.accounting = accounting(&sample.peers);
    sample
}

/// The accounting of a sample that has only these peers, and from which nothing is missing.
fn accounting(peers: &[Peer]) -> Accounting {
    let mut totals = Totals::default();
    peers.iter().for_each(|peer| totals.add(&peer.counters));
    Accounting {
        totals,
        open_now: totals.open_now(),
        drift: Some(0),
        peers_left: 0,
    }
}

/// A finished recording and its last sample.
pub(crate) fn recorded() -> (TempDir, PathBuf, Sample) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("evidence");
    let mut recording = Recording::create(&path, session(), None).unwrap();
    let last = play(&mut recording, INTERVALS, 10, true);
    assert_eq!(recording.news(), None);
    (parent, path, last)
}

/// A recording that was not ended.
pub(crate) fn unfinished(limit: Option<Limit>, intervals: usize, rows: u32) -> (TempDir, PathBuf, Recording) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("evidence");
    let mut recording = Recording::create(&path, session(), limit).unwrap();
    play(&mut recording, intervals, rows, false);
    (parent, path, recording)
}

/// Records some intervals, each with some ended connections. Returns the last sample.
pub(crate) fn play(recording: &mut Recording, intervals: usize, rows: u32, finish: bool) -> Sample {
    recording.begin(example().started);
    let mut last = example();
    blocks(intervals, rows, |block, rows, is_last| {
        for row in rows.iter().filter(|row| finish || row.close_reason.is_some()) {
            recording.connection(row);
        }
        last = block.sample.clone();
        if !is_last || !finish {
            recording.interval(block);
            return;
        }
        let mut report = Vec::new();
        json::write(&mut report, block.diagnosis, &crate::report::example::origin()).unwrap();
        recording.finish(block, &report);
    });
    last
}

/// Makes some intervals, each with the rows of some ended connections; with the last one come those of the
/// open connections.
pub(crate) fn blocks(
    intervals: usize,
    rows: u32,
    mut each: impl FnMut(&Block<'_>, Vec<ConnectionRow>, bool),
) {
    let started = example().started;
    let at = |ns: u64| Moment {
        monotonic_ns: started.monotonic_ns + ns,
        utc_ns: started.utc_ns + i128::from(ns),
    };
    let (mut judge, options) = (Judge::default(), Options::default());
    let context = Context {
        clock: started,
        known: example().known,
        expected: 1,
    };
    for interval in 1..=intervals as u64 {
        let is_last = interval == intervals as u64;
        let mut made = Vec::new();
        for n in 0..rows {
            let ended = ended(u64::from(n), at(interval * S - S / 2 + u64::from(n)));
            made.push(ConnectionRow::of_ended(
                &ended,
                &context,
                Some("=java".to_owned()),
            ));
        }
        let so_far = u32::try_from(interval).unwrap() * rows;
        let sample = sample(so_far, at(interval * S));
        if is_last {
            for open in &sample.sockets.connections {
                let name = sample.names.get(&4711).cloned();
                made.push(ConnectionRow::of_open(open, sample.taken, &context, name));
            }
        }
        let diagnosis = judge.look(&sample, &options);
        let block = Block {
            sample: &sample,
            judge: &judge,
            options: &options,
            diagnosis: &diagnosis,
        };
        each(&block, made, is_last);
    }
}
