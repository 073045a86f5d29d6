//! Turns samples into snapshots, keeping what a single sample does not show. Pure: time comes with the
//! samples, so live and recorded ones are treated alike.

mod film;
mod log;
mod numbers;
pub(crate) mod past;
mod rates;
mod trend;

use std::{cmp::Reverse, collections::VecDeque, sync::Arc, time::Duration};

use hashbrown::HashMap;

pub(crate) use self::log::words as change_in_words;
pub use self::{
    film::{Film, Frame},
    numbers::Numbers,
};
use self::{log::Log, past::Past, rates::Rates, trend::Trends};
use super::{
    fit::visible,
    playback::Playback,
    row::{Row, States},
    snapshot::{Point, Snapshot, Socket},
};
pub use crate::filter::Prefixes;
use crate::{
    diagnosis::{Judge, Judged, Observer, Options, Packed, Verdict, diagnose, words},
    memory::room_for,
    model::{
        ended::Ended,
        history::History,
        owner::Process,
        peer::PeerId,
        sample::{Moment, Sample},
        socket::State,
    },
    report::text,
};

/// How long the charts reach back.
pub const COURSE: Duration = Duration::from_secs(600);

/// Maximum number of points in the chart; beyond it, every other one is dropped.
const MAX_POINTS: usize = 1200;

/// What a feed delivers for one moment.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Everything known now.
    pub sample: Sample,
    /// Records of connections that ended since the last batch.
    pub ended: Vec<Ended>,
    /// What the diagnosis needs beside the counters.
    pub options: Options,
    /// Other events, one line each.
    pub notes: Vec<String>,
    /// What only a recording knows.
    pub replayed: Option<Box<Replayed>>,
}

/// What the feed of a recording knows beside the sample.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The whole run up to the sample, shown or not, with the verdicts so far.
    pub judge: Judge,
    /// How it continues from the previous batch.
    pub link: Link,
    /// The chart between the two.
    pub course: Vec<Point>,
    /// The position in the recording.
    pub playback: Playback,
}

/// How a batch of a recording continues from the previous one.
#[derive(Clone, Debug)]
pub enum Link {
    /// It is later.
    Follows,
    /// It is the first of the recording, on the first or a later pass.
    Begins,
    /// It is earlier. The sample before it in the recording gives the rates.
    Back(Box<Sample>),
}

/// Makes snapshots.
#[derive(Debug)]
pub struct Keeper {
    prefixes: Prefixes,
    window_ns: Option<u64>,
    judge: Judge,
    numbers: Numbers,
    rates: Rates,
    trends: Trends,
    /// Changes between the diagnoses of a recording whose judge has not been used before.
    observer: Observer,
    has_begun: bool,
    past: Past,
    film: Film,
    course: VecDeque<Point>,
    log: Log,
}

impl Keeper {
    /// Empty so far. What happened in the last `window_ns` is judged, or else the whole run.
    pub fn new(prefixes: Prefixes, window_ns: Option<u64>) -> Self {
        Self {
            prefixes,
            window_ns,
            judge: Judge::new(window_ns),
            numbers: Numbers::default(),
            rates: Rates::default(),
            trends: Trends::new(window_ns),
            observer: Observer::default(),
            has_begun: false,
            past: Past::new(prefixes),
            film: Film::default(),
            course: VecDeque::new(),
            log: Log::default(),
        }
    }

    /// Takes in a batch. Batches come in the order of their samples.
    pub fn add(&mut self, batch: Batch) -> Snapshot {
        let Batch {
            mut sample,
            ended,
            options,
            notes,
            replayed,
        } = batch;
        let mut playback = None;
        let mut is_back = false;
        let judge = replayed.map(|replayed| {
            let has_jumped = !matches!(replayed.link, Link::Follows);
            is_back = self.rewind(&replayed.link, sample.taken);
            if has_jumped {
                self.number(&sample);
                let window = replayed.judge.history().window();
                self.trends.refill(window, &sample, &self.numbers);
            }
            self.course.extend(replayed.course);
            playback = Some(replayed.playback);
            replayed.judge
        });
        self.count_opens(&sample);
        self.trends.add(&sample, &self.numbers);
        self.past.add(ended);
        self.past.follow(&sample);
        self.chart(&sample);
        // Of each slot that has live sockets: their states, and its peer once that is judged.
        let mut slots: HashMap<u32, (States, Option<(PeerId, Verdict)>)> = HashMap::new();
        for connection in &sample.sockets.connections {
            if let Some(slot) = connection.slot {
                slots.entry(slot).or_default().0.add(connection);
            }
        }
        let mut owners = Owners::default();
        let mut rows: Vec<Row> = room_for(sample.peers.len());
        let mut judged = Packed::default();
        let each = |peer: Judged| {
            let mut states = States::default();
            if let Some(of_slot) = slots.get_mut(&peer.slot) {
                states = of_slot.0;
                of_slot.1 = Some((peer.id, peer.finding.verdict));
            }
            let owner = owners.name(peer.id, peer.figures.owner.as_deref());
            rows.push(Row {
                trend: self.trends.of(self.numbers.get(peer.id)),
                ..Row::of(&peer, self.rates.of(peer.id, &self.numbers), states, owner)
            });
            judged.push(peer);
        };
        let (diagnosis, briefs) = match &judge {
            None => self.judge.look_at_each(&mut sample, &options, each),
            Some(judge) => {
                let (mut diagnosis, briefs) = judge.again_at_each(&mut sample, &options, each);
                let remembered = (diagnosis.changes.clone(), diagnosis.changes_dropped);
                match is_back {
                    true => self.observer.go_back(&mut diagnosis, &briefs),
                    false => self.observer.look(&mut diagnosis, &briefs),
                }
                // A judge that takes its verdicts from the rows does not know how they changed.
                if judge.has_spoken() && playback.is_some_and(|playback| !playback.as_recorded) {
                    (diagnosis.changes, diagnosis.changes_dropped) = remembered;
                }
                (diagnosis, briefs)
            }
        };
        let judge = judge.as_ref().unwrap_or(&self.judge);
        self.film
            .add(&diagnosis, &briefs, &self.numbers, judge.history().window());
        for (rank, brief) in briefs.iter().enumerate() {
            if let Some(row) = rows.get_mut(brief.place as usize) {
                row.rank = rank;
            }
        }
        rows.sort_unstable_by_key(|row| row.rank);
        judged.order(briefs.iter().map(|brief| brief.place));
        if !std::mem::replace(&mut self.has_begun, true) {
            let seeded = words::count(diagnosis.accounting.totals.seeded, "connection", "connections");
            self.log
                .note(sample.taken, format!("tracing began with {seeded} open"));
        }
        for note in notes {
            self.log.note(sample.taken, note);
        }
        self.log.tell(&diagnosis.changes, &options.names);
        Snapshot {
            headline: text::headline(&diagnosis),
            judged,
            diagnosis,
            rows,
            sockets: sockets(sample, |slot| slots.get(&slot)?.1),
            opens_per_s: self.rates.total(),
            course: self.course.iter().copied().collect(),
            log: self.log.lines(),
            past: self.past.shared(),
            playback,
            slowed: None,
        }
    }

    /// The judge of the run, except for a recording, which brings its own.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// The verdicts and listeners at the moments the judge still remembers.
    pub fn film(&self) -> &Film {
        &self.film
    }

    /// The number of each peer in the film.
    pub fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// From now on, judges only what comes after the newest sample.
    pub fn begin_anew(&mut self) {
        self.judge.begin_anew();
    }

    /// The connections ended by then whose records are kept, oldest first.
    pub fn ended(&self, by_ns: u64) -> Vec<Ended> {
        let mut ended = self.past.all();
        ended.retain(|one| one.closed_ns <= by_ns);
        ended.sort_by_key(|one| one.closed_ns);
        ended
    }

    /// The snapshot before the first sample.
    pub fn nothing(at: Moment) -> Snapshot {
        let sample = Sample::empty(at);
        let diagnosis = diagnose(&sample, &History::new(), &Options::default());
        Snapshot {
            headline: text::headline(&diagnosis),
            judged: Packed::default(),
            diagnosis,
            rows: Vec::new(),
            sockets: Vec::new(),
            opens_per_s: None,
            course: Vec::new(),
            log: Arc::default(),
            past: HashMap::new(),
            playback: None,
            slowed: None,
        }
    }

    /// Forgets what came after an earlier moment, since it will come again. The log from before that moment
    /// stays. Returns whether something came before it.
    fn rewind(&mut self, link: &Link, to: Moment) -> bool {
        let seen = match link {
            Link::Follows => return false,
            Link::Begins | Link::Back(_) => {
                let anew = Self::new(self.prefixes, self.window_ns);
                std::mem::replace(self, anew)
            }
        };
        let Link::Back(before) = link else {
            return false;
        };
        // What was seen on the way to that moment has still happened.
        (self.observer, self.log, self.has_begun) = (seen.observer, seen.log, true);
        self.log.rewind(to);
        self.count_opens(before);
        true
    }

    fn number(&mut self, sample: &Sample) {
        if let Some(renumbered) = self.numbers.add(sample) {
            self.rates.renumber(&renumbered);
            self.film.renumber(&renumbered);
            self.trends.renumber(&renumbered);
        }
    }

    /// Numbers the peers of a sample, and notes how many connections they have opened.
    fn count_opens(&mut self, sample: &Sample) {
        self.number(sample);
        self.rates.add(sample, &self.numbers);
    }

    fn chart(&mut self, sample: &Sample) {
        let now = sample.taken.monotonic_ns;
        let point = Point {
            at_ns: now,
            open: sample.accounting.open_now,
            close_wait: close_wait(sample),
        };
        self.course.push_back(point);
        let old = |point: &Point| u128::from(now.saturating_sub(point.at_ns)) > COURSE.as_nanos();
        while self.course.front().is_some_and(old) {
            self.course.pop_front();
        }
        if self.course.len() > MAX_POINTS {
            let mut keep = false;
            self.course.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }
}

fn close_wait(sample: &Sample) -> u64 {
    let all = sample.peers.iter().map(|peer| &peer.counters);
    all.chain([&sample.unattributed])
        .map(|counters| counters.close_wait_now)
        .sum()
}

/// Process names as shown in rows. They are shared, since a few processes have thousands of connections.
#[derive(Default)]
struct Owners(HashMap<u32, Arc<str>>);

impl Owners {
    fn name(&mut self, id: PeerId, owner: Option<&Process>) -> Arc<str> {
        let (pid, text): (u32, &dyn Fn() -> Arc<str>) = match owner {
            // One of several processes, so its number says nothing.
            Some(owner) if id.program.is_some() => return visible(&owner.comm).into(),
            Some(owner) => (owner.pid, &|| visible(&words::process(owner)).into()),
            None => (0, &|| "".into()),
        };
        Arc::clone(self.0.entry(pid).or_insert_with(text))
    }
}

/// The live connections: those in CLOSE_WAIT first, then the oldest.
fn sockets(mut sample: Sample, peer_of: impl Fn(u32) -> Option<(PeerId, Verdict)>) -> Vec<Socket> {
    let now = sample.taken;
    let mut connections = std::mem::take(&mut sample.sockets.connections);
    // Known values sort before unknown ones.
    let known = |ns: Option<u64>| ns.map_or(0, |ns| ns.saturating_add(1));
    connections.sort_by_cached_key(|connection| {
        (
            connection.state != State::CloseWait,
            Reverse(known(connection.close_wait_ns(now))),
            Reverse(known(connection.age_ns(now).map(|(ns, _)| ns))),
            connection.remote,
            connection.local,
        )
    });
    let mut owners: HashMap<u32, Option<Arc<Process>>> = HashMap::new();
    connections
        .into_iter()
        .map(|connection| Socket {
            peer: connection.slot.and_then(&peer_of),
            owner: connection.owner.and_then(|pid| {
                let named = owners.entry(pid);
                named.or_insert_with(|| sample.process(pid).map(Arc::new)).clone()
            }),
            connection,
        })
        .collect()
}

#[cfg(test)]
mod tests;
