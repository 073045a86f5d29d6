use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use tempfile::TempDir;

use crate::{
    diagnosis::{Judge, Options, Verdict},
    evidence::{
        at::At,
        load::{Loaded, Wanted, load, load_wanted},
        manifest::Session,
        recording::{Block, Recording},
        rows::{ConnectionRow, Context},
        testing::{ended, session},
    },
    model::{
        accounting::{Accounting, Totals},
        peer::{Counters, Direction, PeerId},
        sample::{Known, Moment, Peer, Sample},
        socket::{Connection, Since},
    },
    source::replay::Replay,
};

const S: u64 = 1_000_000_000;
const START: i128 = 1_767_225_600_000_000_000;

/// Length of the recording, s.
const SECONDS: u32 = 50;

/// Strangers that come each second, and how long they stay listed, s.
const STRANGERS: u32 = 3;
const STAY: u32 = 3;

/// A peer that comes three times, leaves, and comes back in this second.
const BACK: u32 = 30;
const RETURNS: Ipv4Addr = Ipv4Addr::new(10, 2, 0, 1);
const ITS_SLOT: u32 = 3 + STRANGERS * STAY;

const WASTES: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const HOLDS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn at(second: u32) -> Moment {
    Moment {
        monotonic_ns: (1000 + u64::from(second)) * S,
        utc_ns: START + i128::from(u64::from(second) * S),
    }
}

fn stranger(second: u32, number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 | second << 8 | number)
}

/// One that nobody ever lists.
fn in_between(second: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a01_0000 | second)
}

fn peer(slot: u32, who: Ipv4Addr, ends: u32, holds: bool) -> Peer {
    let mut counters = Counters::default();
    counters.opens_by_held.add(0, ends + u32::from(holds));
    counters.closes.remote_fin = ends.into();
    counters.open_peak = 1;
    counters.open_now = holds.into();
    (counters.bytes_received, counters.bytes_sent) = (200 * u64::from(ends), 300 * u64::from(ends));
    for _ in 0..ends {
        counters.lifetime.note(S / 10);
        counters.turns.note(1);
        counters.idle.note(0);
    }
    Peer {
        id: PeerId {
            netns: 4_026_531_840,
            direction: Direction::Inbound,
            port: 8081,
            network: IpAddr::from(who).into(),
            interface: None,
            process: None,
            program: None,
        },
        slot,
        counters,
    }
}

/// Who has an ended connection in a second.
fn ends(second: u32) -> Vec<Ipv4Addr> {
    let strangers = (0..STRANGERS).map(|number| stranger(second, number));
    let returns = (second <= 3 || second == BACK).then_some(RETURNS);
    let all = strangers.chain([WASTES, in_between(second)]);
    all.chain(returns).collect()
}

fn sample(second: u32) -> Sample {
    let mut sample = Sample::empty(at(second));
    (sample.started, sample.known) = (at(0), Known::ALL);
    let mut generations = vec![0; ITS_SLOT as usize + 1];
    sample.peers = vec![peer(1, WASTES, second, false), peer(2, HOLDS, 0, true)];
    sample.sockets.connections.push(Connection {
        slot: Some(2),
        local: ([192, 0, 2, 9].into(), 8081),
        remote: (HOLDS.into(), 40_000),
        since: Since::Opened(at(0).monotonic_ns + 1),
        turns: second,
        bytes_received: 200 * u64::from(second),
        bytes_sent: 300 * u64::from(second),
        data_segs_in: second,
        data_segs_out: second,
        ..Connection::unknown(4_026_531_840, Direction::Inbound)
    });
    for came in second.saturating_sub(STAY - 1).max(1)..=second {
        for number in 0..STRANGERS {
            let slot = 3 + came % STAY * STRANGERS + number;
            generations[slot as usize] = came / STAY;
            sample.peers.push(peer(slot, stranger(came, number), 1, false));
        }
    }
    let times = if second < BACK { second.min(3) } else { 1 };
    generations[ITS_SLOT as usize] = u32::from(second >= BACK);
    sample.peers.push(peer(ITS_SLOT, RETURNS, times, false));
    sample.peers.sort_unstable_by_key(|peer| peer.id);
    sample.generations = generations;
    let mut totals = Totals::default();
    sample.peers.iter().for_each(|peer| totals.add(&peer.counters));
    let gone = second.saturating_sub(STAY) * STRANGERS + second + u32::from(second >= BACK);
    let connections_gone = u64::from(gone) + if second >= BACK { 2 } else { 0 };
    totals.opened += connections_gone;
    totals.closed += connections_gone;
    sample.accounting = Accounting {
        totals,
        open_now: totals.open_now(),
        drift: Some(0),
        peers_left: gone.into(),
    };
    sample
}

/// A recording, and for each second the verdicts that were given live.
fn recorded() -> (TempDir, PathBuf, Vec<Vec<(PeerId, Verdict)>>) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("evidence");
    let session = Session {
        window_ns: Some(20 * S),
        ..session()
    };
    let mut recording = Recording::create(&path, session, None).unwrap();
    recording.begin(at(0));
    let (mut judge, options) = (Judge::new(Some(20 * S)), Options::default());
    let context = Context {
        clock: at(0),
        known: Known::ALL,
        expected: 1,
    };
    let mut said = Vec::new();
    for second in 1..=SECONDS {
        for (number, who) in (0..).zip(ends(second)) {
            let mut when = at(second);
            when.monotonic_ns -= S / 4;
            let mut one = ended(number, when);
            one.remote.0 = who.into();
            recording.connection(&ConnectionRow::of_ended(&one, &context, None));
        }
        let sample = sample(second);
        let diagnosis = judge.look(&sample, &options);
        said.push(
            diagnosis
                .peers
                .iter()
                .map(|peer| (peer.id, peer.finding.verdict))
                .collect(),
        );
        recording.interval(&Block {
            sample: &sample,
            judge: &judge,
            options: &options,
            diagnosis: &diagnosis,
        });
    }
    assert_eq!(recording.news(), None);
    (parent, path, said)
}

/// Compares what was loaded with what was recorded in a second.
fn is_as_live(loaded: &Loaded, second: u32, said: &[Vec<(PeerId, Verdict)>]) {
    let (is, wanted) = (&loaded.sample, sample(second));
    assert_eq!(is.accounting, wanted.accounting, "{second}");
    let counts = |sample: &Sample| {
        let of = |peer: &Peer| (peer.id, peer.counters.opens(), peer.counters.closes);
        sample.peers.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(counts(is), counts(&wanted), "{second}");
    let diagnosis = loaded.judge.again(&loaded.sample, &loaded.options);
    for (id, verdict) in &said[second as usize - 1] {
        let peer = diagnosis.peers.iter().find(|peer| peer.id == *id);
        assert_eq!(
            peer.map(|peer| peer.finding.verdict),
            Some(*verdict),
            "{id:?} at {second}"
        );
    }
}

#[test]
fn peers_that_left_are_counted_and_not_listed() {
    let (_parent, path, said) = recorded();
    let of = |who: Ipv4Addr| {
        let last = said.last().unwrap().iter();
        let found = last
            .clone()
            .find(|(id, _)| id.network.addr() == IpAddr::from(who));
        found.unwrap().1
    };
    assert_eq!(
        (of(WASTES), of(HOLDS)),
        (Verdict::FreshPerRequest, Verdict::Reusing)
    );
    is_as_live(&load(&path).unwrap(), SECONDS, &said);
    // From an earlier moment on the rows are counted.
    for second in [12, 40] {
        let wanted = Wanted {
            at: Some(At::Moment(at(second).utc_ns)),
            ..Wanted::default()
        };
        is_as_live(&load_wanted(&path, &wanted).unwrap(), second, &said);
    }
    // The first state and all rows since.
    fs::remove_file(path.join("state.delta")).unwrap();
    is_as_live(&load(&path).unwrap(), SECONDS, &said);
    fs::remove_file(path.join("state.json")).unwrap();
    is_as_live(&load(&path).unwrap(), SECONDS, &said);
}

#[test]
fn who_left_leaves_a_replay_too_and_its_slot_is_used_again() {
    let (_parent, path, _) = recorded();
    fs::remove_file(path.join("state.json")).unwrap();
    let mut replay = Replay::open(&path, None).unwrap();
    let mut second = 0;
    while let Some(is) = replay.step().unwrap() {
        second += 1;
        let wanted = sample(second);
        let ids = |sample: &Sample| sample.peers.iter().map(|peer| peer.id).collect::<Vec<_>>();
        assert_eq!(ids(&is), ids(&wanted), "{second}");
        assert_eq!(is.accounting.totals, wanted.accounting.totals, "{second}");
        let highest = is.peers.iter().map(|peer| peer.slot).max();
        assert!(highest <= Some(2 * ITS_SLOT), "{highest:?}");
    }
    assert_eq!(second, SECONDS);
}
