//! Examines what this kernel and these privileges allow, by trying each thing separately.

use std::{collections::BTreeMap, path::Path};

use tracer_ebpf::{
    abi::{conn::Conn, offsets::MEMBERS, peer::PeerStats, ring},
    hooks::{Absence, HOOKS, Hook},
    index,
};

use super::{
    btf::{Btf, VMLINUX},
    netns, object, offsets, privileges,
    settings::Settings,
    tracer::Tracer,
};

/// The status of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Works.
    Ok,
    /// Something is lost without it.
    Degraded,
    /// Nothing can be traced without it.
    Missing,
}

/// One line of the examination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The thing examined.
    pub what: String,
    /// Its status.
    pub status: Status,
    /// The result, or what is lost and how to fix it.
    pub found: String,
    /// What was found one by one, if there is more to say.
    pub details: Vec<String>,
}

impl Check {
    fn new(what: impl Into<String>, status: Status, found: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status,
            found: found.into(),
            details: Vec::new(),
        }
    }

    fn with(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }
}

/// Examines everything tracing needs. Without privileges it still works, and reports their absence.
pub fn examine(settings: &Settings) -> Vec<Check> {
    let mut checks = vec![kernel()];
    checks.extend(capabilities());
    let path = settings.btf.as_deref().unwrap_or_else(|| Path::new(VMLINUX));
    match Btf::from_file(path) {
        Ok(btf) => {
            let found = Check::new("type information", Status::Ok, path.display().to_string());
            checks.push(found.with(vec![format!("{} types", btf.type_count())]));
            checks.extend(tracepoints(&btf));
            checks.extend(members(&btf));
        }
        Err(error) => checks.push(Check::new(
            "type information",
            Status::Missing,
            format!("{error}; {}", error.remedy()),
        )),
    }
    checks.push(match (&settings.object, !object::embedded().is_empty()) {
        (Some(path), _) => Check::new("programs", Status::Ok, path.display().to_string()),
        (None, true) => Check::new("programs", Status::Ok, "embedded in this binary"),
        (None, false) => Check::new(
            "programs",
            Status::Missing,
            "this binary was built without them; run `cargo xtask build`, which sets up the toolchain and rebuilds it",
        ),
    });
    checks.push(namespaces());
    checks.push(memory(settings));
    checks.push(trial(settings));
    checks
}

/// Which kernel this is. What it can do is not told by its number: distributions bring newer functions to
/// older ones.
fn kernel() -> Check {
    let system = rustix::system::uname();
    let [release, build, machine] = [system.release(), system.version(), system.machine()]
        .map(|text| text.to_string_lossy().into_owned());
    Check::new("kernel", Status::Ok, release).with(vec![build, machine])
}

/// What each capability is for, or what is lost without it.
fn capabilities() -> impl Iterator<Item = Check> {
    let held = privileges::held();
    privileges::NEEDS.iter().map(move |need| {
        let name = need.capability.to_string();
        let (status, found) = match need.lost {
            _ if held.contains(&need.capability) => (Status::Ok, need.brings.to_owned()),
            [] => (
                Status::Missing,
                format!(
                    "not held; it {}: run as root (sudo tcpreuse …), or grant it to the binary with setcap",
                    need.brings
                ),
            ),
            lost => (
                Status::Degraded,
                format!(
                    "not held; it {}. Unknown without it: {}",
                    need.brings,
                    lost.join("; ")
                ),
            ),
        };
        Check::new(name, status, found)
    })
}

fn tracepoints(btf: &Btf) -> Vec<Check> {
    let tracepoint = |hook: &Hook| {
        let (status, found) = match hook.absence {
            _ if btf.has_hook(hook) => (Status::Ok, "available".to_owned()),
            Absence::Fatal(cure) => (Status::Missing, format!("not there: {cure}")),
            Absence::Loses(lost) => (Status::Degraded, format!("not there: {lost}")),
        };
        Check::new(format!("tracepoint {}", hook.tracepoint), status, found)
            .with(vec![format!("for the program {}", hook.program)])
    };
    let iterator = match btf.has_func("bpf_iter_tcp") {
        true => Check::new("socket iterator", Status::Ok, "available"),
        false => Check::new(
            "socket iterator",
            Status::Missing,
            "not there: connections already open could not be counted; it needs kernel 5.9 or newer with CONFIG_BPF_SYSCALL=y",
        ),
    };
    let mut checks: Vec<Check> = HOOKS.iter().map(tracepoint).collect();
    checks.push(iterator);
    let handlers = match btf.preempts_handlers() {
        true => "this kernel may preempt them: further programs look after the first ones",
        false => "not preempted while they run",
    };
    checks.push(Check::new("tracepoint handlers", Status::Ok, handlers));
    checks
}

fn members(btf: &Btf) -> Vec<Check> {
    match offsets::resolve(btf) {
        Ok((offsets, missing)) if missing.is_empty() => {
            let members = MEMBERS.iter().zip(offsets.0);
            let details = members.map(|(member, offset)| {
                let place = offset.map_or_else(
                    || "not there, and not needed".to_owned(),
                    |at| format!("at byte {at}"),
                );
                format!("{}.{}: {place}", member.structure, member.path)
            });
            vec![Check::new("socket members", Status::Ok, "all available").with(details.collect())]
        }
        Ok((_, missing)) => missing
            .into_iter()
            .map(|missing| {
                let (status, lost) = match missing.lost {
                    None => (Status::Missing, "everything"),
                    Some(lost) => (Status::Degraded, lost),
                };
                Check::new(
                    format!("member {}", missing.member),
                    status,
                    format!("{}: {lost} will be unknown", missing.found),
                )
            })
            .collect(),
        Err(error) => vec![Check::new("socket members", Status::Missing, error.to_string())],
    }
}

fn namespaces() -> Check {
    let (found, unopened) = netns::all();
    if unopened == 0 {
        return Check::new(
            "network namespaces",
            Status::Ok,
            format!("{} can be listed", found.len()),
        );
    }
    Check::new(
        "network namespaces",
        Status::Degraded,
        format!(
            "{} can be listed, and {unopened} only by root: connections already open there are not counted",
            found.len()
        ),
    )
}

fn memory(settings: &Settings) -> Check {
    // The peers' slots and the index that leads to them.
    let peers = u64::from(settings.max_peers) * size_of::<PeerStats>() as u64
        + u64::from(index::cells(settings.max_peers)) * 8;
    // The connections' places with their cookies, and a hash bucket for each that may find none free.
    let connections = u64::from(settings.places()) * (size_of::<Conn>() as u64 + 8)
        + u64::from(settings.max_connections) * 16;
    let records = ring::bytes(settings.ring_entries() as usize) as u64;
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    Check::new(
        "kernel memory",
        Status::Ok,
        format!(
            "about {} MiB while tracing, for up to {} peers (--max-peers); `record` needs {} MiB more for its ring",
            mib(peers + connections),
            settings.max_peers,
            mib(records)
        ),
    )
    .with(vec![
        format!("peers and their index: {} MiB", mib(peers)),
        format!("connections (--max-connections {}): {} MiB", settings.max_connections, mib(connections)),
    ])
}

/// The final proof: loads and attaches everything for a moment.
fn trial(settings: &Settings) -> Check {
    match Tracer::start(settings) {
        Ok(tracer) => {
            let programs: BTreeMap<&str, u32> = tracer
                .programs()
                .filter_map(|(name, program)| {
                    Some((name, program.info().ok()?.verified_instruction_count()?))
                })
                .collect();
            let instructions: u32 = programs.values().sum();
            let details = programs
                .iter()
                .map(|(name, count)| format!("{name}: {count} instructions verified"));
            let works = format!("programs load and attach ({instructions} instructions verified)");
            let check = match tracer.most_peers_here() {
                None => Check::new("trial", Status::Ok, works),
                Some(peers) => Check::new(
                    "trial",
                    Status::Degraded,
                    format!(
                        "{works}, with small tables (Linux before 6.0): room for {peers} peers at a time"
                    ),
                ),
            };
            check.with(details.collect())
        }
        Err(error) => Check::new("trial", Status::Missing, error.to_string()),
    }
}
