//! A peer as one line of JSON: its figures and what is usual for its service go in, a verdict comes out.
//!
//! The rules are those of a recording. Other programs add up figures over many hosts and days, and
//! [`LineJudge`] judges the sums. It knows no clock: times are lengths before the end of the period.

mod input;
mod live;
mod output;
mod population;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::IpNet;
use serde_json::{Map, Value};

use self::input::{Input, Missing};
pub use self::{
    output::of_judged,
    population::{Population, Populations},
};
use super::{
    Expect, Expected, Figures, Judged, Options, Verdict,
    answer::{HostWide, Impact},
    cause, expected,
    figures::{self, Course},
    norm::{Lessons, Norms, Service},
    thresholds::MS,
};
use crate::model::{
    owner::Process,
    peer::{Direction, PeerId},
    sample::{Moment, Peer, Sample},
    window::{self, Level, Live, Seen},
};

/// The end of every period, ns on a clock of its own: far enough from 0 that all lengths fit before it.
const NOW: Moment = Moment {
    monotonic_ns: 1 << 61,
    utc_ns: 0,
};

/// What a line names besides its figures, and who it is about.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The service, as hosts behind one address are called.
    pub service: Option<String>,
    /// Its port.
    pub port: u16,
    /// The direction; inbound unless stated.
    pub direction: Option<Direction>,
    /// The peer's address or network.
    pub network: Option<IpNet>,
    /// The name of the process that owns the connections.
    pub owner: Option<String>,
}

impl About {
    fn of(fields: &Map<String, Value>) -> Result<Self, String> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let port = match fields.get("port") {
            None | Some(Value::Null) => 0,
            Some(value) => value
                .as_u64()
                .and_then(|port| u16::try_from(port).ok())
                .ok_or("port is not a port number")?,
        };
        let direction = match fields.get("direction") {
            None | Some(Value::Null) => None,
            Some(value) => Some(
                serde_json::from_value(value.clone())
                    .map_err(|_| "direction is neither inbound nor outbound".to_owned())?,
            ),
        };
        let network = text("peer").and_then(|peer| {
            let address = || peer.parse::<IpAddr>().ok().map(IpNet::from);
            peer.parse().ok().or_else(address)
        });
        Ok(Self {
            service: text("service"),
            port,
            direction,
            network,
            owner: text("owner"),
        })
    }

    fn direction(&self) -> Direction {
        self.direction.unwrap_or(Direction::Inbound)
    }

    fn id(&self) -> PeerId {
        PeerId {
            netns: 0,
            direction: self.direction(),
            port: self.port,
            network: self
                .network
                .unwrap_or_else(|| IpAddr::from(Ipv4Addr::UNSPECIFIED).into()),
            interface: None,
            process: None,
            program: None,
        }
    }
}

/// Judges lines, each by itself.
pub struct LineJudge {
    options: Options,
    populations: Populations,
    host_wide: Arc<HostWide>,
    sample: Sample,
}

/// A line as it was read.
struct Read {
    about: About,
    figures: Figures,
    missing: Missing,
    population: Option<Population>,
}

impl LineJudge {
    /// `populations` are used for lines that have none of their own.
    pub fn new(options: Options, populations: Populations) -> Self {
        let host_wide = HostWide {
            taken: NOW,
            hold_ns: options.hold_ns,
            thresholds: options.thresholds,
            names: options.names.clone(),
            listeners: Vec::new(),
            strangers_share: options.strangers_share,
        };
        Self {
            options,
            populations,
            host_wide: Arc::new(host_wide),
            sample: Sample::empty(NOW),
        }
    }

    /// The verdict on a line, as a line. Of a line that is invalid, the reason, which is part of the answer
    /// too.
    pub fn judge(&mut self, line: &[u8]) -> (Map<String, Value>, Option<String>) {
        let mut fields: Map<String, Value> = match serde_json::from_slice(line) {
            Ok(fields) => fields,
            Err(error) => return output::invalid(Map::new(), format!("is no JSON object: {error}")),
        };
        match self.read(&mut fields) {
            Ok(read) => {
                let (judged, missing) = self.judged(read);
                (output::verdict(fields, &judged, missing), None)
            }
            Err(what) => output::invalid(fields, what),
        }
    }

    /// Takes the figures out of the fields; the others stay.
    fn read(&mut self, fields: &mut Map<String, Value>) -> Result<Read, String> {
        let input = Input::take(fields)?;
        let about = About::of(fields)?;
        let expected = self.expected(&about, input.population.as_ref());
        Ok(Read {
            figures: self.figures(&about, &input, expected.connections),
            missing: input.missing(),
            population: input.population,
            about,
        })
    }

    fn expected(&self, about: &About, population: Option<&Population>) -> Expected {
        let of_service = match self.options.expect {
            Expect::Connections(connections) => Expected {
                connections,
                learned_from: None,
            },
            Expect::Auto => population
                .or_else(|| self.populations.get(about))
                .map(Population::expected)
                .unwrap_or_default(),
        };
        match about.network {
            Some(network) => expected::of_peer(network, &self.options.expect_peers, of_service),
            None => of_service,
        }
    }

    /// The figures by the rules of a sample, with what the line says of live connections and of the course.
    fn figures(&mut self, about: &About, input: &Input, expected: u32) -> Figures {
        let window_ns = input.window_ns;
        let begins_ns = NOW.monotonic_ns - window_ns;
        self.sample.known = input.known;
        let processes = figures::Processes::of(&self.sample);
        let peer = Peer {
            id: about.id(),
            slot: 0,
            counters: input.counters.clone(),
        };
        let held = input.held.clone().unwrap_or_default();
        let levels: Vec<Level> = held.levels(begins_ns, NOW.monotonic_ns);
        let mut figures = figures::of(
            &figures::Of {
                sample: &self.sample,
                thresholds: &self.options.thresholds,
                processes: &processes,
                begins_ns,
            },
            &figures::Known {
                peer: &peer,
                live: &[],
                expected,
                base: None,
                found: Live::default(),
                seen: Seen {
                    first_ns: NOW.monotonic_ns - input.present_ns.unwrap_or(window_ns).min(window_ns),
                    last_ns: NOW.monotonic_ns,
                    ..Seen::default()
                },
                usual: None,
                levels: &levels,
            },
        );
        let now = Level {
            held: held.end.unwrap_or_else(|| window::held(&input.counters)),
            ..Level::of(NOW.monotonic_ns, &input.counters)
        };
        if let Some(course) = held.course {
            figures.course = course.of(now.held, NOW.monotonic_ns);
        } else if levels.is_empty() {
            figures.course = bound(&held, now, begins_ns);
        }
        figures.opens_beyond = figures::opens_beyond(&input.counters, &figures.course);
        figures.occupancy.start = held.start.unwrap_or(figures.occupancy.start);
        figures.occupancy.peak = held
            .peak
            .unwrap_or(figures.occupancy.peak.max(figures.course.peak));
        if !input.has_busy {
            figures.occupancy.busy_ms = None;
        }
        if let Some(mean) = held.mean.filter(|_| figures.occupancy.held_ms.is_none()) {
            figures.occupancy.held_ms = Some(input::product(mean, window_ns / MS));
        }
        match &input.live {
            Some(live) => live.put_into(&mut figures, NOW.monotonic_ns),
            None => {
                // Every hold is a request, on open connections too.
                figures.requests = figures.requests.max(input.counters.hold.count());
                figures.held.established = now.held;
            }
        }
        figures.owner = about.owner.as_ref().map(|comm| {
            Arc::new(Process {
                pid: 0,
                comm: comm.clone(),
                workload: None,
            })
        });
        figures
    }

    fn judged(&self, read: Read) -> (Judged, Option<&'static str>) {
        let population = read
            .population
            .as_ref()
            .or_else(|| self.populations.get(&read.about));
        let expected = self.expected(&read.about, population);
        let norm = population.map(|population| population.norm(&self.options, read.about.direction()));
        let mut judged = Judged {
            host: None,
            over: None,
            id: read.about.id(),
            finding: cause::nothing_to_say(),
            figures: read.figures,
            recovered: None,
            impact: Impact::default(),
            shared_address: false,
            slot: 0,
            expected,
            own_requests: 0,
            grown: None,
            norm: Arc::new(norm.unwrap_or_default()),
            host_wide: Arc::clone(&self.host_wide),
        };
        judged.impact = Impact::of(&judged.figures, &judged.norm);
        let about = judged.about();
        let case = about.case(&judged.figures);
        let (finding, shared) = (cause::judge(&case), cause::is_shared(&case));
        (judged.finding, judged.shared_address) = (finding, shared);
        let missing = read.missing.for_verdict(judged.finding.verdict);
        if missing.is_some() {
            judged.finding = cause::nothing_to_say();
        }
        (judged, missing)
    }
}

/// The course where only its ends are known: it has grown by no less than this, whatever level it had in
/// between.
fn bound(held: &input::Held, now: Level, begins_ns: u64) -> Course {
    let start = held.start.unwrap_or(now.held);
    let peak = held.peak.unwrap_or(0).max(start).max(now.held);
    let grown = now.held.saturating_sub(start).saturating_sub(now.closes);
    Course {
        start,
        low: start.saturating_sub(now.closes).min(now.held),
        peak,
        end: now.held,
        grown,
        since_ns: begins_ns,
        lately: 0,
        closes_since: now.closes,
        closes_at_once: 0,
    }
}

/// Learns what is usual for each service from its peers' lines.
pub struct Learner {
    judge: LineJudge,
    lessons: Lessons,
    held: Vec<(PeerId, u64)>,
    /// The names of the services; the number of a service stands for its namespace.
    services: Vec<Option<String>>,
}

impl Learner {
    /// Starts with nothing.
    pub fn new(options: Options) -> Self {
        Self {
            judge: LineJudge::new(options, Populations::default()),
            lessons: Lessons::default(),
            held: Vec::new(),
            services: Vec::new(),
        }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// If it is invalid.
    pub fn add(&mut self, line: &[u8]) -> Result<(), String> {
        let mut fields: Map<String, Value> =
            serde_json::from_slice(line).map_err(|error| format!("is no JSON object: {error}"))?;
        let read = self.judge.read(&mut fields)?;
        let known = self.services.iter().position(|name| *name == read.about.service);
        let number = known.unwrap_or_else(|| {
            self.services.push(read.about.service.clone());
            self.services.len() - 1
        });
        let id = PeerId {
            netns: u32::try_from(number).unwrap_or(u32::MAX),
            ..read.about.id()
        };
        self.held.push((id, read.figures.occupancy.start));
        self.lessons.add(id, &read.figures, &self.judge.options);
        Ok(())
    }

    /// The populations, one for each service, port and direction.
    pub fn populations(self) -> Vec<Value> {
        let options = &self.judge.options;
        let expected = Norms::expected(options.expect, self.held.into_iter(), &options.thresholds);
        let all = self.lessons.norms(&expected, options).all();
        let name = |service: &Service| self.services.get(service.netns as usize).cloned().flatten();
        let mut named: Vec<_> = all
            .iter()
            .map(|(service, norm)| (name(service), service, norm))
            .collect();
        named.sort_by_key(|(name, service, _)| (name.clone(), service.port, service.direction));
        named
            .into_iter()
            .map(|(name, service, norm)| Populations::line(name.as_deref(), *service, norm))
            .collect()
    }
}

/// Whether a verdict needs to know how connections ended.
fn is_of_ends(verdict: Verdict) -> bool {
    verdict.accuses() && verdict != Verdict::PilingUp && verdict != Verdict::CloseWaitLeak
}

#[cfg(test)]
mod tests;
