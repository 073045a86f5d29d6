//! What one host adds.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use hashbrown::HashMap;

use super::{
    events,
    plan::{Group, Plan},
};
use crate::{
    diagnosis::{Diagnosis, JoinedHost, Judge, Judged, Options, Pile, Verdict},
    evidence::load::Loaded,
    model::{
        accounting::{Losses, NAMES_FORGOTTEN},
        earlier::{Earlier, EarlierPeer},
        history::{PortHistory, PortKey},
        peer::{Counters, Direction, PeerId},
        sample::{Known, Sample},
        socket::{Connection, Listener, Since},
        window::{Event, HostWindow, Seen, Steps},
    },
    report::Origin,
};

/// A host read, judged, and on the common clock.
pub struct Part {
    pub(super) service: u32,
    pub(super) host: JoinedHost,
    pub(super) origin: Origin,
    pub(super) options: Options,
    pub(super) notes: Vec<String>,
    pub(super) peers: Vec<OfPeer>,
    /// Each with the place of its peer as its slot.
    pub(super) connections: Vec<Connection>,
    pub(super) listeners: Vec<Listener>,
    pub(super) ports: Vec<(PortKey, PortHistory)>,
    pub(super) names: BTreeMap<u32, String>,
    pub(super) known: Known,
    pub(super) earlier: Earlier,
    /// The diagnosis of this host alone, with those of its peers that stay apart.
    pub(super) rest: Diagnosis,
}

/// One peer of it.
pub(super) struct OfPeer {
    pub(super) id: PeerId,
    pub(super) counters: Counters,
    pub(super) steps: Steps,
    /// All opens and ends within the window, if they are known.
    pub(super) events: Option<Vec<Event>>,
    pub(super) seen: Option<Seen>,
    pub(super) pile: Option<Pile>,
    pub(super) earlier: Option<EarlierPeer>,
    pub(super) alone: Alone,
}

/// What is said of it on this host alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alone {
    pub(super) opens: u64,
    pub(super) held: u64,
    pub(super) verdict: Verdict,
}

impl Alone {
    fn of(peer: &Judged) -> Self {
        Self {
            opens: peer.figures.opens,
            held: peer.figures.course.end,
            verdict: peer.finding.verdict,
        }
    }
}

impl Part {
    /// Judges a host by itself, and prepares it for being added.
    pub fn of(loaded: Loaded, group: &Group, plan: &Plan) -> Self {
        let mut rest = loaded.judge.again(&loaded.sample, &loaded.options);
        let Loaded {
            mut sample,
            judge,
            options,
            origin,
            notes,
        } = loaded;
        let joined = rest.peers.extract_if(.., |peer| is_joined(&peer.id));
        let alone: HashMap<u32, Alone> = joined.map(|peer| (peer.slot, Alone::of(&peer))).collect();
        rest.peers.shrink_to_fit();
        let window = window(&judge, &sample, group, plan);
        let mut steps = window.steps();
        let mut all_events = events::of(group, &window);
        let of_host = std::mem::take(&mut sample.peers);
        let window = self::window(&judge, &sample, group, plan);
        let piles = judge.memory().piles();
        let service = group.service;
        let mut places: HashMap<u32, u32> = HashMap::with_capacity(alone.len());
        let mut peers = Vec::with_capacity(alone.len());
        for peer in of_host {
            let Some(alone) = alone.get(&peer.slot) else {
                continue;
            };
            places.insert(peer.slot, u32::try_from(peers.len()).unwrap_or(u32::MAX));
            let seen = judge.history().window().seen(peer.slot).map(|seen| Seen {
                first_ns: window.common_ns(seen.first_ns),
                last_ns: window.common_ns(seen.last_ns),
                began_ns: match seen.began_ns {
                    0 => 0,
                    began => window.common_ns(began),
                },
                ..seen
            });
            let pile = piles.get(&peer.id).map(|pile| Pile {
                grown: pile.grown.map(|mut grown| {
                    grown.since_ns = window.common_ns(grown.since_ns);
                    grown
                }),
                ..*pile
            });
            let mut counters = peer.counters;
            // It means nothing elsewhere, and sums have none.
            counters.reckoned_ms = 0;
            peers.push(OfPeer {
                id: joined_id(peer.id, service),
                counters,
                steps: steps
                    .get_mut(peer.slot as usize)
                    .map(std::mem::take)
                    .unwrap_or_default(),
                events: all_events.remove(&peer.slot),
                seen,
                pile,
                earlier: sample.earlier.peer(peer.slot).cloned(),
                alone: *alone,
            });
        }
        let ports = ports(&sample, &judge, service, |ns| window.common_ns(ns));
        let (end_ns, taken_ns) = (plan.grid.end_ns(), sample.taken.monotonic_ns);
        let connections = std::mem::take(&mut sample.sockets.connections).into_iter();
        let connections = connections.filter_map(|mut connection| {
            let place = places.get(&connection.slot?)?;
            // How old it was when this host was last looked at is what is known.
            let moved = |ns: u64| end_ns.saturating_sub(taken_ns.saturating_sub(ns));
            connection.slot = Some(*place);
            connection.netns = service;
            connection.inode = None;
            connection.close_wait_since_ns = connection.close_wait_since_ns.map(moved);
            connection.since = match connection.since {
                Since::Opened(ns) => Since::Opened(moved(ns)),
                Since::Seeded(ns) => Since::Seeded(moved(ns)),
                Since::Unknown => Since::Unknown,
            };
            Some(connection)
        });
        let listeners = sample.sockets.listeners.iter().map(|listener| Listener {
            netns: service,
            inode: None,
            ..listener.clone()
        });
        let lacks = lacks(&sample.losses, group, plan);
        let host: Arc<str> = origin.host.as_str().into();
        let mut notes = notes;
        notes.extend(lacks.iter().map(|lack| format!("{host}: {lack}")));
        Self {
            service,
            connections: connections.collect(),
            listeners: listeners.collect(),
            names: std::mem::take(&mut sample.names),
            known: sample.known,
            earlier: Earlier {
                peers: BTreeMap::new(),
                ..sample.earlier
            },
            host: JoinedHost {
                host,
                service: plan.services.get(service as usize).cloned().flatten(),
                period: (group.begin, group.end),
                skew: group.skew,
                lacks,
            },
            origin,
            options,
            notes,
            peers,
            ports,
            rest,
        }
    }
}

fn window<'a>(judge: &'a Judge, sample: &'a Sample, group: &Group, plan: &'a Plan) -> HostWindow<'a> {
    HostWindow {
        window: judge.history().window(),
        sample,
        grid: &plan.grid,
        taken_ns: group.common_ns(sample.taken.utc_ns),
    }
}

/// Whether a peer is the same one on every host that sees its address.
fn is_joined(id: &PeerId) -> bool {
    let is_of_host = match id.network.addr() {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local() || address.is_unspecified(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unicast_link_local() || address.is_unspecified()
        }
    };
    id.direction == Direction::Inbound && id.interface.is_none() && !is_of_host
}

/// Who it is for all hosts of a service, whose number takes the place of the namespace.
fn joined_id(id: PeerId, service: u32) -> PeerId {
    PeerId {
        netns: service,
        process: None,
        program: None,
        ..id
    }
}

fn ports(
    sample: &Sample,
    judge: &Judge,
    service: u32,
    common_ns: impl Fn(u64) -> u64,
) -> Vec<(PortKey, PortHistory)> {
    let listeners = sample.sockets.listeners.iter();
    let keys = listeners.map(|listener| (listener.netns, listener.port));
    keys.filter_map(|key| {
        let port = judge.history().port(key)?;
        let history = PortHistory {
            stuck_since_ns: port.stuck_since_ns.map(&common_ns),
            accept_queue_peak: port.accept_queue_peak,
            never_accepted_peak: port.never_accepted_peak,
            ..PortHistory::default()
        };
        Some(((service, key.1), history))
    })
    .collect()
}

/// Why the share of a host may be too small.
fn lacks(losses: &Losses, group: &Group, plan: &Plan) -> Vec<String> {
    let mut lacks: Vec<String> = losses
        .by_cause()
        .into_iter()
        .filter(|(cause, n)| *n > 0 && *cause != NAMES_FORGOTTEN)
        .map(|(cause, n)| format!("lost {cause}: {n}"))
        .collect();
    lacks.extend(group.outside(plan));
    lacks
}
