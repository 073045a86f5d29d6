//! Loads the programs into the kernel, adapted to this kernel and these settings.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
};

use aya::{
    Ebpf, EbpfLoader,
    maps::{LpmTrie, Map, MapData, MapError, lpm_trie::Key},
    programs::{BtfTracePoint, Iter, Program, ProgramError},
};
use tracer_ebpf::{
    abi::{
        config::{Config, Prefix},
        offsets::{CGROUP_FILTER, Offsets},
    },
    address,
    hooks::{Absence, HOOKS, Hook, LIST, READ, REFUSE, SEED},
    index, member,
};

use super::{
    TraceError,
    btf::{Btf, VMLINUX},
    clock, object,
    offsets::{self, Missing},
    relocate::relocate,
    settings::Settings,
    tables::Tables,
};
use crate::{
    filter::{Cgroup, Filter},
    memory,
    model::sample::Known,
};

/// The figures available with these offsets and programs.
fn known(offsets: &Offsets, hooks: &[Hook], peeks: bool) -> Known {
    Known {
        turns: hooks.contains(&READ),
        requests: hooks.contains(&READ) && peeks,
        late_requests: hooks.contains(&REFUSE),
        held: true,
        idle: offsets.has(&[
            member!(tcp_sock.lsndtime),
            member!(inet_connection_sock.icsk_ack.lrcvtime),
        ]),
        bytes_received: offsets.has(&[member!(tcp_sock.bytes_received)]),
        bytes_sent: offsets.has(&[member!(tcp_sock.bytes_sent), member!(tcp_sock.bytes_retrans)]),
        retransmits: offsets.has(&[member!(tcp_sock.total_retrans)]),
        heard: offsets.has(&[
            member!(inet_connection_sock.icsk_ack.lrcvtime),
            member!(tcp_sock.rcv_tstamp),
            member!(inet_connection_sock.icsk_retransmits),
            member!(inet_connection_sock.icsk_probes_out),
        ]),
    }
}

/// What leads to the headers of a packet.
const LATE_REQUESTS: [usize; 6] = [
    member!(sk_buff.head),
    member!(sk_buff.network_header),
    member!(sk_buff.transport_header),
    member!(sk_buff.len),
    member!(sk_buff.dev),
    member!(net_device.nd_net.net),
];

/// What leads to the buffer of a system call; `None` on machines whose system calls the programs do not know.
const REGISTERS: Option<&[usize]> = if cfg!(target_arch = "x86_64") {
    Some(&[member!(pt_regs.orig_ax), member!(pt_regs.si), member!(pt_regs.dx)])
} else if cfg!(target_arch = "aarch64") {
    Some(&[member!(pt_regs.syscallno), member!(pt_regs.regs)])
} else {
    None
};

/// Whether the data a process reads can be seen.
fn can_peek(offsets: &Offsets) -> bool {
    REGISTERS.is_some_and(|registers| offsets.has(registers))
        && offsets.has(&[
            member!(tcp_sock.copied_seq),
            member!(tcp_sock.rcv_nxt),
            member!(tcp_sock.bytes_received),
        ])
}

fn config(settings: &Settings, offsets: &Offsets, hooks: &[Hook], slots: u32) -> Config {
    let (mask4, mask6) = settings.filter.masks();
    // Addresses are in network byte order, so their words have the order of memory.
    let halves = |mask: [u32; 4]| {
        let [a, b, c, d] = mask.map(u64::from);
        (b << 32 | a, d << 32 | c)
    };
    let ((mask4_low, mask4_high), (mask6_low, mask6_high)) = (halves(mask4), halves(mask6));
    Config {
        tick_ns: clock::tick_ns(),
        masked: u64::from([mask4, mask6] != [address::mask(128); 2]),
        mask4_low,
        mask4_high,
        mask6_low,
        mask6_high,
        cgroup: settings.filter.cgroup.map_or(0, |cgroup| cgroup.id),
        cgroup_level: settings.filter.cgroup.map_or(0, Cgroup::level_or_any),
        // Random keys from the system, with nothing hashed.
        hash_seed: RandomState::new().build_hasher().finish(),
        index_mask: u64::from(index::cells(settings.max_peers) - 1),
        peers: u64::from(settings.max_peers),
        slots: u64::from(slots),
        netns: u64::from(settings.filter.netns.unwrap_or(0)),
        places_mask: u64::from(settings.places() - 1),
        directions: u64::from(settings.filter.directions.bits()),
        filter_ports: u64::from(!settings.filter.ports.is_empty()),
        filter_addresses: u64::from(!settings.filter.address_rules().is_empty()),
        admit_by_default: u64::from(settings.filter.admit_by_default()),
        records: u64::from(settings.records.is_some()),
        ring_mask: u64::from(settings.ring_entries() - 1),
        stores_in_order: u64::from(settings.stores_in_order),
        count_turns: u64::from(hooks.contains(&READ)),
        peek: u64::from(settings.peek && can_peek(offsets)),
        lose_races: u64::from(settings.lose_races),
        miss: u64::from(settings.miss),
    }
}

type Damaged<'a> = &'a dyn Fn(String) -> TraceError;

/// Programs loaded into the kernel, not yet attached.
pub(super) struct Loaded {
    /// The programs and maps.
    pub(super) ebpf: Ebpf,
    /// The maps that are not part of the object.
    pub(super) tables: Tables,
    /// Number of slots in the peer table.
    pub(super) slots: u32,
    /// Seed of the hash of peers.
    pub(super) hash_seed: u64,
    /// What it was loaded with in the end, as far as this kernel made a difference.
    pub(super) settings: Settings,
    /// What this kernel lacks.
    pub(super) missing: Vec<Missing>,
    /// The figures it provides.
    pub(super) known: Known,
    /// The hooks it has.
    pub(super) hooks: Vec<Hook>,
    /// The source of the object, for messages.
    origin: String,
}

/// Finds this kernel's offsets and loads the programs with them.
///
/// # Errors
/// If tracing is impossible here, with the reason.
pub(super) fn load(settings: &Settings) -> Result<Loaded, TraceError> {
    let loaded = load_or_do_without(settings);
    memory::trim();
    loaded
}

fn load_or_do_without(settings: &Settings) -> Result<Loaded, TraceError> {
    match load_as(settings) {
        // An older verifier may not follow the code that tells requests apart. Without that code, turns are
        // counted.
        Err(TraceError::Refused { what, reason }) if settings.peek && what.ends_with(READ.program) => {
            log::warn!(
                "the kernel refused {what}, so it does not look at what is read, and reads after a write count as \
                 requests, as with --no-peek: {reason}"
            );
            load_as(&Settings {
                peek: false,
                ..settings.clone()
            })
        }
        loaded => loaded,
    }
}

fn load_as(settings: &Settings) -> Result<Loaded, TraceError> {
    let btf_path = settings.btf.as_deref().unwrap_or_else(|| Path::new(VMLINUX));
    let btf = Btf::from_file(btf_path)?;
    let (offsets, missing) = offsets::resolve(&btf)?;
    let unsupported = |what: String| TraceError::Unsupported { what };
    if let Some(essential) = missing.iter().find(|missing| missing.lost.is_none()) {
        return Err(unsupported(format!("member {}", essential.lacking())));
    }
    if settings.filter.cgroup.is_some() && missing.iter().any(|missing| missing.lost == Some(CGROUP_FILTER)) {
        return Err(unsupported(
            "way to tell a socket's cgroup (omit --cgroup)".to_owned(),
        ));
    }
    let hooks = hooks(&btf, &offsets).map_err(unsupported)?;
    let further = settings.further || btf.preempts_handlers();
    // Two forms of the kernel's types, 25 MB each, are not held at the same time.
    drop(btf);
    let object = object::read(settings.object.as_deref())?;
    let origin = object::origin(settings.object.as_deref());
    let damaged = |reason: String| TraceError::BadObject {
        origin: origin.clone(),
        reason,
    };
    let cpus = u32::try_from(aya::util::nr_cpus().unwrap_or(1)).unwrap_or(1);
    let settings = match settings.small_tables {
        true => settings.with_small_tables(cpus),
        false => settings.clone(),
    };
    let settings = Settings { further, ..settings };
    let slots = settings.slots(cpus);
    let config = config(&settings, &offsets, &hooks, slots);
    let tables = match Tables::create(&settings, slots) {
        Err(TraceError::TooLarge { .. }) if !settings.small_tables => {
            let small = settings.with_small_tables(cpus);
            log::warn!(
                "this kernel accepts no large tables (Linux before 6.0), so there is room for {} peers at a time",
                small.max_peers
            );
            return load_as(&small);
        }
        tables => tables?,
    };
    let object = relocate(&object, &offsets, &config, tables.fds()).map_err(damaged)?;
    let mut ebpf = create_maps(&settings, &object, &damaged)?;
    fill_addresses(&mut ebpf, &settings.filter, &damaged)?;
    // aya needs the same types again, in its own form.
    let kernel_btf = aya::Btf::parse_file(btf_path, aya::Endianness::default())
        .map_err(|error| unsupported(format!("type information aya can use ({error})")))?;
    load_programs(&mut ebpf, &kernel_btf, &hooks, settings.further)?;
    Ok(Loaded {
        ebpf,
        tables,
        settings,
        slots,
        hash_seed: config.hash_seed,
        missing,
        known: known(&offsets, &hooks, config.peek != 0),
        hooks,
        origin,
    })
}

/// The hooks this kernel has and that can be used here.
///
/// # Errors
/// If nothing can be traced without a missing one; in words.
fn hooks(btf: &Btf, offsets: &Offsets) -> Result<Vec<Hook>, String> {
    let mut hooks = Vec::from(HOOKS);
    // Without a means of telling writes from reads, reads are of no use.
    if !offsets.has(&[member!(tcp_sock.write_seq)]) {
        hooks.retain(|hook| *hook != READ);
    }
    if !offsets.has(&LATE_REQUESTS) {
        hooks.retain(|hook| *hook != REFUSE);
    }
    let (there, missing): (Vec<Hook>, Vec<Hook>) = hooks.into_iter().partition(|hook| btf.has_hook(hook));
    match missing
        .iter()
        .find(|hook| matches!(hook.absence, Absence::Fatal(_)))
    {
        Some(hook) => Err(format!("tracepoint {}", hook.tracepoint)),
        None => Ok(there),
    }
}

impl Loaded {
    /// Takes a map out. Not before the programs are loaded: a dropped map is closed, and a program refers to
    /// its maps by their open files.
    pub(super) fn take_map(&mut self, name: &str) -> Result<Map, TraceError> {
        self.ebpf
            .take_map(name)
            .ok_or_else(|| self.damaged(format!("it has no map {name}")))
    }

    /// Takes a map out as its type.
    pub(super) fn take<T>(&mut self, name: &str) -> Result<T, TraceError>
    where
        T: TryFrom<Map>,
        T::Error: ToString,
    {
        T::try_from(self.take_map(name)?).map_err(|error| self.damaged(error.to_string()))
    }

    /// The error for an invalid object.
    pub(super) fn damaged(&self, reason: String) -> TraceError {
        TraceError::BadObject {
            origin: self.origin.clone(),
            reason,
        }
    }
}

fn create_maps(settings: &Settings, object: &[u8], damaged: Damaged<'_>) -> Result<Ebpf, TraceError> {
    let ports = settings.filter.port_bitmap();
    let rules = u32::try_from(settings.filter.address_rules().len()).unwrap_or(u32::MAX);
    let log_level = if settings.log { log::Level::Debug as u8 } else { 0 };
    let mut loader = EbpfLoader::new();
    loader
        // The object has none of the relocations that need them.
        .btf(None)
        .override_global("PORTS", &ports, true)
        .override_global(aya_log::LEVEL, &log_level, true)
        .map_max_entries("CONNS", settings.max_connections)
        .map_max_entries("COMMS", settings.names)
        .map_max_entries("ADDRESSES", rules.max(1));
    loader.load(object).map_err(|error| match &error {
        aya::EbpfError::MapError(error) => refused_map(error),
        _ => damaged(one_line(&error)),
    })
}

/// The error for a map that the kernel refuses to create.
pub(super) fn refused_map(error: &MapError) -> TraceError {
    match error {
        MapError::CreateError { io_error, .. }
            if matches!(io_error.raw_os_error(), Some(libc::EPERM | libc::EACCES)) =>
        {
            TraceError::Privilege
        }
        MapError::CreateError { name, io_error } if io_error.raw_os_error() == Some(libc::E2BIG) => {
            TraceError::TooLarge { map: name.clone() }
        }
        MapError::CreateError { name, io_error } => TraceError::Refused {
            what: format!("map {name}"),
            reason: io_error.to_string(),
        },
        other => TraceError::Refused {
            what: "a map".to_owned(),
            reason: one_line(other),
        },
    }
}

fn load_programs(ebpf: &mut Ebpf, btf: &aya::Btf, hooks: &[Hook], further: bool) -> Result<(), TraceError> {
    for hook in hooks {
        for name in hook.programs(further) {
            load_one(ebpf, name, |program: &mut BtfTracePoint| {
                program.load(hook.tracepoint, btf)
            })?;
        }
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

/// A program as its type.
pub(super) fn program<'a, T>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut T, TraceError>
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

/// Reduces aya's multi-line errors to one line; the verifier's output goes to the log.
pub(super) fn refused(name: &str, error: &ProgramError) -> TraceError {
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
    // The log ends with statistics, and the reason is before them.
    let is_statistics = |line: &str| {
        ["verification time", "stack depth", "processed"]
            .iter()
            .any(|begin| line.starts_with(begin))
    };
    let last = verifier_log
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty() && !is_statistics(line));
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
