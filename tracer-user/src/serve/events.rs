//! Events: what changed, one JSON object each (`tcpreuse.event/1`).

mod journal;
mod kind;
mod webhook;

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Map, Value, json};

pub use self::{kind::Kind, webhook::Hook};
use super::outlet::Outlet;
use crate::{
    diagnosis::{Change, Diagnosis, Verdict, What},
    evidence::flight::Told,
    model::{names::Names, sample::Moment},
    report::{Origin, json, timestamp},
    text::sanitise,
    units::size,
    view::{keeper::change_in_words, snapshot::Weight},
};

/// Reasons for which evidence was kept that are named in words; JSON has all of them.
const MAX_REASONS: usize = 3;

const SCHEMA: &str = "tcpreuse.event/1";

/// Verdicts told in a minute; of more, only their number is. All other events are rare by themselves.
const VERDICTS_A_MINUTE: u32 = 60;

/// How long the end of the program waits for each receiver of events.
const PATIENCE: Duration = Duration::from_secs(2);

const MINUTE_NS: u64 = 60_000_000_000;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// What it is about.
    pub kind: Kind,
    /// All of it.
    pub fields: Map<String, Value>,
    /// Whether it is bad news.
    pub is_bad: bool,
}

impl Event {
    fn new(kind: Kind, text: String, is_bad: bool, mut fields: Map<String, Value>) -> Self {
        for (key, value) in [("schema", SCHEMA), ("event", kind.name()), ("text", &text)] {
            fields.insert(key.to_owned(), value.into());
        }
        Self { kind, fields, is_bad }
    }

    /// As a line of JSON, without its end.
    pub fn line(&self) -> String {
        serde_json::to_string(&self.fields).unwrap_or_default()
    }

    fn text(&self, key: &str) -> &str {
        self.fields.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Tells what is new in one diagnosis after another.
pub struct Teller {
    outlets: Vec<Outlet<Event>>,
    host: String,
    /// The number of the next change to tell.
    next: u64,
    minute_ns: u64,
    verdicts: u32,
    /// Verdicts that were not told, and how many of them nothing has been said about.
    held_back: u64,
    unsaid: u64,
    undelivered: Arc<AtomicU64>,
}

impl Teller {
    /// Tells to the journal where stdout goes there, else to stdout, and to the hook.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(origin: &Origin, hook: Option<Hook>) -> io::Result<Self> {
        let undelivered = Arc::new(AtomicU64::new(0));
        // What one event fails for may have passed when the next one comes.
        let counting = |deliver: Box<dyn Fn(&Event) -> bool + Send>| {
            let failed = Arc::clone(&undelivered);
            move |event: &Event| {
                if !deliver(event) {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                true
            }
        };
        let mut outlets = vec![match journal::Journal::of_stdout() {
            Some(journal) => Outlet::start(
                "journal",
                counting(Box::new(move |event: &Event| journal.tell(event))),
            )?,
            None => Outlet::start("events", print)?,
        }];
        if let Some(hook) = hook {
            let post = counting(Box::new(move |event: &Event| hook.post(&event.line())));
            outlets.push(Outlet::start("webhook", post)?);
        }
        Ok(Self::over(outlets, origin, undelivered))
    }

    fn over(outlets: Vec<Outlet<Event>>, origin: &Origin, undelivered: Arc<AtomicU64>) -> Self {
        Self {
            outlets,
            host: origin.host.clone(),
            next: 0,
            minute_ns: 0,
            verdicts: 0,
            held_back: 0,
            unsaid: 0,
            undelivered,
        }
    }

    /// Tells what changed since the diagnosis before.
    pub fn tell(&mut self, diagnosis: &Diagnosis) {
        for event in self.events(diagnosis) {
            for outlet in &mut self.outlets {
                outlet.put(&event);
            }
        }
    }

    /// Tells what has become of kept evidence.
    pub fn tell_kept(&mut self, told: &[Told], now: Moment) {
        for told in told {
            let event = self.kept_event(told, now);
            for outlet in &mut self.outlets {
                outlet.put(&event);
            }
        }
    }

    fn kept_event(&self, told: &Told, now: Moment) -> Event {
        let (text, rest, is_bad) = match told {
            Told::Kept {
                path,
                reasons,
                bytes,
                incomplete,
            } => {
                let directory = sanitise(&path.to_string_lossy());
                let why: Vec<&str> = reasons.iter().take(MAX_REASONS).map(|why| &*why.text).collect();
                let but = incomplete
                    .as_ref()
                    .map_or_else(String::new, |why| format!("; {why}"));
                (
                    format!("kept {directory} ({}): {}{but}", size(*bytes), why.join("; ")),
                    json!({ "directory": directory, "bytes": bytes, "reasons": reasons, "incomplete": incomplete }),
                    incomplete.is_some(),
                )
            }
            Told::Dropped { path, bytes } => {
                let directory = sanitise(&path.to_string_lossy());
                (
                    format!(
                        "removed {directory} ({}) to make room for newer evidence",
                        size(*bytes)
                    ),
                    json!({ "directory": directory, "bytes": bytes, "removed": true }),
                    true,
                )
            }
        };
        let mut fields = match rest {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        fields.insert("at".to_owned(), timestamp(now).into());
        fields.insert("host".to_owned(), self.host.as_str().into());
        Event::new(Kind::EvidenceKept, text, is_bad, fields)
    }

    /// Waits a moment for what is not told yet.
    pub fn end(self) {
        self.outlets.into_iter().for_each(|outlet| outlet.end(PATIENCE));
    }

    /// What did not reach somebody, by cause.
    pub fn lost(&self) -> [(&'static str, u64); 2] {
        let full: u64 = self.outlets.iter().map(Outlet::held_back).sum();
        let undelivered = self.undelivered.load(Ordering::Relaxed);
        [
            ("events_not_told", self.held_back),
            ("events_not_delivered", full + undelivered),
        ]
    }

    fn events(&mut self, diagnosis: &Diagnosis) -> Vec<Event> {
        let now_ns = diagnosis.taken.monotonic_ns;
        let mut events = Vec::new();
        if now_ns.saturating_sub(self.minute_ns) >= MINUTE_NS {
            (self.minute_ns, self.verdicts) = (now_ns, 0);
            events.extend(self.held_back_event());
        }
        let new: Vec<&Change> = diagnosis
            .changes
            .iter()
            .filter(|change| change.id >= self.next)
            .collect();
        for change in new {
            self.next = change.id.saturating_add(1);
            let Some(kind) = kind(&change.what) else { continue };
            if matches!(change.what, What::Verdict { .. }) {
                self.verdicts += 1;
                if self.verdicts > VERDICTS_A_MINUTE {
                    self.hold_back(1);
                    continue;
                }
            }
            if let What::MoreVerdicts { peers } = change.what {
                self.hold_back(peers);
                continue;
            }
            events.extend(self.event(kind, change, &diagnosis.options.names));
        }
        events
    }

    fn hold_back(&mut self, verdicts: u64) {
        self.held_back += verdicts;
        self.unsaid += verdicts;
    }

    /// Says how many verdicts of the last minute were not told.
    fn held_back_event(&mut self) -> Option<Event> {
        let unsaid = std::mem::take(&mut self.unsaid);
        (unsaid > 0).then(|| {
            let lost = json!({ "events_not_told": unsaid });
            let fields = [("host", self.host.as_str().into()), ("lost", lost)];
            let fields = fields
                .map(|(key, value)| (key.to_owned(), value))
                .into_iter()
                .collect();
            let text = format!("{unsaid} more verdicts changed than are told in a minute");
            Event::new(Kind::Loss, text, false, fields)
        })
    }

    fn event(&self, kind: Kind, change: &Change, names: &Names) -> Option<Event> {
        let Ok(Value::Object(mut fields)) = serde_json::to_value(json::change(change, names)) else {
            return None;
        };
        fields.remove("kind");
        fields.insert("host".to_owned(), self.host.as_str().into());
        let (weight, text, _) = change_in_words(&change.what, names);
        Some(Event::new(kind, text, weight == Weight::Bad, fields))
    }
}

/// The kind of event that a change is; `None` for what is none.
fn kind(what: &What) -> Option<Kind> {
    match what {
        What::Verdict { is, .. } if is.accuses() || *is == Verdict::ManyHeld => Some(Kind::Verdict),
        What::Verdict { .. } => Some(Kind::Recovered),
        What::MoreVerdicts { .. } => Some(Kind::Verdict),
        What::SurgeBegan(_) => Some(Kind::SurgeBegan),
        What::SurgeEnded { .. } => Some(Kind::SurgeEnded),
        What::Capacity { .. } => Some(Kind::Capacity),
        What::Loss { .. } => Some(Kind::Loss),
        // It follows from the verdicts.
        What::Answer { .. } => None,
    }
}

/// Prints an event. Returns whether anybody still reads.
fn print(event: &Event) -> bool {
    let mut line = event.line();
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_ok()
}

#[cfg(test)]
mod tests;
