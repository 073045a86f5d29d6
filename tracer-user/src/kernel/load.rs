//! Loads the programs, attaches them, and reads what they count.

use std::{
    fs,
    os::fd::{AsFd, AsRawFd},
    path::{Path, PathBuf},
};

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, LpmTrie, Map, MapData, MapError, PerCpuArray, RingBuf, lpm_trie::Key},
    programs::{BtfTracePoint, Iter, Program, ProgramError},
};
use aya_log::EbpfLogger;
use tracer_ebpf::abi::{
    closed::Closed,
    config::{Config, Prefix},
    losses::Losses as AbiLosses,
    offsets::Offsets,
};

use super::{
    TraceError,
    btf::Btf,
    clock, decode, object,
    offsets::{self, Missing},
    peers::PeerTable,
    sockets,
};
use crate::{
    filter::Filter,
    model::{accounting::Losses, ended::Ended, peer::Counters, sample::Peer, socket::Sockets},
};

/// Where the kernel publishes its types.
pub const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

const STATE: &str = "tcpreuse_state";
const RESET: &str = "tcpreuse_reset";
const SEED: &str = "tcpreuse_seed";
const LIST: &str = "tcpreuse_list";

/// Peers with counters of their own, unless said otherwise: eight times the largest fleet of long
/// pollers we have heard of.
pub const DEFAULT_MAX_PEERS: u32 = 16384;

/// Connections open at once, unless said otherwise: four times the surge this was made for, both
/// ends of loopback connections counted.
pub const DEFAULT_MAX_CONNECTIONS: u32 = 65536;

/// What to load and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What to trace.
    pub filter: Filter,
    /// How many peers have a place of their own.
    pub max_peers: u32,
    /// How many connections may be open at once.
    pub max_connections: u32,
    /// Room for records of ended connections, bytes, rounded up to a power of two; `None`: none
    /// are written.
    pub record_bytes: Option<u32>,
    /// Instead of [`KERNEL_BTF`].
    pub btf: Option<PathBuf>,
    /// Instead of the embedded object.
    pub object: Option<PathBuf>,
    /// Let the programs log what they leave out (slow; for finding faults in tcpreuse itself).
    pub log: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            max_peers: DEFAULT_MAX_PEERS,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            record_bytes: None,
            btf: None,
            object: None,
            log: false,
        }
    }
}

/// The loaded and attached programs. Dropping it detaches and frees everything: nothing is pinned.
pub struct Tracer {
    ebpf: Ebpf,
    table: PeerTable,
    taken: Array<MapData, u32>,
    losses: PerCpuArray<MapData, AbiLosses>,
    records: Option<RingBuf<MapData>>,
    logger: Option<EbpfLogger<&'static dyn log::Log>>,
    filter: Filter,
    missing: Vec<Missing>,
    resets_seen: bool,
    started_ns: u64,
}

impl Tracer {
    /// Loads and attaches the programs, then counts what is open already (see [`Tracer::seed`]).
    ///
    /// # Errors
    /// Says why tracing is impossible here.
    pub fn start(settings: &Settings) -> Result<Self, TraceError> {
        let btf_path = settings.btf.as_deref().unwrap_or_else(|| Path::new(KERNEL_BTF));
        let btf = Btf::from_file(btf_path)?;
        let (offsets, missing) = offsets::resolve(&btf)?;
        if let Some(essential) = missing.iter().find(|missing| missing.essential) {
            return Err(TraceError::Unsupported {
                what: format!("member {}", essential.member),
            });
        }
        if btf.tracepoint("inet_sock_set_state").is_err() {
            return Err(TraceError::Unsupported {
                what: "tracepoint inet_sock_set_state".to_owned(),
            });
        }
        let resets_seen = btf.tracepoint("tcp_receive_reset").is_ok();
        let started_ns = clock::now().monotonic_ns;
        let config = config(settings, started_ns);
        let object = object::read(settings.object.as_deref())?;
        let damaged = |reason: String| TraceError::BadObject {
            origin: object::origin(settings.object.as_deref()),
            reason,
        };

        let kernel_btf = aya::Btf::parse_file(btf_path, aya::Endianness::default()).map_err(|error| {
            TraceError::Unsupported {
                what: format!("type information aya can use ({error})"),
            }
        })?;
        let mut ebpf = load(settings, &config, &offsets, &kernel_btf, &object, &damaged)?;
        fill_addresses(&mut ebpf, &settings.filter, &damaged)?;
        // Before any map is taken out: a map that is dropped is closed, and a program names the
        // maps it uses by their open files.
        load_programs(&mut ebpf, &kernel_btf, resets_seen)?;

        let Map::Array(peers) = take(&mut ebpf, "PEERS", &damaged)? else {
            return Err(damaged("its map PEERS is no array".to_owned()));
        };
        let table = PeerTable::map(peers.fd(), config.slots as usize + 1)?;
        let taken = typed(take(&mut ebpf, "TAKEN", &damaged)?, &damaged)?;
        let losses = typed(take(&mut ebpf, "LOSSES", &damaged)?, &damaged)?;
        let logger = match settings.log {
            true => Some(EbpfLogger::init(&mut ebpf).map_err(|error| damaged(error.to_string()))?),
            false => None,
        };
        let records = match settings.record_bytes {
            Some(_) => Some(typed(take(&mut ebpf, "CLOSED", &damaged)?, &damaged)?),
            None => None,
        };
        let mut tracer = Self {
            ebpf,
            table,
            taken,
            losses,
            records,
            logger,
            filter: settings.filter.clone(),
            missing,
            resets_seen,
            started_ns,
        };
        tracer.attach()?;
        Ok(tracer)
    }

    /// Resets first: a state change must not find their tracepoint unattended.
    fn attach(&mut self) -> Result<(), TraceError> {
        for name in [RESET, STATE] {
            if name == STATE || self.resets_seen {
                self.tracepoint(name)?
                    .attach()
                    .map_err(|error| refused(name, &error))?;
            }
        }
        Ok(())
    }

    /// Counts the connections that were open before tracing began, in every namespace. Those that
    /// opened since the programs were attached are known already and are left as they are.
    ///
    /// # Errors
    /// When the sockets cannot be walked.
    pub fn seed(&mut self) -> Result<(), TraceError> {
        let only = self.filter.netns;
        sockets::walk(self.iterator(SEED)?, only).map(drop)
    }

    /// The live sockets the filters admit.
    ///
    /// # Errors
    /// When the sockets cannot be walked.
    pub fn sockets(&mut self) -> Result<Sockets, TraceError> {
        let only = self.filter.netns;
        sockets::walk(self.iterator(LIST)?, only)
    }

    /// All peers with their counters, and those of the connections that belong to none of them.
    ///
    /// # Errors
    /// When the maps cannot be read.
    pub fn peers(&self) -> Result<(Vec<Peer>, Counters), TraceError> {
        let taken = self.taken.get(&0, 0).map_err(|error| TraceError::Read {
            what: "the peer table",
            reason: error.to_string(),
        })?;
        let mut peers = Vec::new();
        let mut unattributed = Counters::default();
        for slot in 0..=taken {
            let Some(stats) = self.table.read(slot as usize) else {
                break;
            };
            let stats = stats.map_err(|error| TraceError::Read {
                what: "the peer table",
                reason: error.to_string(),
            })?;
            let counters = decode::counters(&stats);
            if slot == 0 {
                unattributed = counters;
            } else if let Some(id) = decode::peer_id(&stats.key, &self.filter) {
                peers.push(Peer { id, slot, counters });
            }
        }
        peers.sort_unstable_by_key(|peer| peer.id);
        Ok((peers, unattributed))
    }

    /// What was lost so far, but for the namespaces skipped, which a walk tells.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn losses(&self) -> Result<Losses, TraceError> {
        let per_cpu = self.losses.get(&0, 0).map_err(|error| TraceError::Read {
            what: "the loss counters",
            reason: error.to_string(),
        })?;
        let sum = decode::losses(per_cpu.iter().copied());
        let mut programs_skipped = 0;
        for name in [STATE, RESET] {
            if let Some(Program::BtfTracePoint(program)) = self.ebpf.program(name)
                && let Ok(fd) = program.fd()
            {
                programs_skipped += recursion_misses(fd.as_fd().as_raw_fd());
            }
        }
        Ok(Losses {
            peers_dropped: sum.peers_dropped,
            peers_dropped_unlisted: sum.peers_dropped_unlisted,
            connections_unattributed: sum.connections_unattributed,
            connections_dropped: sum.connections_dropped,
            records_lost: sum.ring_full,
            programs_skipped,
            namespaces_skipped: 0,
        })
    }

    /// Takes the records of ended connections that have come since the last call, at most
    /// `limit`. Nothing when records were not asked for.
    pub fn ended(&mut self, limit: usize) -> Vec<Ended> {
        let mut ended = Vec::new();
        let Some(ring) = &mut self.records else {
            return ended;
        };
        while ended.len() < limit
            && let Some(record) = ring.next()
        {
            match decode::closed(&record).map(|closed: Closed| decode::ended(&closed)) {
                Ok(Some(connection)) => ended.push(connection),
                Ok(None) => log::warn!("a record of an ended connection with unknown numbers was left out"),
                Err(error) => log::warn!("a damaged record was left out: {error}"),
            }
        }
        ended
    }

    /// Passes the programs' own messages on to the log.
    pub fn flush_log(&mut self) {
        if let Some(logger) = &mut self.logger {
            logger.flush();
        }
    }

    /// What this kernel does not have, and what is lost by that.
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// When the counters began, monotonic, ns.
    pub fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// The programs, for whoever wants their run time or instruction counts.
    pub fn programs(&self) -> impl Iterator<Item = (&str, &Program)> {
        self.ebpf.programs()
    }

    /// The namespaces of the counted peers that a walk did not see.
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

    fn tracepoint(&mut self, name: &str) -> Result<&mut BtfTracePoint, TraceError> {
        program(&mut self.ebpf, name)
    }

    fn iterator(&mut self, name: &str) -> Result<&mut Iter, TraceError> {
        program(&mut self.ebpf, name)
    }
}

fn config(settings: &Settings, started_ns: u64) -> Config {
    let cpus = u32::try_from(aya::util::nr_cpus().unwrap_or(1)).unwrap_or(1);
    let (mask4, mask6) = settings.filter.masks();
    Config {
        started_ns,
        tick_ns: clock::tick_ns(),
        mask4,
        mask6,
        slots: settings.max_peers.saturating_add(cpus),
        netns: settings.filter.netns.unwrap_or(0),
        directions: settings.filter.directions.bits(),
        filter_ports: u8::from(!settings.filter.ports.is_empty()),
        filter_addresses: u8::from(!settings.filter.address_rules().is_empty()),
        admit_by_default: u8::from(settings.filter.admit_by_default()),
        records: u8::from(settings.record_bytes.is_some()),
        pad: [0; 3],
    }
}

type Damaged<'a> = &'a dyn Fn(String) -> TraceError;

fn load(
    settings: &Settings,
    config: &Config,
    offsets: &Offsets,
    btf: &aya::Btf,
    object: &[u8],
    damaged: Damaged<'_>,
) -> Result<Ebpf, TraceError> {
    let ports = settings.filter.port_bitmap();
    let rules = u32::try_from(settings.filter.address_rules().len()).unwrap_or(u32::MAX);
    let ring = settings.record_bytes.unwrap_or(0).next_power_of_two().max(4096);
    let log_level = if settings.log { aya_log_level() } else { 0_u8 };
    let mut loader = EbpfLoader::new();
    loader
        .btf(Some(btf))
        .override_global("CONFIG", config, true)
        .override_global("OFFSETS", offsets, true)
        .override_global("PORTS", &ports, true)
        .override_global(aya_log::LEVEL, &log_level, true)
        .map_max_entries("PEERS", config.slots + 1)
        .map_max_entries("SLOTS", settings.max_peers)
        .map_max_entries("CONNS", settings.max_connections)
        .map_max_entries("ADDRESSES", rules.max(1))
        .map_max_entries("CLOSED", ring);
    loader.load(object).map_err(|error| match &error {
        aya::EbpfError::MapError(MapError::CreateError { name, io_error }) => match io_error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => TraceError::Privilege,
            _ => TraceError::Refused {
                what: format!("map {name}"),
                reason: io_error.to_string(),
            },
        },
        aya::EbpfError::MapError(other) => TraceError::Refused {
            what: "a map".to_owned(),
            reason: one_line(other),
        },
        _ => damaged(one_line(&error)),
    })
}

/// The level at which the programs' own messages show.
fn aya_log_level() -> u8 {
    log::Level::Debug as u8
}

fn load_programs(ebpf: &mut Ebpf, btf: &aya::Btf, resets_seen: bool) -> Result<(), TraceError> {
    load_one(ebpf, STATE, |program: &mut BtfTracePoint| {
        program.load("inet_sock_set_state", btf)
    })?;
    if resets_seen {
        load_one(ebpf, RESET, |program: &mut BtfTracePoint| {
            program.load("tcp_receive_reset", btf)
        })?;
    }
    for name in [SEED, LIST] {
        load_one(ebpf, name, |program: &mut Iter| program.load("tcp", btf))?;
    }
    Ok(())
}

fn fill_addresses(ebpf: &mut Ebpf, filter: &Filter, damaged: Damaged<'_>) -> Result<(), TraceError> {
    let map = ebpf
        .map_mut("ADDRESSES")
        .ok_or_else(|| damaged("it has no map ADDRESSES".to_owned()))?;
    let mut trie: LpmTrie<&mut MapData, Prefix, u32> = map
        .try_into()
        .map_err(|error: MapError| damaged(error.to_string()))?;
    for rule in filter.address_rules() {
        let key = Key::new(
            rule.bits,
            Prefix {
                address: rule.address,
            },
        );
        trie.insert(&key, u32::from(rule.admit), 0)
            .map_err(|error| TraceError::Refused {
                what: "an entry of the address filter".to_owned(),
                reason: error.to_string(),
            })?;
    }
    Ok(())
}

fn take(ebpf: &mut Ebpf, name: &str, damaged: Damaged<'_>) -> Result<Map, TraceError> {
    ebpf.take_map(name)
        .ok_or_else(|| damaged(format!("it has no map {name}")))
}

fn typed<T>(map: Map, damaged: Damaged<'_>) -> Result<T, TraceError>
where
    T: TryFrom<Map>,
    T::Error: ToString,
{
    T::try_from(map).map_err(|error| damaged(error.to_string()))
}

fn program<'a, T>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut T, TraceError>
where
    &'a mut T: TryFrom<&'a mut Program, Error = ProgramError>,
{
    let missing = || TraceError::BadObject {
        origin: "loaded".to_owned(),
        reason: format!("it has no program {name}"),
    };
    ebpf.program_mut(name)
        .ok_or_else(missing)?
        .try_into()
        .map_err(|_| missing())
}

fn load_one<T>(
    ebpf: &mut Ebpf,
    name: &str,
    load: impl FnOnce(&mut T) -> Result<(), ProgramError>,
) -> Result<(), TraceError>
where
    for<'a> &'a mut T: TryFrom<&'a mut Program, Error = ProgramError>,
{
    load(program(ebpf, name)?).map_err(|error| refused(name, &error))
}

/// Turns aya's many-line errors into one line; the verifier's words go to the log.
fn refused(name: &str, error: &ProgramError) -> TraceError {
    let (io_error, verifier_log) = match error {
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => (io_error, verifier_log.to_string()),
        ProgramError::SyscallError(error) => (&error.io_error, String::new()),
        other => {
            return TraceError::Refused {
                what: format!("program {name}"),
                reason: one_line(other),
            };
        }
    };
    log::debug!("{name}: {io_error}\n{verifier_log}");
    if matches!(io_error.raw_os_error(), Some(libc::EPERM)) {
        return TraceError::Privilege;
    }
    let last = verifier_log
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("processed"));
    let reason = last.map_or_else(|| io_error.to_string(), |line| format!("{line} ({io_error})"));
    TraceError::Refused {
        what: format!("program {name}"),
        reason,
    }
}

/// An error with its causes, in one line.
fn one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How often the kernel skipped a program because it was already running on that CPU. aya does
/// not show the counter; the kernel also prints it for each open program.
fn recursion_misses(fd: i32) -> u64 {
    fs::read_to_string(format!("/proc/self/fdinfo/{fd}"))
        .ok()
        .and_then(|info| {
            let line = info
                .lines()
                .find_map(|line| line.strip_prefix("recursion_misses:"))?;
            line.trim().parse().ok()
        })
        .unwrap_or(0)
}
