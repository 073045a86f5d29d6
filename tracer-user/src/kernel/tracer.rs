//! Starts the programs, and reads what they count.

mod missed;

use aya::{
    Ebpf,
    maps::{Array, HashMap, Map, MapData, PerCpuArray},
    programs::{BtfTracePoint, Iter, Program},
};
use aya_log::EbpfLogger;
use hashbrown::HashSet;
use tracer_ebpf::{
    abi::{comm::Comm, conn::unknown, losses::Losses as AbiLosses, peer::PeerKey},
    hooks::{Hook, LIST, SEED, STATE},
};

use super::{
    TraceError, decode,
    load::{load, program, refused},
    offsets::Missing,
    owners,
    peers::PeerTable,
    records::Records,
    retire::Retirement,
    settings::Settings,
    sockets,
    sweep::Places,
};
use crate::{
    filter::{Directions, Filter},
    memory,
    model::{
        accounting::Totals,
        ended::Ended,
        peer::{Counters, Direction},
        sample::{Known, Peer},
        socket::Sockets,
    },
};

/// Maximum number of connections already open whose processes are looked up: as many as their table can hold.
const MAX_HOLDERS: usize = 65_536;

/// The loaded and attached programs. Dropping this detaches and frees everything: nothing is pinned.
pub struct Tracer {
    ebpf: Ebpf,
    pub(super) table: PeerTable,
    pub(super) places: Places,
    pub(super) retirement: Retirement,
    /// The peers that found no room.
    pub(super) dropped: HashMap<MapData, PeerKey, u32>,
    unknown: Array<MapData, u32>,
    losses: PerCpuArray<MapData, AbiLosses>,
    comms: HashMap<MapData, u32, Comm>,
    holders: HashMap<MapData, u64, u32>,
    /// The contents of that map, until the connections already open have been counted.
    noted: hashbrown::HashMap<u64, u32>,
    records: Option<Records>,
    logger: Option<EbpfLogger<&'static dyn log::Log>>,
    pub(super) filter: Filter,
    missing: Vec<Missing>,
    known: Known,
    hooks: Vec<Hook>,
    /// See [`Settings::miss`].
    misses_on_purpose: bool,
    /// How often the kernel had skipped the program at the last walk that made up for it.
    made_up_for: u64,
    /// How many connections may be open at once.
    pub(super) max_connections: u32,
    has_small_tables: bool,
    /// Connections that had found no room when [`Tracer::use_room`] looked last.
    pub(super) dropped_before: u64,
    /// Whether some of them were open before tracing began.
    pub(super) dropped_at_start: bool,
    /// Those that it has counted since.
    pub(super) counted_after_all: u64,
    /// Connections that [`Tracer::sweep`] has ended.
    pub(super) swept: u64,
    /// Whether there should be a record of each connection that ends.
    keeps_records: bool,
}

impl Tracer {
    /// Loads and attaches the programs. Connections already open are counted by [`Tracer::seed`].
    ///
    /// # Errors
    /// If tracing is impossible here, with the reason.
    pub fn start(settings: &Settings) -> Result<Self, TraceError> {
        let mut loaded = load(settings)?;
        let settings = &loaded.settings.clone();
        let table = PeerTable::map(loaded.tables.peers(), loaded.slots as usize)?;
        let others = loaded.take("CONNS")?;
        let places = Places::map(loaded.tables.connections(), others, settings)?;
        let slots = match loaded.take_map("SLOTS")? {
            Map::Array(slots) => slots,
            _ => return Err(loaded.damaged("its map SLOTS is no array".to_owned())),
        };
        let retirement = Retirement::map(
            loaded.tables.index(),
            slots.fd(),
            loaded.hash_seed,
            settings.max_peers,
            settings.retain_ns,
        )?;
        let dropped = loaded.take("DROPPED")?;
        let unknown = loaded.take("UNKNOWN")?;
        let losses = loaded.take("LOSSES")?;
        let comms = loaded.take("COMMS")?;
        let holders = loaded.take("HOLDERS")?;
        let logger = match settings.log {
            true => {
                Some(EbpfLogger::init(&mut loaded.ebpf).map_err(|error| loaded.damaged(error.to_string()))?)
            }
            false => None,
        };
        let records = match settings.records {
            Some(_) => Some(Records::map(loaded.tables.ring(), settings.ring_entries())?),
            None => None,
        };
        let mut tracer = Self {
            ebpf: loaded.ebpf,
            table,
            places,
            retirement,
            dropped,
            unknown,
            losses,
            comms,
            holders,
            noted: hashbrown::HashMap::new(),
            records,
            logger,
            filter: settings.filter.clone(),
            missing: loaded.missing,
            known: loaded.known,
            hooks: loaded.hooks,
            misses_on_purpose: settings.miss != 0,
            made_up_for: 0,
            max_connections: settings.max_connections,
            has_small_tables: settings.small_tables,
            dropped_before: 0,
            dropped_at_start: false,
            counted_after_all: 0,
            swept: 0,
            keeps_records: settings.records.is_some(),
        };
        tracer.note_holders()?;
        tracer.attach(settings.further)?;
        Ok(tracer)
    }

    /// Attaches the programs, all of them or the first of each hook, and the spine last ([`tracer_ebpf::hooks::HOOKS`]).
    fn attach(&mut self, further: bool) -> Result<(), TraceError> {
        for hook in self.hooks.clone().into_iter().rev() {
            if hook == STATE {
                // From here on every connect is seen. A short search finds what opened since the long one, so
                // that only the seeding itself lies between it and those connections.
                self.note_holders()?;
            }
            for name in hook.programs(further) {
                program::<BtfTracePoint>(&mut self.ebpf, name)?
                    .attach()
                    .map_err(|error| refused(name, &error))?;
            }
        }
        // Attaching takes the kernel some time, in which others have opened that it did not show yet.
        self.note_holders()
    }

    /// Counts the connections that were open before tracing began, in every namespace. Those opened since the
    /// programs were attached are already known and left as they are.
    ///
    /// # Errors
    /// If the sockets cannot be walked.
    pub fn seed(&mut self) -> Result<(), TraceError> {
        let only = self.filter.netns;
        sockets::walk(self.iterator(SEED)?, only)?;
        for inode in std::mem::take(&mut self.noted).into_keys() {
            // It will not be read again.
            let _ = self.holders.remove(&inode);
        }
        self.unknown_is(unknown::MISSED)?;
        // Afterwards, so that a connection dropped just now is not overlooked.
        if self.losses()?.connections_dropped > 0 {
            self.dropped_at_start = true;
            self.unknown_is(unknown::DROPPED)?;
        }
        Ok(())
    }

    /// Notes the holders of outbound connections already open, since each process is a peer: all that can be
    /// found or, after the first time, those that these processes have opened since. If no holder is found,
    /// the process is unknown.
    fn note_holders(&mut self) -> Result<(), TraceError> {
        if self.filter.directions == Directions::Inbound {
            return Ok(());
        }
        let connections = self.sockets()?.connections;
        let wanted: HashSet<u64> = connections
            .iter()
            .filter(|one| one.slot.is_none() && one.direction == Direction::Outbound)
            .filter_map(|one| one.inode)
            .filter(|inode| !self.noted.contains_key(inode))
            .take(MAX_HOLDERS.saturating_sub(self.noted.len()))
            .collect();
        let among: HashSet<u32> = self.noted.values().copied().collect();
        for (inode, pid) in owners::holders(&wanted, &among) {
            if self.holders.insert(inode, pid, 0).is_ok() {
                self.noted.insert(inode, pid);
            }
        }
        Ok(())
    }

    /// What an open connection is that is not remembered.
    pub(super) fn unknown(&self) -> Result<u32, TraceError> {
        self.unknown.get(&0, 0).map_err(|error| TraceError::Read {
            what: "whether there is room",
            reason: error.to_string(),
        })
    }

    pub(super) fn unknown_is(&mut self, what: u32) -> Result<(), TraceError> {
        self.unknown.set(0, what, 0).map_err(|error| TraceError::Refused {
            what: "to mark the seeding as complete".to_owned(),
            reason: error.to_string(),
        })
    }

    /// The live sockets the filters admit.
    ///
    /// # Errors
    /// If the sockets cannot be walked.
    pub fn sockets(&mut self) -> Result<Sockets, TraceError> {
        let only = self.filter.netns;
        sockets::walk(self.iterator(LIST)?, only)
    }

    /// The sums over all peers and over connections without one: a small part of the work of
    /// [`Tracer::peers`].
    ///
    /// # Errors
    /// If the maps cannot be read.
    pub fn totals(&self) -> Result<Totals, TraceError> {
        let mut sum = self.retirement.left();
        for one in (0..=self.retirement.taken()).map_while(|slot| self.table.totals(slot as usize)) {
            sum.plus(one);
        }
        Ok(sum)
    }

    /// What the peers have counted that have left; part of [`Tracer::totals`].
    pub fn left(&self) -> Totals {
        self.retirement.left()
    }

    /// How often each slot was given back.
    pub fn generations(&self) -> Vec<u32> {
        self.retirement.generations()
    }

    /// All peers with their counters, and the counters of connections that belong to none of them.
    ///
    /// # Errors
    /// If the maps cannot be read.
    pub fn peers(&self) -> Result<(Vec<Peer>, Counters), TraceError> {
        let damaged = |error: decode::DecodeError| TraceError::Read {
            what: "the peer table",
            reason: error.to_string(),
        };
        // Keys first, then in their order: the counters are too large to be moved once they are read.
        let mut order = Vec::new();
        for slot in 1..=self.retirement.taken() {
            let Some(key) = self.table.key(slot as usize) else {
                break;
            };
            if let Some(id) = decode::peer_id(&key.map_err(damaged)?, &self.filter) {
                order.push((id, slot));
            }
        }
        order.sort_unstable();
        let mut peers: Vec<Peer> = memory::room_for(order.len());
        for (id, slot) in order {
            if let Some(stats) = self.table.read(slot as usize) {
                let counters = Counters::from(&stats.map_err(damaged)?);
                match peers.last_mut() {
                    // It came back just when it was about to leave, and holds something in its old slot.
                    Some(same) if same.id == id => same.counters.absorb(&counters),
                    _ => peers.push(Peer { id, slot, counters }),
                }
            }
        }
        let unattributed = match self.table.read(0) {
            Some(stats) => Counters::from(&stats.map_err(damaged)?),
            None => Counters::default(),
        };
        Ok((peers, unattributed))
    }

    /// The name of a process that connected or read, even if it has ended since, as long as not too many
    /// others came after it.
    pub fn comm(&self, pid: u32) -> Option<String> {
        self.comms.get(&pid, 0).ok().map(|comm| decode::comm(&comm))
    }

    /// Takes the records of ended connections since the last call, at most `limit`. Empty if records were not
    /// requested.
    pub fn ended(&mut self, limit: usize) -> Vec<Ended> {
        match &mut self.records {
            Some(records) => records.take(limit),
            None => Vec::new(),
        }
    }

    /// Hands over the reading end of the ring; afterwards [`Tracer::ended`] returns nothing.
    pub fn take_records(&mut self) -> Option<Records> {
        self.records.take()
    }

    /// Passes the programs' own messages on to the log.
    pub fn flush_log(&mut self) {
        if let Some(logger) = &mut self.logger {
            logger.flush();
        }
    }

    /// The figures this kernel provides.
    pub fn known(&self) -> Known {
        self.known
    }

    /// What this kernel lacks, and what is lost by that.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// How many peers there is room for, if this kernel accepts only small tables.
    pub fn most_peers_here(&self) -> Option<u32> {
        self.has_small_tables.then_some(self.retirement.max_peers())
    }

    /// The programs, for their run time and instruction counts.
    pub fn programs(&self) -> impl Iterator<Item = (&str, &Program)> {
        self.ebpf.programs()
    }

    /// The namespaces of the counted peers that a walk did not cover.
    pub fn namespaces_unseen(peers: &[Peer], sockets: &Sockets) -> u64 {
        let mut unseen: Vec<u32> = peers
            .iter()
            .filter(|peer| peer.counters.open_now > 0 && !sockets.namespaces.contains(&peer.id.netns))
            .map(|peer| peer.id.netns)
            .collect();
        unseen.sort_unstable();
        unseen.dedup();
        unseen.len() as u64
    }

    pub(super) fn iterator(&mut self, name: &str) -> Result<&mut Iter, TraceError> {
        program(&mut self.ebpf, name)
    }
}
