//! What this kernel and these privileges allow, found out by trying each thing for itself.

use std::path::Path;

use tracer_ebpf::{
    abi::{
        conn::{Conn, places},
        peer::PeerStats,
        ring,
    },
    hooks::{Absence, HOOKS, Hook},
    index,
};

use super::{
    btf::{Btf, VMLINUX},
    load::Settings,
    netns, object, offsets, privileges,
    tracer::Tracer,
};

/// How one thing stands.
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
    /// What was looked at.
    pub what: String,
    /// How it stands.
    pub status: Status,
    /// What was found, or what is lost and how to get it.
    pub found: String,
}

impl Check {
    fn new(what: impl Into<String>, status: Status, found: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status,
            found: found.into(),
        }
    }
}

/// Examines everything tracing needs. Works without privileges, and then says so.
pub fn examine(settings: &Settings) -> Vec<Check> {
    let mut checks = vec![kernel()];
    checks.extend(capabilities());
    let path = settings.btf.as_deref().unwrap_or_else(|| Path::new(VMLINUX));
    match Btf::from_file(path) {
        Ok(btf) => {
            checks.push(Check::new(
                "type information",
                Status::Ok,
                path.display().to_string(),
            ));
            checks.extend(tracepoints(&btf));
            checks.extend(members(&btf));
        }
        Err(error) => checks.push(Check::new(
            "type information",
            Status::Missing,
            format!("{error}; a kernel with CONFIG_DEBUG_INFO_BTF=y has it, or give its file with --btf"),
        )),
    }
    checks.push(match (&settings.object, !object::embedded().is_empty()) {
        (Some(path), _) => Check::new("programs", Status::Ok, path.display().to_string()),
        (None, true) => Check::new("programs", Status::Ok, "embedded in this binary"),
        (None, false) => Check::new(
            "programs",
            Status::Missing,
            "this binary was built without them; `cargo xtask build` sets up the toolchain and builds it again",
        ),
    });
    checks.push(namespaces());
    checks.push(memory(settings));
    checks.push(trial(settings));
    checks
}

fn kernel() -> Check {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let version: Vec<u32> = release
        .split(['.', '-'])
        .take(2)
        .filter_map(|part| part.parse().ok())
        .collect();
    match version.as_slice() {
        [major, minor] if (*major, *minor) < (5, 15) => Check::new(
            "kernel",
            Status::Degraded,
            format!("{release}; 5.15 is the oldest it is made for"),
        ),
        _ => Check::new("kernel", Status::Ok, release),
    }
}

/// What each capability brings, or what is lost without it.
fn capabilities() -> impl Iterator<Item = Check> {
    let held = privileges::held();
    privileges::NEEDS.iter().map(move |need| {
        let name = need.capability.to_string();
        let (status, found) = match need.lost {
            _ if held.contains(&need.capability) => (Status::Ok, need.brings.to_owned()),
            [] => (
                Status::Missing,
                format!(
                    "not held; it {}: run as root (sudo tcpreuse …), or give it to the binary with setcap",
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
            _ if btf.has_tracepoint(hook.tracepoint) => (Status::Ok, "there".to_owned()),
            Absence::Fatal(cure) => (Status::Missing, format!("not there: {cure}")),
            Absence::Loses(lost) => (Status::Degraded, format!("not there: {lost}")),
        };
        Check::new(format!("tracepoint {}", hook.tracepoint), status, found)
    };
    let iterator = match btf.has_func("bpf_iter_tcp") {
        true => Check::new("socket iterator", Status::Ok, "there"),
        false => Check::new(
            "socket iterator",
            Status::Missing,
            "not there: connections that are open already could not be counted; kernel 5.9 or newer with CONFIG_BPF_SYSCALL=y has it",
        ),
    };
    let mut checks: Vec<Check> = HOOKS.iter().map(tracepoint).collect();
    checks.push(iterator);
    checks
}

fn members(btf: &Btf) -> Vec<Check> {
    match offsets::resolve(btf) {
        Ok((_, missing)) if missing.is_empty() => vec![Check::new("socket members", Status::Ok, "all there")],
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
            format!("{} to list", found.len()),
        );
    }
    Check::new(
        "network namespaces",
        Status::Degraded,
        format!(
            "{} to list, {unopened} that only root may open: what is open there already is not counted",
            found.len()
        ),
    )
}

fn memory(settings: &Settings) -> Check {
    // The slots of peers, and the index that leads to them.
    let peers = u64::from(settings.max_peers) * size_of::<PeerStats>() as u64
        + u64::from(index::cells(settings.max_peers)) * 8;
    // The places of connections with their cookies, and a bucket for each that may find none free.
    let connections = u64::from(places(settings.max_connections)) * (size_of::<Conn>() as u64 + 8)
        + u64::from(settings.max_connections) * 16;
    let records = ring::bytes(settings.ring_entries() as usize) as u64;
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    Check::new(
        "kernel memory",
        Status::Ok,
        format!(
            "about {} MiB while it runs, with room for {} peers (--max-peers); `record` takes {} more for its ring",
            mib(peers + connections),
            settings.max_peers,
            mib(records)
        ),
    )
}

/// The proof: loads and attaches everything for a moment.
fn trial(settings: &Settings) -> Check {
    match Tracer::start(settings) {
        Ok(tracer) => {
            let instructions: u32 = tracer
                .programs()
                .filter_map(|(_, program)| program.info().ok()?.verified_instruction_count())
                .sum();
            Check::new(
                "trial",
                Status::Ok,
                format!("programs load and attach ({instructions} instructions verified)"),
            )
        }
        Err(error) => Check::new("trial", Status::Missing, error.to_string()),
    }
}
