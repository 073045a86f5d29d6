use super::*;
use crate::model::{peer::Direction, sample::Moment, socket::Connection};

/// Processes below 100 have ended.
struct Table;

impl Processes for Table {
    fn has_ended(&self, pid: u32) -> bool {
        pid < 100
    }

    fn name(&self, pid: u32) -> Option<String> {
        match pid {
            90..100 => None,
            _ if pid.is_multiple_of(2) => Some("curl".to_owned()),
            _ => Some("php".to_owned()),
        }
    }
}

fn id(process: Option<u32>) -> PeerId {
    PeerId {
        netns: 1,
        direction: Direction::Outbound,
        port: 5432,
        network: "192.0.2.9/32".parse().unwrap(),
        interface: None,
        process,
        program: None,
    }
}

fn peer(slot: u32, process: Option<u32>, opens: u32, open_now: u64) -> Peer {
    let mut counters = Counters {
        open_now,
        open_peak: open_now,
        owner: process,
        ..Counters::default()
    };
    counters.opens_by_held.add(0, opens);
    counters.lifetime.note(u64::from(slot));
    Peer {
        id: id(process),
        slot,
        counters,
    }
}

fn sample(peers: Vec<Peer>) -> Sample {
    let mut sample = Sample::empty(Moment {
        monotonic_ns: 1,
        utc_ns: 1,
    });
    sample.peers = peers;
    sample
}

fn opens(sample: &Sample) -> Vec<(Option<u32>, Option<String>, u64)> {
    let of = |peer: &Peer| {
        let program = peer.id.program.map(|comm| comm.as_str().to_owned());
        (peer.id.process, program, peer.counters.opens())
    };
    sample.peers.iter().map(of).collect()
}

#[test]
fn processes_that_ended_are_one_peer_for_each_name() {
    let mut sample = sample(vec![
        peer(4, Some(2), 1, 0),
        peer(3, Some(4), 2, 1),
        peer(5, Some(6), 1, 0),
        peer(6, Some(3), 1, 0),
        peer(7, Some(5), 1, 0),
        peer(8, Some(8), 4, 0),
        peer(9, Some(102), 1, 1),
    ]);
    sample.sockets.connections = [(3, 4), (9, 102)]
        .map(|(slot, pid)| Connection {
            slot: Some(slot),
            owner: Some(pid),
            ..Connection::unknown(1, Direction::Outbound)
        })
        .into();
    ShortLived::default().fold(&mut sample, &Table);
    assert_eq!(
        opens(&sample),
        [
            (None, Some("curl".to_owned()), 4),
            (None, Some("php".to_owned()), 2),
            (Some(8), None, 4),
            (Some(102), None, 1),
        ]
    );
    let curl = &sample.peers[0];
    assert_eq!(
        (curl.slot, curl.counters.open_now, curl.counters.lifetime.count()),
        (3, 1, 3)
    );
    assert_eq!(curl.counters.owner, Some(4), "the process of the lowest slot");
    assert_eq!(sample.names[&4], "curl (3 processes)");
    assert_eq!(
        sample.names[&2], "curl",
        "records of its connections may still arrive"
    );
    let connections: Vec<_> = sample
        .sockets
        .connections
        .iter()
        .map(|one| (one.slot, one.owner))
        .collect();
    assert_eq!(connections, [(Some(3), Some(4)), (Some(9), Some(102))]);
}

#[test]
fn one_alone_stays_itself() {
    let before = sample(vec![
        peer(1, Some(2), 1, 0),
        peer(2, Some(3), 1, 0),
        peer(3, Some(90), 1, 0),
    ]);
    let mut after = before.clone();
    ShortLived::default().fold(&mut after, &Table);
    assert_eq!(after.peers, before.peers);
}

#[test]
fn what_has_no_name_goes_to_those_of_whom_nothing_is_known() {
    let mut sample = sample(vec![
        peer(1, None, 10, 2),
        peer(2, Some(90), 1, 0),
        peer(3, Some(92), 1, 0),
    ]);
    ShortLived::default().fold(&mut sample, &Table);
    assert_eq!(opens(&sample), [(None, None, 12)]);
    assert_eq!(sample.peers[0].counters.owner, None);
}

/// A process id may be reused by a process that connects often.
#[test]
fn counters_never_go_down() {
    let mut short_lived = ShortLived::default();
    let mut first = sample(vec![peer(1, Some(2), 1, 0), peer(2, Some(4), 1, 0)]);
    short_lived.fold(&mut first, &Table);
    assert_eq!(opens(&first), [(None, Some("curl".to_owned()), 2)]);
    let mut second = sample(vec![
        peer(1, Some(2), 50, 0),
        peer(2, Some(4), 1, 0),
        peer(3, Some(6), 1, 0),
    ]);
    short_lived.fold(&mut second, &Table);
    assert_eq!(opens(&second), [(None, Some("curl".to_owned()), 52)]);
    assert_eq!(second.names[&2], "curl (3 processes)");
}

#[test]
fn the_slot_stays_whoever_ends_later() {
    let mut short_lived = ShortLived::default();
    let before = || vec![peer(5, Some(2), 1, 0), peer(6, Some(4), 1, 0)];
    let mut first = sample(before());
    short_lived.fold(&mut first, &Table);
    let mut second = sample([before(), vec![peer(1, Some(6), 1, 0)]].concat());
    short_lived.fold(&mut second, &Table);
    assert_eq!((first.peers[0].slot, second.peers[0].slot), (5, 5));
    assert_eq!(opens(&second), [(None, Some("curl".to_owned()), 3)]);
}

#[test]
fn a_combined_peer_counts_members_that_gave_their_slots_back() {
    let mut short_lived = ShortLived::default();
    let all = || {
        vec![
            peer(3, Some(2), 1, 0),
            peer(4, Some(4), 2, 0),
            peer(5, Some(200), 1, 0),
        ]
    };
    let mut first = sample(all());
    short_lived.fold(&mut first, &Table);
    let before = opens(&first);
    assert_eq!(before.len(), 2);
    assert!(short_lived.needs(3) && !short_lived.needs(4) && !short_lived.needs(5));

    assert!(
        short_lived.leave(4, &all()[1].counters),
        "the combined peer has it"
    );
    assert!(!short_lived.leave(5, &all()[2].counters));
    let mut second = sample(vec![all().swap_remove(0)]);
    short_lived.fold(&mut second, &Table);
    assert_eq!(opens(&second), before[..1]);
    assert_eq!(second.peers[0].slot, first.peers[0].slot);
    assert_eq!(second.names, first.names);

    assert!(!short_lived.needs(3), "nothing is left but what it stands for");
    assert!(!short_lived.leave(3, &all()[0].counters));
    let mut third = sample(all());
    short_lived.fold(&mut third, &Table);
    assert_eq!(opens(&third), before, "it begins anew");
}
