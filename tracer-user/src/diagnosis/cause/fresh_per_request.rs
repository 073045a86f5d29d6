//! The peer closes after every reply and connects again.

use std::borrow::Cow;

use super::{
    Case, Match,
    words::{count, duration, number, opened},
};
use crate::{
    diagnosis::{
        Figures,
        reuse::{self, Reuse},
        thresholds::{HABIT, HANDSHAKE_TURNS, confidence, habitual, share},
    },
    model::{peer::Direction, protocol::Protocol},
};

/// Connections carry one request each and end right after the reply, or the client ends them after a moment
/// with few requests, or the client opens another one although it holds an idle one,
/// whichever side ends that. Connections that only sit idle before they end, for varying times, are no
/// better.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let never_uses_idle = reuse::forgets(case);
    if !case.has_requests()
        || (figures.requests_told && figures.requests == 0)
        // What seeded connections carried before tracing began is unknown.
        || figures.turns.connections() < case.thresholds.min_closes
        || super::early_abort::gives_up(case)
        // Without a goodbye of the client, a server with a login ends what it does not want.
        || (figures.protocol.is_some_and(Protocol::says_goodbye)
            && habitual(figures.server_fin, figures.closes)
            && !never_uses_idle)
        // The connections it keeps and uses are stronger evidence than those that ended.
        || (2 * figures.held.reused > figures.turns.connections() && !never_uses_idle)
        || reuse::of(case) != Reuse::Hardly
    {
        return None;
    }
    let by_client = case.by_client();
    let one_each = reuse::one_request_each(case);
    let idle = figures.idle.p50_ns;
    let at_once = match idle {
        Some(idle) => idle <= case.thresholds.client_at_once,
        None => figures.is_idle_hidden() && one_each && habitual(figures.server_fin, figures.closes),
    };
    let ended = share(by_client + figures.server_fin, figures.closes) >= HABIT;
    let by_chance = case.constant_idle().is_none() && by_client >= figures.server_fin;
    // After several requests, it is the client's habit only if the client ends the connections.
    let is_habit = one_each || at_once || habitual(by_client, figures.closes);
    if !never_uses_idle && !(ended && is_habit && (at_once || by_chance)) {
        return None;
    }
    // Each of them may have asked for what it wanted, and left.
    let may_be_several =
        never_uses_idle && !one_each && !figures.one_host && case.direction == Direction::Inbound;
    let explanation = case.say(|| {
        let how = if never_uses_idle && !at_once {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a small count"
            )]
            let idle = reuse::mean_idle(figures).unwrap_or(0.0) as u64;
            format!(
                "{}, although it always held {} (on average)",
                carried(figures, one_each),
                count(idle, "idle connection", "idle connections")
            )
        } else {
            format!(
                "{}, open for {} (median)",
                carried(figures, one_each),
                duration(figures.lifetime().p50_ns.unwrap_or(0)),
            )
        };
        format!(
            "{}, {how}; the client ended {} of them and the server {}{}{}",
            opened(case),
            number(by_client),
            number(figures.closes - by_client.min(figures.closes)),
            idle.map_or(String::new(), |idle| format!(
                ", {} after the last data",
                duration(idle)
            )),
            if may_be_several {
                "; visitors behind one address look the same"
            } else {
                ""
            },
        )
    });
    let seen = if never_uses_idle {
        figures.closes
    } else {
        by_client + figures.server_fin
    };
    let confidence = confidence(seen, figures.closes);
    Some(Match {
        // Without knowing the protocol, a handshake can only be guessed, and several clients may share the
        // address.
        confidence: match (one_each, at_once && idle.is_some()) {
            (true, true) => confidence,
            _ if may_be_several => confidence.min(0.6),
            _ => confidence.min(0.85),
        },
        explanation,
    })
}

/// What each connection carried.
fn carried(figures: &Figures, one_each: bool) -> Cow<'static, str> {
    let each = figures.requests.div_ceil(figures.opens.max(1));
    match figures.requests_told {
        _ if one_each => "one request each".into(),
        true if each <= 2 => "a request or two each".into(),
        true => format!("about {} requests each", number(each)).into(),
        false if each <= 1 + HANDSHAKE_TURNS => "a handshake and a request or two each".into(),
        false => format!("up to {} requests each", number(each)).into(),
    }
}
