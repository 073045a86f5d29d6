//! The client abandons a held poll before the server answers.

use super::{
    Case, Match,
    words::{count, duration, number},
};
use crate::{
    diagnosis::thresholds::{EXCEPTION, LATE_CLOSE_NS, MIN_ALIKE, confidence, habitual, share},
    model::{peer::Direction, protocol::Protocol},
};

/// The client ended connections whose request was still unanswered. If it is not known what each read
/// brought, a normal close with TLS looks like one more request, but the server reacts to it at once: then it
/// must have stayed in CLOSE_WAIT, busy with the poll, or never have answered at all, or the client must have
/// sent RSTs. Requests that waited for a worker do not count, since the server was not holding them. Who ends
/// a connection at once after its last data has not waited for an answer.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let (given_up, of) = given_up(case);
    if !gives_up(case) {
        return None;
    }
    let explanation = case.say(|| {
        let after = figures.idle.p50_ns.map_or(String::new(), |idle| {
            format!(", {} after its request (median)", duration(idle))
        });
        let rest = match (figures.close_wait.p50_ns, figures.close_wait.oldest_ns) {
            (Some(p50), _) if p50 >= LATE_CLOSE_NS => format!(
                "; the server noticed {} later (median) and then closed {} of {}",
                duration(p50),
                number(figures.close_wait.left),
                count(
                    figures.close_wait.left + figures.close_wait.now,
                    "connection",
                    "connections"
                ),
            ),
            (_, Some(oldest)) => format!(
                "; {} in CLOSE_WAIT, the oldest for {}",
                count(figures.close_wait.now, "connection is", "connections are"),
                duration(oldest)
            ),
            _ => String::new(),
        };
        format!(
            "the client ended {} of {} before the answer came{after}{rest}",
            number(given_up),
            count(of, "connection", "connections"),
        )
    });
    Some(Match {
        confidence: confidence(given_up, of),
        explanation,
    })
}

/// The number of abandoned requests, and the number of connections ended by the client.
fn given_up(case: &Case<'_>) -> (u64, u64) {
    let figures = case.figures;
    let lingering = figures.lingering.as_ref();
    let waiting_now = lingering.map_or(0, |lingering| lingering.unanswered_ns.len() as u64);
    // A hello that the client did not go on from is no request. From its own end, requests that were never
    // answered are not told from that.
    let hellos = match case.direction {
        Direction::Inbound => figures.counted.handshakes_alone,
        Direction::Outbound => 0,
    };
    // What ended was counted; what is still in CLOSE_WAIT will be.
    (
        figures.counted.unanswered.saturating_sub(hellos) + waiting_now,
        case.by_client() + waiting_now,
    )
}

/// Whether the client habitually abandons requests that the server is working on.
pub(super) fn gives_up(case: &Case<'_>) -> bool {
    let figures = case.figures;
    let (given_up, of) = given_up(case);
    // A client that ends for good has not lost its patience.
    let comes_back = 2 * figures.opens >= given_up;
    if given_up < MIN_ALIKE
        || !comes_back
        || habitual(figures.idle.at_once, figures.idle.count)
        || share(given_up, of) < 0.5
        || share(figures.counted.late_reads, given_up) > 0.5
    {
        return false;
    }
    let closed_late = figures.close_wait.p50_ns.is_some_and(|p50| p50 >= LATE_CLOSE_NS);
    let is_waiting = figures
        .lingering
        .as_ref()
        .is_some_and(|lingering| !lingering.unanswered_ns.is_empty());
    let (_, answered_bytes) = figures.bytes_by_role(case.direction);
    let has_asked = figures.turns.sum > 0 || case.has_requests();
    // Where nobody is ever answered, only the client's own timer shows that it waited for an answer.
    let expects_answer = !case.norm.is_mute || figures.idle.constant().is_some();
    let never_answered = answered_bytes == Some(0) && has_asked && expects_answer;
    let aborted = share(figures.client_rst, of) >= 1.0 - EXCEPTION;
    let waited = figures.idle.p50_ns.is_some_and(|idle| idle >= LATE_CLOSE_NS);
    let is_known = waited && expects_answer && is_told(case) && habitual(given_up, of);
    closed_late || is_waiting || never_answered || aborted || is_known
}

/// Whether it is known what each read brought, and every request has an answer.
fn is_told(case: &Case<'_>) -> bool {
    let one_way = [Protocol::Mqtt, Protocol::WebSocket];
    case.figures.requests_told && !case.figures.protocol.is_some_and(|it| one_way.contains(&it))
}
