//! `state.json`: the last complete sample and its history, so that a diagnosis made from a recording equals
//! the live one.
//!
//! While a recording runs, `state.json` is a snapshot, and `state.delta` is a later state compressed with
//! that snapshot at hand: a few hundred bytes where little has changed.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::{DELTA, Folder, STATE, error::EvidenceError};
use crate::{
    diagnosis::{Judge, Memory, Options},
    model::{
        figure::Table,
        history::History,
        sample::{Moment, Sample},
        socket::{Connection, Since},
    },
    text::sanitise,
};

/// Name and version of the layout.
const SCHEMA: &str = "tcpreuse.state/1";

/// Maximum size of a state, bytes: 100,000 peers with one connection each take some 80 MB.
pub(super) const MAX_STATE: u64 = 256 << 20;

/// Level of compression of a difference.
const LEVEL: i32 = 3;

/// Larger counts are not plausible; sums of many such counts still fit.
const MAX_COUNT: u64 = 1 << 44;

/// Longer times are not plausible: 146 years.
const MAX_NS: u64 = 1 << 62;

/// The contents of the file.
#[derive(Debug, Serialize, Deserialize)]
pub struct State {
    schema: String,
    /// The recording it belongs to.
    pub session: u64,
    /// The interval of that recording.
    pub interval: u64,
    /// Everything known at its end.
    pub sample: Sample,
    /// The run up to it.
    history: History,
    /// The verdicts so far.
    #[serde(default)]
    memory: Memory,
    /// The options of the diagnosis.
    pub options: Options,
}

/// The same, borrowed for writing.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StateRef<'a> {
    schema: &'static str,
    session: u64,
    interval: u64,
    sample: &'a Sample,
    history: &'a History,
    memory: &'a Memory,
    options: &'a Options,
}

impl<'a> StateRef<'a> {
    /// Combines the parts.
    pub fn new(
        (session, interval): (u64, u64),
        sample: &'a Sample,
        judge: &'a Judge,
        options: &'a Options,
    ) -> Self {
        Self {
            schema: SCHEMA,
            session,
            interval,
            sample,
            history: judge.history(),
            memory: judge.memory(),
            options,
        }
    }

    /// The contents of the file.
    ///
    /// # Errors
    /// Never, unless a value cannot be represented in JSON.
    pub fn bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

impl State {
    /// The run up to it, with the verdicts so far.
    pub fn judge(&self) -> Judge {
        Judge::of(self.history.clone(), self.memory.clone())
    }

    /// The run up to it.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The sample, its judge and the options, without a copy.
    pub fn into_parts(self) -> (Sample, Judge, Options) {
        (self.sample, Judge::of(self.history, self.memory), self.options)
    }

    /// Reads it.
    ///
    /// # Errors
    /// If it does not exist, is damaged, or contains implausible values.
    pub fn read(folder: &Folder) -> Result<Self, EvidenceError> {
        let snapshot = folder.read(STATE, MAX_STATE)?;
        let later = folder.read(DELTA, MAX_STATE).ok();
        // One that was made with another snapshot, or is damaged, does not pass its own checksum.
        let later = later.and_then(|delta| Self::parse(&apply(&snapshot, &delta).ok()?).ok());
        match later {
            Some(state) => Ok(state),
            None => Self::parse(&snapshot).map_err(|what| EvidenceError::new(&folder.path_of(STATE), what)),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut state: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("is not a valid state: {error}"))?;
        if state.schema != SCHEMA {
            return Err("has another schema".to_owned());
        }
        if !is_possible(&state.sample)
            || !state.history.is_possible()
            || !state.options.thresholds.are_possible()
        {
            return Err("contains impossible numbers".to_owned());
        }
        for name in state.sample.names.values_mut() {
            *name = sanitise(name);
        }
        for workload in state.sample.workloads.values_mut() {
            workload.sanitise();
        }
        for listener in &mut state.sample.sockets.listeners {
            listener.owner.sanitise();
        }
        if let Some(workers) = &mut state.options.workers {
            workers.sanitise();
        }
        state.memory.sanitise();
        Ok(state)
    }
}

/// A state, compressed with a snapshot at hand.
pub(super) fn delta(snapshot: &[u8], state: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::with_ref_prefix(Vec::new(), LEVEL, snapshot)?;
    encoder.window_log(window_log(snapshot.len() + state.len()))?;
    encoder.long_distance_matching(true)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(state.len() as u64))?;
    encoder.write_all(state)?;
    encoder.finish()
}

/// The state that was compressed with this snapshot at hand.
fn apply(snapshot: &[u8], delta: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoder = zstd::Decoder::with_ref_prefix(delta, snapshot)?;
    // A frame may not ask for more memory than a state takes.
    decoder.window_log_max(window_log(
        snapshot.len() + usize::try_from(MAX_STATE).unwrap_or(usize::MAX),
    ))?;
    let mut state = Vec::new();
    decoder.take(MAX_STATE + 1).read_to_end(&mut state)?;
    match state.len() as u64 > MAX_STATE {
        true => Err(io::Error::other("larger than a state can be")),
        false => Ok(state),
    }
}

/// How far back a match may lie, so that all of the snapshot is within reach, as a power of two.
fn window_log(bytes: usize) -> u32 {
    bytes.next_power_of_two().trailing_zeros().clamp(10, 30)
}

/// Whether all numbers are small enough that no sum over them overflows.
fn is_possible(sample: &Sample) -> bool {
    let totals = sample.accounting.totals;
    let losses = sample.losses;
    let counts = [
        totals.seeded,
        totals.opened,
        totals.closed,
        sample.accounting.open_now,
        sample.accounting.peers_left,
        losses.peers_dropped,
        losses.peers_dropped_unlisted,
        losses.connections_unattributed,
        losses.connections_dropped,
        losses.records_lost,
        losses.records_raced,
        losses.programs_skipped,
        losses.reads_skipped,
        losses.namespaces_skipped,
        losses.rows_not_written,
        losses.listeners_forgotten,
        losses.names_forgotten,
    ];
    let drift = sample.accounting.drift.unwrap_or(0).unsigned_abs();
    counts.iter().chain([&drift]).all(|n| *n <= MAX_COUNT)
        && [sample.started, sample.taken].into_iter().all(moment)
        && sample.peers.iter().all(|peer| peer.counters.are_possible())
        && sample.unattributed.are_possible()
        && sample.sockets.connections.iter().all(connection)
        && sample
            .sockets
            .listeners
            .iter()
            .all(|listener| listener.backlog.are_possible())
}

fn moment(moment: Moment) -> bool {
    moment.monotonic_ns <= MAX_NS && moment.utc_ns.unsigned_abs() <= u128::from(u64::MAX)
}

fn connection(connection: &Connection) -> bool {
    let since = match connection.since {
        Since::Opened(ns) | Since::Seeded(ns) => ns,
        Since::Unknown => 0,
    };
    let times = [
        since,
        connection.close_wait_since_ns.unwrap_or(0),
        connection.idle_ns,
        connection.heard_ns,
    ];
    times.into_iter().all(|ns| ns <= MAX_NS)
        && (connection.bytes_received | connection.bytes_sent) >> 8 <= MAX_COUNT
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        report::example::{origin, sample},
        report::json,
    };

    fn example() -> Vec<u8> {
        let (sample, options) = (sample(), Options::default());
        let mut judge = Judge::default();
        judge.look(&sample, &options);
        StateRef::new((1, 60), &sample, &judge, &options).bytes().unwrap()
    }

    fn report(sample: &Sample, judge: &Judge, options: &Options) -> String {
        let mut out = Vec::new();
        json::write(&mut out, &judge.again(sample, options), &origin()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_diagnosis_is_the_same_byte_for_byte() {
        let live = sample();
        let state = State::parse(&example()).unwrap();
        assert_eq!(state.sample, live);
        let (mut judge, options) = (Judge::default(), Options::default());
        let said = judge.look(&live, &options);
        let mut out = Vec::new();
        json::write(&mut out, &said, &origin()).unwrap();
        assert_eq!(
            report(&state.sample, &state.judge(), &state.options),
            String::from_utf8(out).unwrap()
        );
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let text = String::from_utf8(example()).unwrap();
        for (from, to) in [
            ("\"open_now\":9", "\"open_now\":18446744073709551615"),
            ("\"opened\":54", "\"opened\":18446744073709551615"),
            ("\"bytes_sent\":12000", "\"bytes_sent\":18446744073709551615"),
            ("\"idle_ns\":100000000", "\"idle_ns\":18446744073709551615"),
        ] {
            assert!(text.contains(from), "{from} in {text}");
            let error = State::parse(text.replace(from, to).as_bytes()).unwrap_err();
            assert!(error.contains("impossible numbers"), "{error}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert!(State::parse(deep.as_bytes()).is_err());
        let hidden = format!(r#"{{"schema":"{SCHEMA}","unknown":{deep}}}"#);
        assert!(State::parse(hidden.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn a_damaged_state_is_an_error_or_can_be_diagnosed(at: prop::sample::Index, byte: u8) {
            let mut bytes = example();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(state) = State::parse(&bytes) {
                let _ = report(&state.sample, &state.judge(), &state.options);
            }
        }

        #[test]
        fn a_cut_state_is_an_error(at: prop::sample::Index) {
            let bytes = example();
            prop_assert!(State::parse(&bytes[..at.index(bytes.len())]).is_err());
        }
    }
}
