//! Why: for each cause the picture that tells it from others, beside peers of the same services that reuse.

use maud::{Markup, html};
use tracer_ebpf::buckets::{
    HELD_BUCKETS, TIME_BUCKETS, TURN_BUCKETS, held_bucket, held_floor, time_bucket, time_range, turn_bucket,
    turn_floor,
};

use super::{Material, answer, course::capital, figure, material::Sum, short, svg::Bars, table};
use crate::{
    diagnosis::{
        Diagnosis, Learned, Service, Verdict,
        words::{count, duration, number},
    },
    model::{durations::Durations, peer::Counters},
    units::MS,
};

/// A chart is at least one range wider than this, so that a single bar does not fill it.
const FEW: usize = 5;

/// What a picture shows of a peer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Picture {
    Idle,
    Gap,
    Pause,
    Hold,
    GiveUp,
    Lifetime,
    Requests,
    HeldAtOpen,
    Waiting,
}

/// The pictures of a cause, the most telling first.
fn pictures(verdict: Verdict) -> &'static [Picture] {
    match verdict {
        Verdict::ServerIdleClose => &[Picture::Idle, Picture::Pause, Picture::Gap],
        Verdict::ClientIdleClose | Verdict::PathCut => &[Picture::Idle, Picture::Pause],
        Verdict::RequestLimitClose => &[Picture::Requests, Picture::Idle],
        Verdict::LifetimeClose => &[Picture::Lifetime, Picture::Idle],
        Verdict::FreshPerRequest | Verdict::HandshakeFailed => &[Picture::Requests, Picture::Idle],
        Verdict::PoolOverflow => &[Picture::HeldAtOpen, Picture::Lifetime],
        Verdict::PilingUp | Verdict::Abandoned | Verdict::HalfOpen | Verdict::ManyHeld => {
            &[Picture::HeldAtOpen]
        }
        Verdict::NeverAccepted => &[Picture::HeldAtOpen, Picture::Hold],
        Verdict::CloseWaitLeak => &[Picture::Waiting],
        Verdict::EarlyAbort => &[Picture::GiveUp],
        Verdict::ServerClose | Verdict::ClientClose => &[Picture::Lifetime, Picture::Requests],
        Verdict::Reusing | Verdict::Stray | Verdict::InsufficientData => &[],
    }
}

/// How often each of several ranges was counted.
struct Counted {
    all: Vec<u32>,
    kind: Ranges,
}

/// The ranges of a histogram.
#[derive(Clone, Copy)]
enum Ranges {
    Time,
    Turns,
    Held,
}

impl Ranges {
    /// The lower edge of a range, in words.
    fn edge(self, range: usize) -> String {
        let range = u32::try_from(range).unwrap_or(0);
        match self {
            Self::Time => match time_range(range).0 {
                0 => "0".to_owned(),
                // Here the ranges are narrower than what words tell apart.
                low if low < 10 * MS => format!("{:.1} ms", low as f64 / MS as f64),
                low => duration(low),
            },
            Self::Turns => number(turn_floor(range).into()),
            Self::Held => number(held_floor(range).into()),
        }
    }

    /// A whole range, in words.
    fn range(self, range: usize) -> String {
        let next = u64::from(match self {
            Self::Time => 0,
            Self::Turns => turn_floor(u32::try_from(range + 1).unwrap_or(0)),
            Self::Held => held_floor(u32::try_from(range + 1).unwrap_or(0)),
        });
        let is_last = range + 1 == self.count();
        match self {
            _ if is_last => format!("{} and more", self.edge(range)),
            Self::Time => format!("{} to {}", self.edge(range), self.edge(range + 1)),
            Self::Turns | Self::Held if self.edge(range) == number(next.saturating_sub(1)) => {
                self.edge(range)
            }
            Self::Turns | Self::Held => format!("{} to {}", self.edge(range), number(next.saturating_sub(1))),
        }
    }

    fn count(self) -> usize {
        match self {
            Self::Time => TIME_BUCKETS,
            Self::Turns => TURN_BUCKETS,
            Self::Held => HELD_BUCKETS,
        }
    }

    /// Where a value lies, in ranges from the first.
    fn place(self, value: u64) -> f64 {
        let narrow = u32::try_from(value).unwrap_or(u32::MAX);
        match self {
            Self::Time => {
                let range = time_bucket(value);
                let (low, high) = time_range(range);
                f64::from(range) + (value.saturating_sub(low)) as f64 / (high - low).max(1) as f64
            }
            Self::Turns => f64::from(turn_bucket(narrow)) + 0.5,
            // What is held beyond it begins there.
            Self::Held => f64::from(held_bucket(narrow)),
        }
    }
}

impl Counted {
    fn times(durations: &Durations) -> Self {
        Self {
            all: durations.buckets.all().to_vec(),
            kind: Ranges::Time,
        }
    }

    fn total(&self) -> u64 {
        self.all.iter().map(|n| u64::from(*n)).sum()
    }
}

/// A value to point out.
type Constant = (u64, String);

impl Picture {
    fn title(self) -> &'static str {
        match self {
            Self::Idle => "How long connections were idle before they were closed",
            Self::Gap => "How long peers then had no connection",
            Self::Pause => "How long clients pause between requests on one connection",
            Self::Hold => "How long requests waited for their answer",
            Self::GiveUp => "When clients give up, against how long requests are held",
            Self::Lifetime => "How long connections lived",
            Self::Requests => "Requests per connection",
            Self::HeldAtOpen => "Connections that a peer held already when it opened another",
            Self::Waiting => "How long connections have been in CLOSE_WAIT, against those that left it",
        }
    }

    fn counted(self, sum: &Sum) -> Counted {
        let counters: &Counters = &sum.counters;
        match self {
            Self::Idle | Self::GiveUp => Counted::times(&counters.idle),
            Self::Gap => Counted::times(&counters.gap),
            Self::Pause => Counted::times(&counters.pause),
            Self::Hold => Counted::times(&counters.hold),
            Self::Lifetime => Counted::times(&counters.lifetime),
            Self::Waiting => Counted::times(&sum.waiting),
            Self::Requests => Counted {
                all: counters.turns.buckets.all().to_vec(),
                kind: Ranges::Turns,
            },
            Self::HeldAtOpen => Counted {
                all: counters.opens_by_held.all().to_vec(),
                kind: Ranges::Held,
            },
        }
    }

    /// What it is compared with.
    fn compared(self, sums: &Sums) -> (Counted, &'static str) {
        match self {
            Self::GiveUp => (
                Counted::times(&sums.all.counters.hold),
                "holds of answered requests",
            ),
            Self::Waiting => (
                Counted::times(&sums.all.counters.close_wait),
                "those that left it",
            ),
            _ => (self.counted(&sums.good), "peers that reuse"),
        }
    }

    fn accused(self) -> &'static str {
        match self {
            Self::GiveUp => "idle before the client gave up",
            Self::Waiting => "in CLOSE_WAIT now",
            _ => "accused peers",
        }
    }

    /// What to mark.
    fn constants(self, diagnosis: &Diagnosis, learned: &Learned) -> Vec<Constant> {
        let timeout = learned
            .keepalive_given_ns
            .or(learned.keepalive.map(|constant| constant.value))
            .map(|ns| (ns, format!("keep-alive timeout {}", duration(ns))));
        let hold = diagnosis
            .options
            .hold_ns
            .map(|ns| (ns, format!("--hold {}", duration(ns))));
        let found = match self {
            Self::Idle | Self::Pause | Self::Gap => timeout,
            Self::Hold | Self::GiveUp | Self::Waiting => hold,
            Self::Lifetime => learned
                .age
                .map(|age| (age.value, format!("age {}", duration(age.value)))),
            Self::Requests => learned
                .request_limit
                .map(|limit| (limit.value, format!("limit {}", number(limit.value)))),
            Self::HeldAtOpen => {
                let expected = u64::from(diagnosis.expected.connections);
                Some((expected, format!("expected {}", number(expected))))
            }
        };
        found.into_iter().collect()
    }
}

/// The sums that a cause is about.
#[derive(Default)]
struct Sums {
    accused: Sum,
    /// Of the same services, those that reuse.
    good: Sum,
    /// Of the same services, all.
    all: Sum,
}

impl Sums {
    fn of(material: &Material, verdict: Verdict) -> Self {
        let theirs: Vec<Service> = of(material, verdict).collect();
        let mut sums = Self::default();
        for ((other, service), sum) in &material.sums {
            if !theirs.contains(service) {
                continue;
            }
            add(&mut sums.all, sum);
            if *other == verdict {
                add(&mut sums.accused, sum);
            } else if *other == Verdict::Reusing {
                add(&mut sums.good, sum);
            }
        }
        sums
    }
}

/// The services with peers of a verdict.
fn of(material: &Material, verdict: Verdict) -> impl Iterator<Item = Service> {
    let keys = material.sums.keys();
    keys.filter(move |(other, _)| *other == verdict)
        .map(|(_, service)| *service)
}

fn add(to: &mut Sum, one: &Sum) {
    to.peers += one.peers;
    to.counters.absorb(&one.counters);
    to.waiting.add(&one.waiting);
}

pub(super) fn section(diagnosis: &Diagnosis, material: &Material) -> Markup {
    html! {
        @if diagnosis.causes.is_empty() { p { "Nobody is accused, so there is no cause to show." } }
        @for cause in &diagnosis.causes {
            h3 { code { (cause.verdict.id()) } ", " (count(cause.peers, "peer", "peers")) }
            @if let Some(worst) = diagnosis.peers.iter().find(|peer| peer.finding.verdict == cause.verdict) {
                p { "The worst: " (short(&answer::sentence(worst))) }
            }
            (charts(diagnosis, material, cause.verdict))
        }
    }
}

fn charts(diagnosis: &Diagnosis, material: &Material, verdict: Verdict) -> Markup {
    let sums = Sums::of(material, verdict);
    let main = of(material, verdict).max_by_key(|service| {
        let sum = material.sums.get(&(verdict, *service));
        sum.map_or(0, |sum| sum.peers)
    });
    let norm = diagnosis.norms.iter().find(|(service, _)| Some(*service) == main);
    let learned = norm.map_or(diagnosis.learned, |(_, norm)| norm.learned);
    let drawn: Vec<Markup> = pictures(verdict)
        .iter()
        .filter_map(|picture| chart(*picture, &sums, &picture.constants(diagnosis, &learned)))
        .collect();
    html! {
        @for chart in &drawn { (chart) }
        @if drawn.is_empty() { p class="faint" { "Too few connections have ended for a picture." } }
    }
}

fn chart(picture: Picture, sums: &Sums, constants: &[Constant]) -> Option<Markup> {
    let counted = picture.counted(&sums.accused);
    let (compared, beside) = picture.compared(sums);
    let kind = counted.kind;
    let is_used = |range: &usize| {
        let n = |of: &Counted| of.all.get(*range).copied().unwrap_or(0);
        n(&counted) > 0 || n(&compared) > 0
    };
    let places: Vec<f64> = constants.iter().map(|(value, _)| kind.place(*value)).collect();
    let used: Vec<usize> = (0..kind.count()).filter(is_used).collect();
    let (first, last) = (*used.first()?, *used.last()?);
    // A constant that is far from all that was counted does not make the chart wide.
    let near = |place: &&f64| **place >= first.saturating_sub(6) as f64 && **place <= (last + 7) as f64;
    let whole = |place: &f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number of a range"
        )]
        let range = place.max(0.0) as usize;
        range.min(kind.count() - 1)
    };
    let ranges: Vec<usize> = places.iter().filter(near).map(whole).collect();
    let first = ranges.iter().copied().fold(first, usize::min);
    let last = ranges.iter().copied().fold(last, usize::max);
    let last = last.max(first + FEW).min(kind.count() - 1);
    let shares = |of: &Counted| -> Vec<f64> {
        let total = of.total().max(1) as f64;
        let part = of.all.iter().skip(first).take(last - first + 1);
        part.map(|n| f64::from(*n) / total).collect()
    };
    let said = sentence(picture, &counted, &compared, beside, constants);
    let mut groups = vec![(picture.accused(), "a", shares(&counted))];
    if compared.total() > 0 {
        groups.push((beside, "b", shares(&compared)));
    }
    let marks = places.iter().zip(constants).filter(|(place, _)| near(place));
    let bars = Bars {
        said: &said,
        groups,
        edges: (first..=last).map(|range| kind.edge(range)).collect(),
        marks: marks
            .map(|(place, (_, label))| (place - first as f64, label.clone()))
            .collect(),
    };
    let rows: Vec<Vec<String>> = (first..=last)
        .map(|range| {
            let n = |of: &Counted| number(of.all.get(range).copied().unwrap_or(0).into());
            vec![kind.range(range), n(&counted), n(&compared)]
        })
        .collect();
    let titles = [picture.title(), picture.accused(), beside];
    Some(figure(&said, bars.draw(), table(&titles, &rows)))
}

/// A picture in words: where most of either are.
fn sentence(
    picture: Picture,
    counted: &Counted,
    compared: &Counted,
    beside: &str,
    constants: &[Constant],
) -> String {
    let most = |of: &Counted, who: &str| {
        let total = of.total();
        let most = of.all.iter().enumerate().max_by_key(|(_, n)| **n);
        match most {
            Some((range, n)) if total > 0 => format!(
                "{who}: {} counted, {:.0} % in {}",
                number(total),
                f64::from(*n) * 100.0 / total as f64,
                of.kind.range(range)
            ),
            _ => format!("{who}: none counted"),
        }
    };
    let marked: Vec<&str> = constants.iter().map(|(_, label)| label.as_str()).collect();
    let marked = match &*marked {
        [] => String::new(),
        labels => format!(" Marked: {}.", labels.join(", ")),
    };
    format!(
        "{}. {}; {}.{marked}",
        picture.title(),
        capital(&most(counted, picture.accused())),
        most(compared, beside)
    )
}
