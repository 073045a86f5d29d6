//! What is usual for a service: learned from all its peers within the window.

use std::sync::{Arc, LazyLock};

use hashbrown::HashMap;

use super::{
    Expect, Expected, Figures, Learned, Options, expected, learned,
    thresholds::{FAR_MORE, MIN_OTHERS, SURGE_SHARE, Thresholds, share},
};
use crate::model::peer::{Direction, PeerId};

/// Identifies a service by its port, in one direction and network namespace. Its peers are compared with each
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Service {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// The service's port.
    pub port: u16,
    /// Which side connects.
    pub direction: Direction,
}

impl Service {
    /// The service a peer belongs to.
    pub fn of(peer: PeerId) -> Self {
        Self {
            netns: peer.netns,
            port: peer.port,
            direction: peer.direction,
        }
    }
}

/// What is usual for a service's peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Norm {
    /// How many connections a well-behaved peer holds.
    pub expected: Expected,
    /// The server's constants.
    pub learned: Learned,
    /// Number of peers that hold connections or opened some.
    pub peers: u64,
    /// Median of the connections these peers hold.
    pub typical: u64,
    /// Whether many of them have grown: a surge.
    pub many_grew: bool,
    /// Number of those that have grown.
    pub grew: u64,
    /// Whether clients have sent something and none was ever answered, as servers of syslog do.
    pub is_mute: bool,
    /// Connections opened by all peers within the window.
    pub opens: u64,
    /// Connections held by all peers.
    pub held: u64,
}

/// The norm of a peer that is not yet compared with others.
static NONE: LazyLock<Arc<Norm>> = LazyLock::new(Arc::default);

impl Norm {
    pub(super) fn none() -> Arc<Self> {
        Arc::clone(&NONE)
    }

    /// Whether there are enough peers to compare one with the others.
    pub fn is_population(&self) -> bool {
        self.peers > MIN_OTHERS
    }

    /// Whether peers in general hold too many connections to serve as a measure.
    pub fn is_crowded(&self, thresholds: &Thresholds) -> bool {
        let usual = u64::from(self.expected.connections).max(thresholds.max_pool);
        self.is_population() && self.typical > usual
    }

    /// Whether `held` is far more than the others hold.
    pub fn is_far_more(&self, held: u64) -> bool {
        self.is_population() && held >= FAR_MORE * self.typical.max(1)
    }
}

/// The figures of all peers, put together one by one.
#[derive(Debug, Default)]
pub(super) struct Lessons(HashMap<Service, Lesson>);

/// What the figures of a service's peers show together.
#[derive(Debug, Default)]
struct Lesson {
    seen: learned::Seen,
    /// How many connections each peer holds that holds or opened any, but at least one.
    held_by_each: Vec<u64>,
    grew: u64,
    asked: u64,
    may_answer: bool,
    opens: u64,
    held: u64,
}

impl Lessons {
    /// Adds a peer. What strangers did together is usual for none.
    pub(super) fn add(&mut self, peer: PeerId, figures: &Figures, options: &Options) {
        let thresholds = &options.thresholds;
        let lesson = self.0.entry(Service::of(peer)).or_default();
        lesson.opens += figures.opens;
        lesson.held += figures.open_now;
        let (asked, answered) = figures.bytes_by_role(peer.direction);
        lesson.asked += asked.unwrap_or(0);
        lesson.may_answer |= answered != Some(0);
        if options.strangers_share && peer.may_be_strangers() {
            return;
        }
        lesson.seen.add(figures, thresholds);
        if figures.open_now > 0 || figures.opens > 0 {
            lesson.held_by_each.push(figures.course.end.max(1));
        }
        lesson.grew += u64::from(figures.course.grown >= thresholds.min_pile);
    }

    /// The norms they teach, with the expected numbers of connections known already.
    pub(super) fn norms(self, expected: &HashMap<Service, Expected>, options: &Options) -> Norms {
        let norm = |(service, mut lesson): (Service, Lesson)| {
            // The given timeout is that of this host's server.
            let given = options
                .keepalive_ns
                .filter(|_| service.direction == Direction::Inbound);
            let held = &mut lesson.held_by_each;
            held.sort_unstable();
            let norm = Norm {
                expected: expected.get(&service).copied().unwrap_or_default(),
                learned: lesson.seen.learned(given, &options.thresholds),
                peers: held.len() as u64,
                typical: held.get(held.len().saturating_sub(1) / 2).copied().unwrap_or(0),
                many_grew: share(lesson.grew, held.len() as u64) >= SURGE_SHARE,
                grew: lesson.grew,
                is_mute: lesson.asked > 0 && !lesson.may_answer,
                opens: lesson.opens,
                held: lesson.held,
            };
            (service, Arc::new(norm))
        };
        Norms(self.0.into_iter().map(norm).collect())
    }
}

/// The norms of all services.
#[derive(Clone, Debug, Default)]
pub(super) struct Norms(HashMap<Service, Arc<Norm>>);

impl Norms {
    /// The expected number of connections for each service, from what its peers held when the window began.
    pub(super) fn expected(
        expect: Expect,
        held: impl Iterator<Item = (PeerId, u64)>,
        thresholds: &Thresholds,
    ) -> HashMap<Service, Expected> {
        let mut by_service: HashMap<Service, Vec<u64>> = HashMap::new();
        for (id, held) in held {
            by_service.entry(Service::of(id)).or_default().push(held);
        }
        let learn = |(service, held): (Service, Vec<u64>)| {
            (
                service,
                expected::learn(expect, held.into_iter(), thresholds.max_pool),
            )
        };
        by_service.into_iter().map(learn).collect()
    }

    /// The norm of a peer's service.
    pub(super) fn of(&self, peer: PeerId) -> Arc<Norm> {
        self.0.get(&Service::of(peer)).map(Arc::clone).unwrap_or_default()
    }

    /// The norm of the service with the most peers; the first one if there are several.
    pub(super) fn main(&self) -> Norm {
        let main = self
            .0
            .iter()
            .max_by_key(|(service, norm)| (norm.peers, std::cmp::Reverse(**service)));
        main.map(|(_, norm)| **norm).unwrap_or_default()
    }

    /// All norms, ordered by service.
    pub(super) fn all(&self) -> Vec<(Service, Norm)> {
        let mut all: Vec<(Service, Norm)> = self.0.iter().map(|(service, norm)| (*service, **norm)).collect();
        all.sort_unstable_by_key(|(service, _)| *service);
        all
    }
}
