//! Recorders that are killed while peers leave: what they wrote is whole, and answers as they did.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;

use super::text;
use crate::{namespace::Namespace, program, random::Random, recorder::Recorder};

/// They live up to this long, in which peers come and leave.
const LIFE_MS: u64 = 4000;

/// One recorder after the other, in a thread.
pub(super) struct Killed {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Found>,
}

/// What was found in their recordings.
#[derive(Default)]
pub(super) struct Found {
    pub(super) killed: u32,
    /// Those that had written an interval in which peers had left.
    pub(super) with_left: u32,
    pub(super) complaints: Vec<String>,
}

impl Killed {
    /// Starts and kills up to this many recorders.
    pub(super) fn begin(most: u32, args: &[&str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let is_over = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let namespace = Namespace::current();
            let (mut found, mut random) = (Found::default(), Random::new(11));
            while found.killed < most && !is_over.load(Ordering::Relaxed) {
                let place = tempfile::tempdir().expect("a place for the recording");
                let evidence = place.path().join("evidence");
                let recorder = Recorder::start(&namespace, &evidence, &args);
                thread::sleep(Duration::from_millis(random.below(LIFE_MS)));
                recorder.signal(Signal::KILL);
                drop(recorder);
                found.killed += 1;
                let number = found.killed;
                match check(&evidence) {
                    Ok(left) => found.with_left += u32::from(left > 0),
                    Err(what) => found.complaints.push(format!("killed recorder {number}: {what}")),
                }
            }
            found
        });
        Self { stop, thread }
    }

    /// Ends with the current one.
    pub(super) fn end(self) -> Found {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a thread without a surprise")
    }
}

/// Checks a recording, and returns how many peers had left by its last interval.
fn check(evidence: &Path) -> Result<u64, String> {
    let verified = program::run(&["verify", text(evidence)]);
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    if !verified.status.success() {
        return Err(format!("verify: {said}"));
    }
    let journal = fs::read_to_string(evidence.join("intervals.jsonl")).unwrap_or_default();
    let whole = journal.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let Some(last) = whole.lines().last() else {
        // It had no time for an interval.
        return Ok(0);
    };
    let last: Value = serde_json::from_str(last).map_err(|error| error.to_string())?;
    if !said.contains(&format!("intact up to interval {},", last["interval"])) {
        return Err(format!("not intact up to interval {}: {said}", last["interval"]));
    }
    let answer = program::run(&["diagnose", "--from", text(evidence), "--format", "json"]);
    let answer: Value = serde_json::from_slice(&answer.stdout).map_err(|error| {
        format!(
            "diagnose --from: {error}: {}",
            String::from_utf8_lossy(&answer.stderr)
        )
    })?;
    for count in ["seeded", "opened", "closed", "peers_left"] {
        let wanted = match count {
            "peers_left" => &last["accounting"][count],
            _ => &last["accounting"]["totals"][count],
        };
        let is = &answer["accounting"][count];
        if is != wanted {
            return Err(format!("{count} is {is}, and was {wanted}"));
        }
    }
    let (wanted, is) = (said_by_rows(evidence, whole)?, said_by_answer(&answer));
    if wanted == is {
        return Ok(last["accounting"]["peers_left"].as_u64().unwrap_or(0));
    }
    let differ = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| {
        let mut others = a.iter().filter(|(peer, said)| b.get(*peer) != Some(said));
        let first = others.next().map(|(peer, said)| format!("{peer} {said}"));
        format!(
            "{} (first: {first:?})",
            usize::from(first.is_some()) + others.count()
        )
    };
    Err(format!(
        "of {} peers recorded {} are others in the diagnosis; of its {} {} are others",
        wanted.len(),
        differ(&wanted, &is),
        is.len(),
        differ(&is, &wanted)
    ))
}

/// The verdict on each peer that is listed at the end of a journal.
fn said_by_rows(evidence: &Path, journal: &str) -> Result<BTreeMap<String, String>, String> {
    let file = fs::read_to_string(evidence.join("peers.csv")).map_err(|error| error.to_string())?;
    let mut lines = file.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |name: &str| {
        let place = header.iter().position(|column| *column == name);
        place.ok_or_else(|| format!("peers.csv has no column {name}"))
    };
    let (peer, verdict, left) = (column("peer")?, column("verdict")?, column("left")?);
    let (mut said, mut read) = (BTreeMap::new(), 0);
    for interval in journal.lines() {
        let interval: Value = serde_json::from_str(interval).map_err(|error| error.to_string())?;
        if interval["changes"] != true {
            // A key frame has all that are listed.
            said.clear();
        }
        let end = interval
            .pointer("/peers/rows")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        let here = usize::try_from(end - read).map_err(|error| error.to_string())?;
        read = end;
        for row in lines.by_ref().take(here) {
            let cells: Vec<&str> = row.split(',').collect();
            let cell = |place: usize| cells.get(place).copied().unwrap_or_default();
            match cell(left) {
                "true" => said.remove(cell(peer)),
                _ => said.insert(cell(peer).to_owned(), cell(verdict).to_owned()),
            };
        }
    }
    Ok(said)
}

fn said_by_answer(answer: &Value) -> BTreeMap<String, String> {
    let word = |of: &Value| of.as_str().unwrap_or_default().to_owned();
    let peers = answer["peers"].as_array().into_iter().flatten();
    peers
        .map(|peer| (word(&peer["peer"]), word(&peer["verdict"])))
        .collect()
}
