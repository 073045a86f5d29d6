//! First aid: commands that relieve a server of its worst peers until the cause is mended. They are text to
//! copy; nothing here runs them.
//!
//! A command has only addresses and numbers in it, never text from outside, so no name of a peer or process
//! can become part of one.

mod proxy;

use crate::{
    diagnosis::{
        Diagnosis, Judged, Verdict,
        words::{count, number},
    },
    model::peer::{Direction, PeerId},
};

/// Maximum number of peers helped against, the worst.
const MAX_PEERS: usize = 5;

/// The table of our rules, so that deleting it takes all of them back.
const TABLE: &str = "inet tcpreuse_first_aid";

/// New connections are limited to one part in this many of what a peer opens now.
const RATE_SHARE: u64 = 2;

/// Lines to copy, with a sentence about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What they do.
    pub about: String,
    /// The lines: of a shell, or of a configuration if `about` says so.
    pub lines: Vec<String>,
}

/// What helps against one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aid {
    /// The peer and its verdict.
    pub title: String,
    /// What to know before any of it is used.
    pub warning: Option<&'static str>,
    /// The remedies.
    pub remedies: Vec<Remedy>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstAid {
    /// What some remedies need first, and how to take them back.
    pub before: Vec<Remedy>,
    /// For each of the worst peers that something helps against.
    pub peers: Vec<Aid>,
}

/// Where the commands have to be run.
pub const WHERE: &str = "Nothing of this has been run. It relieves the server until the cause is mended; mending it \
                         makes it needless. Run the commands as root where the server runs, in its network namespace.";

/// What there is when nothing fits.
pub const NONE: &str = "No command helps against what was found; what to change above does.";

const SHARED: &str = "Many clients seem to share this address: all of what follows hits all of them.";

const SEVERAL: &str = "This is a network: all of what follows hits every address in it.";

impl FirstAid {
    /// What helps against the worst peers of a diagnosis.
    pub fn of(diagnosis: &Diagnosis) -> Self {
        let accused = diagnosis
            .peers
            .iter()
            .filter(|peer| peer.finding.verdict.accuses());
        let peers: Vec<Aid> = accused
            .filter_map(|peer| {
                let remedies = remedies(peer);
                (!remedies.is_empty()).then(|| Aid {
                    title: title(peer),
                    warning: warning(peer),
                    remedies,
                })
            })
            .take(MAX_PEERS)
            .collect();
        let has_rules = peers
            .iter()
            .flat_map(|peer| &peer.remedies)
            .flat_map(|remedy| &remedy.lines)
            .any(|line| line.starts_with("nft "));
        let before = if has_rules { table() } else { Vec::new() };
        Self { before, peers }
    }
}

/// A peer's address, service and verdict. Of names from outside, what a shell takes for more than a word is
/// replaced.
fn title(peer: &Judged) -> String {
    let plain = |text: &str| -> String {
        let is_word = |c: char| c.is_alphanumeric() || " .:/-_%".contains(c);
        text.chars().map(|c| if is_word(c) { c } else { '?' }).collect()
    };
    let host = peer.host.as_ref().map(|host| format!(" on {}", plain(host)));
    let name = peer.name().map(|name| format!(", {}", plain(name)));
    format!(
        "{}, port {}{}{}: {}",
        plain(&peer.id.name()),
        peer.id.port,
        host.unwrap_or_default(),
        name.unwrap_or_default(),
        peer.finding.verdict
    )
}

fn warning(peer: &Judged) -> Option<&'static str> {
    let is_network = peer.id.network.prefix_len() < peer.id.network.max_prefix_len();
    match (peer.shared_address, is_network) {
        (true, _) => Some(SHARED),
        (false, true) => Some(SEVERAL),
        (false, false) => None,
    }
}

fn table() -> Vec<Remedy> {
    vec![
        Remedy {
            about: "Before the first nft rule, once:".to_owned(),
            lines: vec![
                format!("nft 'add table {TABLE}'"),
                format!(
                    "nft 'add chain {TABLE} input {{ type filter hook input priority -10; policy accept; }}'"
                ),
            ],
        },
        Remedy {
            about: "To take all nft rules back:".to_owned(),
            lines: vec![format!("nft 'delete table {TABLE}'")],
        },
    ]
}

/// Only those that fit the verdict. A peer of an outbound service is this host's own process.
fn remedies(peer: &Judged) -> Vec<Remedy> {
    use Verdict as V;
    let is_inbound = peer.id.direction == Direction::Inbound;
    let mut remedies = Vec::new();
    match peer.finding.verdict {
        V::CloseWaitLeak => remedies.push(stuck(peer)),
        V::PilingUp | V::Abandoned | V::HalfOpen if is_inbound => {
            remedies.push(held(peer));
            remedies.push(reset(peer));
            remedies.extend(proxy::held(peer));
        }
        V::EarlyAbort if is_inbound => {
            remedies.push(held(peer));
            remedies.extend(proxy::held(peer));
        }
        V::FreshPerRequest | V::PoolOverflow | V::ClientClose | V::HandshakeFailed if is_inbound => {
            remedies.push(rate(peer));
            remedies.extend(proxy::rate(peer));
        }
        // Timers, limits and the path are settings of somebody, and a peer that is refused does not change
        // them.
        _ => {}
    }
    remedies
}

/// The hosts that it comes to. Each of them gets its share of what it may do.
fn hosts(peer: &Judged) -> u64 {
    peer.over
        .as_ref()
        .map_or(1, |over| over.hosts.len().max(1) as u64)
}

/// What is said of its numbers, and of those that are allowed, if it comes to several hosts.
fn shared_out(peer: &Judged) -> (String, &'static str) {
    match hosts(peer) {
        1 => (String::new(), ""),
        hosts => (format!(" over {} hosts", number(hosts)), " on each"),
    }
}

/// How many connections it may go on holding on a host.
fn allowed(peer: &Judged) -> u64 {
    u64::from(peer.expected().max(1)).div_ceil(hosts(peer))
}

/// How many it may open each minute on a host.
fn per_minute(peer: &Judged) -> u64 {
    (opened_per_minute(peer) / RATE_SHARE / hosts(peer)).max(1)
}

fn opened_per_minute(peer: &Judged) -> u64 {
    let figures = &peer.figures;
    let seconds = (figures.span_ns / 1_000_000_000).max(1);
    (figures.opens.saturating_mul(60) / seconds).max(1)
}

/// A match of packets from the peer to its service.
fn from_peer(id: PeerId) -> String {
    let family = if id.network.addr().is_ipv4() { "ip" } else { "ip6" };
    // By its number, since a name comes from outside.
    let through = id
        .interface
        .map(|interface| format!("iif {} ", interface.index()));
    let through = through.unwrap_or_default();
    format!("{through}{family} saddr {} tcp dport {}", id.address(), id.port)
}

/// Refuses what it opens beyond the number it needs.
fn held(peer: &Judged) -> Remedy {
    let (allowed, (over, on_each)) = (allowed(peer), shared_out(peer));
    Remedy {
        about: format!(
            "It holds {}{over}, {} expected. Of what it opens from now on, refuse all beyond {}{on_each}:",
            count(peer.figures.open_now, "connection", "connections"),
            number(peer.expected().max(1).into()),
            number(allowed),
        ),
        lines: vec![format!(
            "nft 'add rule {TABLE} input {} ct state new ct count over {allowed} reject with tcp reset'",
            from_peer(peer.id)
        )],
    }
}

/// Slows down how fast it opens connections.
fn rate(peer: &Judged) -> Remedy {
    let (now, then) = (opened_per_minute(peer), per_minute(peer));
    let (over, on_each) = shared_out(peer);
    Remedy {
        about: format!(
            "It opens {} a minute{over}. Let it open {}{on_each}; beyond that its connects are dropped, and it tries \
             again after a second or more:",
            count(now, "connection", "connections"),
            number(then),
        ),
        lines: vec![format!(
            "nft 'add rule {TABLE} input {} ct state new limit rate over {then}/minute burst {} packets drop'",
            from_peer(peer.id),
            allowed(peer)
        )],
    }
}

/// Selects the peer's sockets, for `ss`.
fn sockets(id: PeerId) -> String {
    let mut address = id.address();
    if id.network.addr().is_ipv6() {
        address = format!("[{address}]");
    }
    let bound = id
        .interface
        .map(|interface| format!(" and dev = {}", interface.index()));
    let side = match id.direction {
        Direction::Inbound => "sport",
        Direction::Outbound => "dport",
    };
    format!(
        "'dst {address} and {side} = :{}{}'",
        id.port,
        bound.unwrap_or_default()
    )
}

/// Ends the sockets that the process here does not close.
fn stuck(peer: &Judged) -> Remedy {
    Remedy {
        about: format!(
            "{} in CLOSE_WAIT. This destroys them; the process sees an error, and still has to close its \
             descriptors:",
            count(peer.figures.close_wait.now, "socket is", "sockets are"),
        ),
        lines: vec![format!("ss -t -K state close-wait {}", sockets(peer.id))],
    }
}

/// Ends all connections of a peer.
fn reset(peer: &Judged) -> Remedy {
    Remedy {
        about: format!(
            "This destroys {}, those in use too; the client gets a reset where the path still exists:",
            count(
                peer.figures.open_now,
                "the connection that it holds",
                "connections that it holds"
            ),
        ),
        lines: vec![format!("ss -t -K state established {}", sockets(peer.id))],
    }
}

#[cfg(test)]
mod tests;
