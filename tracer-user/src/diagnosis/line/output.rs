//! What comes out: a verdict, the reason why there is none, or a line that [`super::LineJudge`] reads.

use serde_json::{Map, Value, json};

use super::{
    Population,
    input::{CourseLine, Held},
    live::LiveLine,
};
use crate::{diagnosis::Judged, model::peer::Counters, text::sanitise, units::seconds};

/// Adds the verdict to the fields of a line.
pub(super) fn verdict(
    mut fields: Map<String, Value>,
    judged: &Judged,
    missing: Option<&'static str>,
) -> Map<String, Value> {
    let explanation = match missing {
        Some(missing) => format!("the line does not say {missing}, so how connections end cannot be judged"),
        None => judged.explanation(),
    };
    let finding = &judged.finding;
    let said = json!({
        "verdict": finding.verdict,
        "also": finding.also,
        "confidence": finding.confidence,
        "shared_address": judged.shared_address,
        "explanation": explanation,
        "fix": judged.fix(),
    });
    if let Value::Object(said) = said {
        fields.extend(said);
    }
    fields
}

/// Says why a line could not be judged, in its place.
pub(super) fn invalid(mut fields: Map<String, Value>, what: String) -> (Map<String, Value>, Option<String>) {
    for part in ["figures", "held", "live", "population"] {
        fields.remove(part);
    }
    // It may repeat a part of the line.
    let what = sanitise(&what);
    fields.insert("error".to_owned(), what.clone().into());
    (fields, Some(what))
}

/// A judged peer as a line that gives the same verdict. `counters` are those of the period.
pub fn of_judged(judged: &Judged, counters: &Counters) -> Value {
    let figures = &judged.figures;
    let now_ns = judged.host_wide.taken.monotonic_ns;
    let counters = Counters {
        held_ms: figures.occupancy.held_ms.unwrap_or(counters.held_ms),
        busy_ms: figures.occupancy.busy_ms.unwrap_or(counters.busy_ms),
        ..counters.clone()
    };
    let mut known = json!(counters);
    if let Value::Object(known) = &mut known {
        let of = figures.known;
        for (name, is_known) in [
            ("turns", of.turns),
            ("requests_bounded", of.requests),
            ("protocol", of.requests),
            ("late_requests", of.late_requests),
            ("held_ms", of.held),
            ("busy_ms", figures.occupancy.busy_ms.is_some()),
            ("idle", of.idle),
            ("hold", of.turns && of.idle),
            ("pause", of.turns && of.idle),
            ("bytes_received", of.bytes_received),
            ("bytes_sent", of.bytes_sent),
            ("retransmits", of.retransmits),
            // Meaningless outside of the host.
            ("reckoned_ms", false),
            ("owner", false),
        ] {
            if !is_known {
                known.remove(name);
            }
        }
    }
    json!({
        "host": judged.host,
        "hosts": judged.over.as_ref().map(|over| over.hosts.len()),
        "service": judged.over.as_ref().and_then(|over| over.service.as_deref()),
        "peer": judged.id.address(),
        "interface": judged.id.interface,
        "port": judged.id.port,
        "direction": judged.id.direction,
        "owner": figures.owner.as_ref().map(|owner| owner.comm.as_str()),
        "seconds": seconds(figures.occupancy.window_ns),
        "present_seconds": seconds(figures.span_ns),
        "figures": known,
        "held": Held {
            start: Some(figures.occupancy.start),
            end: Some(figures.course.end),
            mean: figures.occupancy.mean(),
            peak: Some(figures.occupancy.peak),
            course: Some(CourseLine::from(&figures.course, now_ns)),
            ..Held::default()
        },
        "live": LiveLine::of(figures, now_ns),
        "population": Population::of(&judged.norm, judged.expected),
    })
}
