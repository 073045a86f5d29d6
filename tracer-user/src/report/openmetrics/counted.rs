//! What was counted since tracing began, by service: sums that never fall, whatever happens to single peers.

mod exported;

use std::{cmp::Reverse, collections::BTreeMap};

use hashbrown::HashMap;
use tracer_ebpf::buckets::TIME_BUCKETS;

pub(super) use self::exported::{EXPORTED, Exported, Shape};
use super::failures::Failures;
use crate::{
    diagnosis::{Expect, Expected, Options, expected_of_peer},
    model::{
        accounting::Losses,
        ended::Ended,
        figure::{Figure, Value},
        peer::{Counters, Direction, PeerId},
        sample::{Known, Sample},
        socket::{Connection, Since, State},
    },
};

/// How many services have series of their own. All others are counted together.
pub const MAX_SERVICES: usize = 64;

/// A service by direction and port; `None`: all that have no series of their own, and the connections that
/// belong to no peer.
pub(super) type Service = Option<(Direction, u16)>;

/// The most numbers in one figure: the buckets of a duration, then its sum.
pub(super) const CELLS: usize = TIME_BUCKETS + 1;

/// The sums of one service, and what is open there now.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    /// The numbers of each figure in [`EXPORTED`].
    pub(super) figures: [[u64; CELLS]; EXPORTED.len()],
    /// Opens while the peer already held the number of connections it is expected to hold.
    pub(super) overlaps: u64,
    /// Connections open now, by the place of their state in [`State::ALL`].
    pub(super) states: [u64; State::ALL.len()],
    /// The longest that one of them has been in CLOSE_WAIT, ns.
    pub(super) close_wait_ns: Option<u64>,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            figures: [[0; CELLS]; EXPORTED.len()],
            overlaps: 0,
            states: [0; State::ALL.len()],
            close_wait_ns: None,
        }
    }
}

/// Everything counted since tracing began. See [`Counted::look`].
#[derive(Clone, Debug, Default)]
pub struct Counted {
    pub(super) known: Known,
    pub(super) services: BTreeMap<Service, Sums>,
    /// Why connects failed.
    pub(super) failures: Failures,
    /// What was lost, by cause.
    pub(super) lost: BTreeMap<&'static str, u64>,
}

impl Counted {
    /// Takes in a sample. Samples come in order of time.
    pub fn look(&mut self, sample: &Sample, options: &Options) {
        self.known = sample.known;
        self.settle_failures();
        self.make_room(sample);
        let figures: Vec<&Figure<Counters>> = EXPORTED.iter().filter_map(Exported::figure).collect();
        let mut now: HashMap<Service, Sums> = HashMap::new();
        for peer in &sample.peers {
            let sums = now.entry(self.service(service_of(peer.id))).or_default();
            sums.add(&figures, &peer.counters);
            sums.overlaps += peer.counters.overlaps(expected(peer.id, options));
        }
        for (service, counters) in sample.left.each() {
            let service = service.and_then(|service| self.service(service));
            let sums = now.entry(service).or_default();
            sums.add(&figures, counters);
            sums.overlaps += counters.overlaps(general(options).connections);
        }
        if sample.unattributed.opens() > 0 {
            now.entry(None).or_default().add(&figures, &sample.unattributed);
        }
        for connection in &sample.sockets.connections {
            let sums = now.entry(self.service(service_at(connection))).or_default();
            sums.add_open(connection, sample);
        }
        for (service, sums) in &mut self.services {
            if !now.contains_key(service) {
                sums.close();
            }
        }
        for (service, sums) in now {
            self.services.entry(service).or_default().carry(sums);
        }
        self.lose(&sample.losses);
    }

    /// From now on the records of ended connections come too.
    pub fn expect_records(&mut self) {
        self.failures.expect_records();
    }

    /// Takes in the records of ended connections.
    pub fn ended(&mut self, ended: &[Ended]) {
        for one in ended {
            let service = self.service((one.direction, one.remote.1));
            self.failures.add(service, one);
        }
    }

    fn settle_failures(&mut self) {
        let place = EXPORTED
            .iter()
            .position(|exported| matches!(exported.shape, Shape::Failures));
        for (service, sums) in &self.services {
            let count = place.and_then(|place| sums.figures.get(place)?.first().copied());
            self.failures.settle(*service, count.unwrap_or(0));
        }
    }

    /// Takes in what was lost otherwise.
    pub fn lose_others(&mut self, others: impl IntoIterator<Item = (&'static str, u64)>) {
        self.lost.extend(others);
    }

    /// The service whose series counts this one.
    fn service(&self, service: (Direction, u16)) -> Service {
        Some(service).filter(|service| self.services.contains_key(&Some(*service)))
    }

    /// Gives new services series of their own, those with most connections first. None is ever taken away
    /// again.
    fn make_room(&mut self, sample: &Sample) {
        let mut new: HashMap<(Direction, u16), u64> = HashMap::new();
        let here = sample
            .peers
            .iter()
            .map(|peer| (Some(service_of(peer.id)), &peer.counters));
        for (service, counters) in here.chain(sample.left.each()) {
            if let Some(service) = service.filter(|_| !self.services.contains_key(&service)) {
                *new.entry(service).or_default() += counters.opens() + counters.seeded;
            }
        }
        let mut new: Vec<_> = new.into_iter().collect();
        new.sort_unstable_by_key(|(service, connections)| (Reverse(*connections), *service));
        let room = MAX_SERVICES.saturating_sub(self.services.keys().flatten().count());
        for (service, _) in new.into_iter().take(room) {
            self.services.insert(Some(service), Sums::default());
        }
    }

    /// Some of these may fall again, when what seemed lost was found.
    fn lose(&mut self, losses: &Losses) {
        for (cause, lost) in losses.by_cause() {
            let most = self.lost.entry(cause).or_default();
            *most = lost.max(*most);
        }
    }
}

impl Sums {
    fn add(&mut self, figures: &[&Figure<Counters>], counters: &Counters) {
        for (cells, figure) in self.figures.iter_mut().zip(figures) {
            add(cells, (figure.get)(counters));
        }
    }

    fn add_open(&mut self, connection: &Connection, sample: &Sample) {
        if let Some(count) = self.states.get_mut(connection.state as usize) {
            *count += 1;
        }
        self.close_wait_ns = self.close_wait_ns.max(connection.close_wait_ns(sample.taken));
        // Those of a seeded connection are not counted when it ends either.
        if matches!(connection.since, Since::Opened(_)) {
            for (cells, exported) in self.figures.iter_mut().zip(EXPORTED) {
                if let (Some(cell), "turns") = (cells.first_mut(), exported.figure) {
                    *cell += u64::from(connection.turns);
                }
            }
        }
    }

    /// Nothing is left open.
    fn close(&mut self) {
        self.states = [0; State::ALL.len()];
        self.close_wait_ns = None;
    }

    /// Carries these sums on to those read later.
    fn carry(&mut self, read: Self) {
        for ((cells, read), exported) in self.figures.iter_mut().zip(read.figures).zip(EXPORTED) {
            let is_durations = matches!(exported.shape, Shape::Durations);
            for (place, (cell, read)) in cells.iter_mut().zip(read).enumerate() {
                // Nanoseconds are counted in 64 bits.
                if is_durations && place == TIME_BUCKETS {
                    *cell = read.max(*cell);
                } else {
                    carry(cell, read);
                }
            }
        }
        carry(&mut self.overlaps, read.overlaps);
        self.states = read.states;
        self.close_wait_ns = read.close_wait_ns;
    }
}

/// Carries a sum on to a later reading. The programs count each peer in 32 bits, so a sum over several is
/// right in its low 32 bits whichever of them started again at 0.
fn carry(sum: &mut u64, read: u64) {
    let more = read.wrapping_sub(*sum) & u64::from(u32::MAX);
    if more < 1 << 31 {
        *sum += more;
    }
}

fn add(cells: &mut [u64; CELLS], value: Value<'_>) {
    let mut put = |place: usize, more: u64| {
        if let Some(cell) = cells.get_mut(place) {
            *cell = cell.saturating_add(more);
        }
    };
    match value {
        Value::Number(number) => put(0, number.unwrap_or(0)),
        Value::Held(held) => put(0, held.total()),
        Value::Turns(turns) => put(0, turns.sum),
        Value::Closes(closes) => {
            for (place, count) in closes.each().into_iter().enumerate() {
                put(place, count);
            }
        }
        Value::Durations(durations) => {
            for (bucket, count) in durations.buckets.used() {
                put(bucket as usize, count.into());
            }
            put(TIME_BUCKETS, durations.sum_ns);
        }
    }
}

fn service_of(peer: PeerId) -> (Direction, u16) {
    (peer.direction, peer.port)
}

fn service_at(connection: &Connection) -> (Direction, u16) {
    let (_, port) = match connection.direction {
        Direction::Inbound => connection.local,
        Direction::Outbound => connection.remote,
    };
    (connection.direction, port)
}

/// What the user stated, else one: a number that is learned changes, and a counter cannot take anything back.
fn expected(peer: PeerId, options: &Options) -> u32 {
    expected_of_peer(peer.network, &options.expect_peers, general(options)).connections
}

/// The same of a peer about which the user stated nothing, as all count that have left.
fn general(options: &Options) -> Expected {
    match options.expect {
        Expect::Auto => Expected::default(),
        Expect::Connections(connections) => Expected {
            connections,
            learned_from: None,
        },
    }
}

#[cfg(test)]
mod tests;
