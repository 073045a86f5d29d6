//! A sample of many peers, made up: some keep their connection, some come again for every request, some
//! pile up.

use std::net::{IpAddr, Ipv4Addr};

use tcpreuse::testing::model::{
    accounting::Totals,
    peer::{Counters, Direction, PeerId},
    sample::{Moment, Peer, Sample},
    socket::{Connection, Since},
};

const S: u64 = 1_000_000_000;

/// A minute after the start.
const NOW: Moment = Moment {
    monotonic_ns: 160 * S,
    utc_ns: 1_767_225_660_000_000_000,
};

const START: Moment = Moment {
    monotonic_ns: 100 * S,
    utc_ns: 1_767_225_600_000_000_000,
};

/// Connections of one that piles up.
const PILE: u32 = 8;

/// A sample of this many peers with their connections.
pub(crate) fn sample(peers: u32) -> Sample {
    let mut sample = Sample {
        taken: NOW,
        ..Sample::empty(START)
    };
    for n in 0..peers {
        let address = IpAddr::from(Ipv4Addr::from(0x0a00_0000 + n));
        let (counters, held) = match n % 3 {
            0 => (keeping(), 1),
            1 => (coming_again(), 0),
            _ => (piling_up(), PILE),
        };
        let id = PeerId {
            netns: 4_026_531_840,
            direction: Direction::Inbound,
            port: 8081,
            network: address.into(),
            interface: None,
            process: None,
            program: None,
        };
        let slot = n + 1;
        let connections = (0..held).map(|k| connection(slot, address, 40_000 + k));
        sample.sockets.connections.extend(connections);
        sample.peers.push(Peer { id, slot, counters });
    }
    let mut totals = Totals::default();
    for peer in &sample.peers {
        totals.add(&peer.counters);
        sample.accounting.open_now += peer.counters.open_now;
    }
    sample.accounting.totals = totals;
    sample
}

fn keeping() -> Counters {
    Counters {
        open_now: 1,
        open_peak: 1,
        seeded: 1,
        owner: Some(4711),
        ..Counters::default()
    }
}

fn coming_again() -> Counters {
    let mut counters = Counters {
        open_peak: 1,
        owner: Some(4711),
        ..Counters::default()
    };
    for n in 0..60 {
        counters.lifetime.note(120_000_000 + n * 1_000_000);
        counters.idle.note(2_000_000);
        counters.gap.note(S);
        counters.turns.note(1);
    }
    counters.opens_by_held.add(0, 60);
    counters.closes.remote_fin = 60;
    counters
}

fn piling_up() -> Counters {
    let mut counters = Counters {
        open_now: PILE.into(),
        open_peak: PILE.into(),
        owner: Some(4711),
        ..Counters::default()
    };
    (0..PILE as usize).for_each(|held| counters.opens_by_held.add(held, 1));
    counters
}

fn connection(slot: u32, remote: IpAddr, port: u32) -> Connection {
    Connection {
        slot: Some(slot),
        local: ([192, 0, 2, 1].into(), 8081),
        remote: (remote, u16::try_from(port).unwrap_or_default()),
        since: Since::Opened(130 * S),
        idle_ns: S / 10,
        bytes_received: 1_000,
        bytes_sent: 20_000,
        data_segs_in: 9,
        data_segs_out: 9,
        turns: 9,
        heard_ns: S / 10,
        holding: true,
        owner: Some(4711),
        ..Connection::unknown(4_026_531_840, Direction::Inbound)
    }
}
