//! A soak test: hours of work condensed into minutes. `record`, `top` and `diagnose` run side by side over
//! traffic that never stops, with peers that come and go. Their resource use must not grow, and their counts
//! must match the traffic.

mod load;
mod outcome;
pub(crate) mod watch;

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

pub use self::outcome::{Outcome, Usage};
use self::{load::Load, watch::Watch};
use crate::{
    namespace::Namespace,
    program::{Trace, run},
    recorder::Recorder,
    terminal::OnTerminal,
};

/// Number of clients, each with its own address.
pub const CLIENTS: u16 = 950;

/// Clients that also use the careless server; each is a second peer there.
const CARELESS: u16 = 40;

/// `--max-peers` with room for hardly more than these peers.
const ROOM: &str = "1000";

/// `--max-peers` that is too small, so that dropped peers must be counted.
const LITTLE_ROOM: u16 = 100;

/// The recording is rotated at this size, which this traffic reaches within a minute.
const MAX_SIZE: &str = "4M";

/// The same in bytes: the limit is that of all files together.
const MAX_BYTES: u64 = 4 << 20;

/// Time after which every client has connected, and tables and buffers have reached their final size.
const WARM_UP: Duration = Duration::from_secs(30);

/// `--window`: shorter than the warm-up, so that the window's memory has reached its full size before
/// measuring begins.
const WINDOW: &str = "15s";

/// Interval between two readings of the processes' resource use.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Moves the calling thread into a new network namespace and runs everything there for `time`.
///
/// # Panics
/// If something cannot be started or ends early.
pub fn run_for(time: Duration) -> Outcome {
    let namespace = Namespace::new();
    // Otherwise connections in TIME_WAIT would use up the ports of a client's address.
    namespace.sysctl("net.ipv4.tcp_max_tw_buckets", "1000");
    let place = tempfile::tempdir().expect("a place for the recording");
    let evidence = place.path().join("evidence");
    let mut load = Load::prepare();
    let ports = load.ports();
    let little_room = LITTLE_ROOM.to_string();
    let with_room_for = |peers| ["--port", &ports, "--window", WINDOW, "--max-peers", peers];
    let common = with_room_for(ROOM);
    let diagnose = Trace::start(&namespace, &common);
    let stays = [&with_room_for(&little_room)[..], &["--retain", "never"]].concat();
    let crowded = Trace::start(&namespace, &stays);
    let recording = [
        &common[..],
        &["--max-size", MAX_SIZE, "--rotate", "--format", "json"],
    ]
    .concat();
    let record = Recorder::start(&namespace, &evidence, &recording);
    let mut top = OnTerminal::top(&namespace, &common, (120, 40));
    top.wait("the live view", |screen| screen.contains("peers"));

    let mut watch = Watch::of(&[
        ("record", record.pid()),
        ("top", top.pid()),
        ("diagnose", diagnose.pid()),
        ("diagnose, map full", crowded.pid()),
    ]);
    load.begin();
    let begun = Instant::now();
    while begun.elapsed() < time {
        thread::sleep(LOOK_EVERY);
        if begun.elapsed() >= WARM_UP.min(time / 3) {
            watch.look();
        }
    }
    let opened = load.end();

    // The view is updated once a second; wait for two updates.
    thread::sleep(Duration::from_millis(2500));
    let screen = top.text();
    top.type_in("q");
    let title = format!(
        "{opened} connections of {CLIENTS} clients in {} s",
        time.as_secs()
    );
    let mut outcome = Outcome::new(title, time, opened, watch.finish());
    outcome.expect(top.end().success(), "top ended badly");
    outcome.expect(top.is_as_before(), "top left the terminal changed");
    outcome.expect(
        screen.contains("lost 0, drift 0"),
        &format!("top shows losses or drift:\n{screen}"),
    );
    outcome.counted("diagnose", &diagnose.finish().0, 0, 0);
    outcome.counted(
        "diagnose, map full",
        &crowded.finish().0,
        0,
        u64::from(CLIENTS + CARELESS - LITTLE_ROOM),
    );
    let answer = serde_json::from_str(&record.finish()).expect("its diagnosis");
    outcome.counted("record", &answer, 0, 0);
    recorded(&evidence, &mut outcome);
    outcome
}

/// Checks that the recording is intact, bounded in size, and free of drift in every interval.
fn recorded(evidence: &Path, outcome: &mut Outcome) {
    let path = evidence.to_str().expect("a path in ASCII");
    let verified = run(&["verify", path]);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    outcome.expect(verified.status.success(), &format!("verify: {said}"));
    let (mut bytes, mut intervals) = (0, 0);
    for file in fs::read_dir(evidence).expect("the recording").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        bytes += file.metadata().expect("a file's size").len();
        if name.starts_with("intervals") {
            let mut journal = fs::read(file.path()).expect("the journal");
            if name.ends_with(".zst") {
                journal = zstd::decode_all(&journal[..]).expect("a compressed journal");
            }
            for line in String::from_utf8_lossy(&journal).lines() {
                intervals += 1;
                let line: Value = serde_json::from_str(line).expect("a line of the journal");
                let drift = &line["accounting"]["drift"];
                outcome.expect(drift == 0, &format!("drift {drift} at {}", line["at"]));
            }
        }
    }
    outcome.note(&format!("{intervals} intervals in {bytes} bytes are kept"));
    outcome.expect(bytes <= MAX_BYTES, &format!("{bytes} bytes are kept"));
}
