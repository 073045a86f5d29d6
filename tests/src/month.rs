//! A month of strangers condensed into minutes: many peers that come once and are never seen again, through a
//! table of a few thousand slots, beside peers of known behaviour that stay. The verdicts on those must not
//! change, every total must be what the traffic did, and nothing may grow.

mod killed;
mod steady;
mod strangers;

use std::{
    fmt, fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use self::{
    killed::Killed,
    steady::{Behaviour, Steady},
    strangers::Strangers,
};
use crate::{
    namespace::Namespace,
    program, programs,
    recorder::Recorder,
    soak::{Outcome, watch::Watch},
    traffic::EchoServer,
};

/// How much of a month.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Peers that come once.
    pub strangers: u32,
    /// How many of them come each second.
    pub per_second: u32,
    /// `--max-peers`.
    pub slots: u32,
    /// Peers that stay, half of which reuse their connections.
    pub steady: u16,
    /// Recorders that are killed meanwhile.
    pub kills: u32,
}

impl Plan {
    /// A million strangers.
    pub const WHOLE: Self = Self {
        strangers: 1_000_000,
        per_second: 3000,
        slots: 16_384,
        steady: 200,
        kills: 100,
    };

    /// Some seconds, for the tests. An eighth of the slots is free for what comes while a busy machine keeps
    /// the recorder waiting.
    pub const SHORT: Self = Self {
        strangers: 6000,
        per_second: 200,
        slots: 2048,
        steady: 40,
        kills: 5,
    };
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} strangers, {} a second, and {} steady peers in {} slots",
            self.strangers, self.per_second, self.steady, self.slots
        )
    }
}

/// `--window`. The steady peers have their verdicts after it.
const WINDOW: Duration = Duration::from_secs(10);

/// How often each process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Rotation keeps the recording within this.
const MAX_SIZE: &str = "64M";
const MAX_BYTES: u64 = 64 << 20;

/// One in this many peers may find no room: a busy machine may keep the recorder waiting for longer than the
/// table has room. They are counted, and all other checks hold.
const MAY_FIND_NO_ROOM: u64 = 100;

/// The recorders that are killed have room for fewer peers, so that some leave in the first second.
const KILLED_SLOTS: u32 = 512;

/// How long an answer may take; longer than a busy machine keeps anybody waiting.
const PATIENCE: Duration = Duration::from_secs(300);

/// Moves the calling thread into a new network namespace and runs everything there.
///
/// # Panics
/// If something cannot be started or ends early.
pub fn run(plan: Plan) -> Outcome {
    let namespace = Namespace::new();
    namespace.sysctl("net.ipv4.tcp_max_tw_buckets", "1000");
    namespace.run(&format!("ip -6 route add local {} dev lo", strangers::NETWORK));
    namespace.sysctl("net.ipv6.ip_nonlocal_bind", "1");
    let place = tempfile::tempdir().expect("a place for the recording");
    let evidence = place.path().join("evidence");
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let strangers = Strangers::prepare(plan);
    let ports = format!("{},{}", server.port(), strangers.ports());
    let window = format!("{}s", WINDOW.as_secs());
    let slots = plan.slots.to_string();
    let record = Recorder::start(
        &namespace,
        &evidence,
        &[
            &["--port", &ports, "--window", &window, "--max-peers", &slots][..],
            &["--max-size", MAX_SIZE, "--rotate", "--format", "json"],
        ]
        .concat(),
    );
    let steady = Steady::start(plan.steady, server.address);
    thread::sleep(WINDOW);
    let kernel_before = programs::map_bytes(record.pid());
    let mut watch = Watch::of(&[("record", record.pid())]);
    let begun = Instant::now();
    let work = strangers.begin();
    let few = KILLED_SLOTS.to_string();
    let killed = Killed::begin(
        plan.kills,
        &["--port", &ports, "--interval", "100ms", "--max-peers", &few],
    );
    let mut most_bytes = 0;
    while !work.is_over() {
        thread::sleep(LOOK_EVERY);
        // Until then there are more peers to know each second.
        if work.come() >= plan.slots {
            watch.look();
        }
        most_bytes = most_bytes.max(bytes_in(&evidence));
    }
    let opened_by_strangers = work.end();
    let killed = killed.end();
    let kernel_after = programs::map_bytes(record.pid());
    let rest = steady.stop();
    let opened = opened_by_strangers + rest.opened;
    let answer: Value = serde_json::from_str(&record.finish()).expect("its diagnosis");
    most_bytes = most_bytes.max(bytes_in(&evidence));
    let title = format!("{plan}: {opened} connections in {} s", begun.elapsed().as_secs());
    let mut outcome = Outcome::new(title, begun.elapsed(), opened, watch.finish());
    let dropped = count(&answer, "peers_dropped");
    outcome.counted("record", &answer, rest.held.len() as u64, dropped);
    // The list of those that found no room takes some while it is needed.
    outcome.expect(
        kernel_before == kernel_after || dropped > 0,
        &format!("the kernel's tables went from {kernel_before:?} to {kernel_after:?} bytes"),
    );
    outcome.note(&format!(
        "the kernel's tables take {} bytes",
        kernel_after.unwrap_or(0)
    ));
    outcome.expect(
        most_bytes <= MAX_BYTES,
        &format!("the recording took {most_bytes} bytes of {MAX_BYTES}"),
    );
    outcome.note(&format!("the recording took {most_bytes} bytes at most"));
    verdicts(&answer, &rest.peers, &mut outcome);
    left(&answer, plan, &mut outcome);
    whole(&evidence, &answer, &mut outcome);
    outcome.note(&format!(
        "{} recorders were killed, {} of them after peers had left",
        killed.killed, killed.with_left
    ));
    outcome.expect(
        killed.with_left > 0,
        "no recorder was killed after peers had left",
    );
    for complaint in killed.complaints {
        outcome.expect(false, &complaint);
    }
    outcome
}

fn count(answer: &Value, name: &str) -> u64 {
    answer["accounting"][name].as_u64().unwrap_or(0)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in ASCII")
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    // Rotation may remove one meanwhile.
    entries
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .sum()
}

/// Checks the verdicts on the steady peers: the last ones, and that none was ever another.
fn verdicts(answer: &Value, steady: &[(IpAddr, Behaviour)], outcome: &mut Outcome) {
    let empty = Vec::new();
    let list = |of: &'static str| answer[of].as_array().unwrap_or(&empty);
    for (address, behaviour) in steady {
        let name = address.to_string();
        let is_it = |one: &&Value| one["peer"] == name.as_str();
        let verdict = list("peers").iter().find(is_it).map(|peer| &peer["verdict"]);
        let verdict = verdict.and_then(Value::as_str).unwrap_or("none: it has left");
        outcome.expect(
            behaviour.deserves(verdict),
            &format!("{name}, which {behaviour}, has the verdict {verdict}"),
        );
        let mut accused = false;
        for change in list("changes").iter().filter(is_it) {
            let is = change["is"].as_str().unwrap_or_default();
            outcome.expect(
                behaviour.deserves(is) || !accused && is == UNDECIDED,
                &format!("{name}, which {behaviour}, had the verdict {is} for a while: {change}"),
            );
            accused |= behaviour.deserves(is);
        }
    }
    outcome.note(&format!(
        "{} steady peers have the verdicts they deserve",
        steady.len()
    ));
}

/// The verdict on a peer of which too little is known.
const UNDECIDED: &str = "insufficient-data";

/// Checks that the strangers left, and that what is listed fits the table.
fn left(answer: &Value, plan: Plan, outcome: &mut Outcome) {
    let (left, dropped) = (count(answer, "peers_left"), count(answer, "peers_dropped"));
    let listed = answer["peers"].as_array().map_or(0, Vec::len);
    let all = u64::from(plan.strangers) + u64::from(plan.steady);
    let told = format!("{left} peers have left, {listed} are listed and {dropped} found no room, of {all}");
    // Those of one IPv6 network are counted together, under the network's own slot, while there is hardly any
    // room.
    let apart = left + listed as u64 + dropped;
    outcome.expect(
        listed <= plan.slots as usize
            && all.abs_diff(apart) <= u64::from(plan.strangers / strangers::SIX)
            && dropped <= all / MAY_FIND_NO_ROOM,
        &told,
    );
    outcome.note(&format!("{} of them came together", all.saturating_sub(apart)));
    outcome.note(&told);
}

/// Checks that the recording is intact, and gives the same answer.
fn whole(evidence: &Path, answer: &Value, outcome: &mut Outcome) {
    let verified = program::run(&["verify", text(evidence)]);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    outcome.expect(verified.status.success(), &format!("verify: {said}"));
    let read = program::run(&["diagnose", "--from", text(evidence), "--format", "json"]);
    let read: Value = serde_json::from_slice(&read.stdout).unwrap_or_default();
    for part in ["accounting", "peers"] {
        outcome.expect(
            read[part] == answer[part],
            &format!("diagnose --from: {part} are others"),
        );
    }
}
