//! Simulated peers, and the samples they produce.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use tracer_ebpf::buckets::held_bucket;

use crate::{
    diagnosis::{Diagnosis, Judged},
    model::{
        peer::{Counters, Direction, PeerId},
        sample::{self, Moment, Sample},
        socket::{Connection, Since, State},
    },
};

pub(crate) const S: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

/// A peer with its connections.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    now_ns: u64,
    started_ns: u64,
    counters: Counters,
    live: Vec<Connection>,
    next_port: u16,
    waits: bool,
}

impl Peer {
    pub(crate) fn held(&self) -> u64 {
        self.counters.open_now
    }

    /// Opens a connection, with a request on it.
    pub(crate) fn open(&mut self) {
        let held = u32::try_from(self.held()).unwrap();
        self.counters.opens_by_held.add(held_bucket(held) as usize, 1);
        self.hold(Since::Opened(self.now_ns));
    }

    pub(crate) fn open_many(&mut self, n: u64) {
        (0..n).for_each(|_| self.open());
    }

    /// Adds a connection from before the tracer started.
    pub(crate) fn find(&mut self) {
        self.counters.seeded += 1;
        self.hold(Since::Seeded(self.started_ns));
    }

    fn hold(&mut self, since: Since) {
        self.counters.open_now += 1;
        self.counters.open_peak = self.counters.open_peak.max(self.counters.open_now);
        self.next_port += 1;
        self.live.push(Connection {
            since,
            remote: (IpAddr::V4(Ipv4Addr::UNSPECIFIED), self.next_port),
            turns: 1,
            bytes_received: 200,
            bytes_sent: 300,
            data_segs_in: 1,
            data_segs_out: 1,
            ..Connection::unknown(1, Direction::Inbound)
        });
    }

    /// Sends three requests on each connection and receives the replies.
    pub(crate) fn poll(&mut self) {
        for connection in &mut self.live {
            connection.turns += 3;
            connection.bytes_received += 600;
            connection.bytes_sent += 900;
            connection.data_segs_in += 3;
            connection.data_segs_out += 3;
        }
    }

    /// The client closes its oldest connection, right after a reply.
    pub(crate) fn close(&mut self) {
        if self.live.is_empty() {
            return;
        }
        let oldest = self.live.remove(0);
        self.ended(&oldest, 0);
        self.counters.closes.remote_fin += 1;
    }

    /// Opens a connection for one request. It ends after `idle_ns`: closed by the client if that is 0, else
    /// by the server.
    pub(crate) fn fresh(&mut self, idle_ns: u64) {
        self.open();
        let connection = self.live.pop().expect("just opened");
        self.ended(&connection, idle_ns);
        self.counters.lifetime.note(100 * MS + idle_ns);
        if idle_ns == 0 {
            self.counters.closes.remote_fin += 1;
        } else {
            self.counters.closes.local_fin += 1;
        }
    }

    fn ended(&mut self, connection: &Connection, idle_ns: u64) {
        self.counters.open_now -= 1;
        self.counters.bytes_received += connection.bytes_received;
        self.counters.bytes_sent += connection.bytes_sent;
        self.counters.idle.note(idle_ns);
        if let Since::Opened(since) = connection.since {
            self.counters.turns.note(connection.turns);
            if since < self.now_ns {
                self.counters.lifetime.note(self.now_ns - since);
            }
        }
    }

    /// Whether its connections wait in the accept queue.
    pub(crate) fn wait_to_be_accepted(&mut self, waits: bool) {
        self.waits = waits;
    }
}

/// All peers at one moment.
#[derive(Clone, Debug)]
pub(crate) struct World {
    started_ns: u64,
    now_ns: u64,
    peers: Vec<Peer>,
}

impl World {
    /// Starts at this second.
    pub(crate) fn new(second: u64) -> Self {
        Self {
            started_ns: second * S,
            now_ns: second * S,
            peers: Vec::new(),
        }
    }

    /// Adds a peer and returns its number.
    pub(crate) fn add(&mut self) -> usize {
        self.peers.push(Peer {
            now_ns: self.now_ns,
            started_ns: self.started_ns,
            counters: Counters::default(),
            live: Vec::new(),
            next_port: 1_000,
            waits: false,
        });
        self.peers.len() - 1
    }

    pub(crate) fn peer(&mut self, who: usize) -> &mut Peer {
        &mut self.peers[who]
    }

    pub(crate) fn peers(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.peers.iter_mut()
    }

    /// A peer in a diagnosis.
    pub(crate) fn of<'a>(&self, diagnosis: &'a Diagnosis, who: usize) -> &'a Judged {
        let mine = |peer: &&Judged| peer.id == Self::id(who);
        diagnosis.peers.iter().find(mine).expect("all peers are judged")
    }

    fn id(who: usize) -> PeerId {
        let address = Ipv4Addr::new(10, 0, 0, u8::try_from(who + 1).unwrap());
        PeerId {
            netns: 1,
            direction: Direction::Inbound,
            port: 80,
            network: IpNet::from(IpAddr::V4(address)),
            interface: None,
            process: None,
            program: None,
        }
    }

    fn moment(ns: u64) -> Moment {
        Moment {
            monotonic_ns: ns,
            utc_ns: i128::from(ns),
        }
    }

    /// The sample one second later.
    pub(crate) fn tick(&mut self) -> Sample {
        self.now_ns += S;
        let mut sample = Sample::empty(Self::moment(self.now_ns));
        sample.started = Self::moment(self.started_ns);
        for (who, peer) in self.peers.iter_mut().enumerate() {
            peer.now_ns = self.now_ns;
            let slot = u32::try_from(who + 1).unwrap();
            sample.accounting.totals.add(&peer.counters);
            sample.accounting.open_now += peer.counters.open_now;
            sample.peers.push(sample::Peer {
                id: Self::id(who),
                slot,
                counters: peer.counters.clone(),
            });
            for connection in &peer.live {
                sample.sockets.connections.push(Connection {
                    slot: Some(slot),
                    state: State::Established,
                    has_file: !peer.waits,
                    idle_ns: 100 * MS,
                    heard_ns: 100 * MS,
                    ..connection.clone()
                });
            }
        }
        sample.accounting.drift = Some(0);
        sample
    }
}
