//! The detail of one peer: the explanation, the fix, the figures, a timeline of its connections, and its
//! sockets.

use ratatui::layout::Rect;

use super::lists::{age_of, and_more, endpoint, waiting_for};
use crate::{
    diagnosis::{Figures, Judged, words},
    model::{
        figure::{Table, Unit},
        peer::Counters,
    },
    report::text,
    view::{
        app::App,
        fit::{Align, pad, wrap},
        format::{age, bytes},
        pen::Pen,
        snapshot::Socket,
        theme::{Glyphs, Role},
        timeline::{self, Bar},
    },
};

/// Maximum number of bars in the timeline.
const MAX_BARS: usize = 40;

/// Maximum number of live sockets listed.
const MAX_SOCKETS: usize = 500;

/// A line of pieces.
type Line = Vec<(String, Role)>;

pub(super) fn draw(app: &mut App, area: Rect, pen: &mut Pen<'_>) {
    let Some(detail) = app.detail else {
        return;
    };
    let lines = match app.shown.peer(detail.id) {
        Some(peer) => lines(app, &peer, area.width, &pen.glyphs),
        None => vec![vec![(
            format!("{} is not in this sample", detail.id.name()),
            Role::Faint,
        )]],
    };
    let height = usize::from(area.height);
    let top = detail.top.min(lines.len().saturating_sub(height));
    app.page = height;
    if let Some(detail) = &mut app.detail {
        detail.top = top;
    }
    for (y, line) in (area.top()..area.bottom()).zip(lines.iter().skip(top)) {
        let row = Rect { y, height: 1, ..area };
        pen.line(row, line);
    }
}

fn lines(app: &App, peer: &Judged, width: u16, glyphs: &Glyphs) -> Vec<Line> {
    let finding = &peer.finding;
    let accused = if finding.verdict.accuses() {
        Role::Bad
    } else {
        Role::Good
    };
    let called = text::with_name(peer.name(), peer.id.name());
    let mut title = vec![
        (format!("{called} "), Role::Strong),
        (
            format!(
                "{} port {}{}{} ",
                peer.id.direction,
                peer.id.port,
                app.names
                    .of(peer.id.network)
                    .map(|host| format!(", {host}"))
                    .unwrap_or_default(),
                if peer.shared_address {
                    ", shared address"
                } else if peer.figures.one_host {
                    ", a single host"
                } else {
                    ""
                }
            ),
            Role::Faint,
        ),
        (finding.verdict.to_string(), accused),
        (format!("  confidence {:.2}", finding.confidence), Role::Plain),
    ];
    if !finding.also.is_empty() {
        let also: Vec<String> = finding.also.iter().map(ToString::to_string).collect();
        title.push((format!("  also {}", also.join(", ")), Role::Bad));
    }
    let mut lines = vec![title];
    let explanation = peer.explanation();
    let fix = peer.fix();
    let sentences = [("why     ", &*explanation), ("change  ", &*fix)];
    for (name, text) in sentences {
        let room = usize::from(width).saturating_sub(name.len()).max(1);
        for (part, text) in wrap(text, room).into_iter().enumerate() {
            let name = if part == 0 { name } else { "        " };
            lines.push(vec![(name.to_owned(), Role::Faint), (text, Role::Plain)]);
        }
    }
    lines.push(Vec::new());
    lines.extend(figures(peer, width, glyphs));
    lines.push(Vec::new());
    let bars = timeline::bars(&app.shown, peer.id);
    lines.extend(chart(&bars, app.shown.taken().monotonic_ns, width, glyphs));
    lines.push(Vec::new());
    lines.extend(sockets(app, peer, glyphs));
    lines
}

/// All figures, in as many columns as fit.
fn figures(peer: &Judged, width: u16, glyphs: &Glyphs) -> Vec<Line> {
    const NAME: usize = 18;
    const VALUE: usize = 26;
    const GAP: usize = 2;
    let figures = &peer.figures;
    let closes = figures.close_reasons;
    let known = |value: Option<String>| value.unwrap_or_else(|| glyphs.unknown.to_string());
    let spread = |p50: Option<u64>, max: Option<u64>| match (p50, max) {
        (Some(p50), Some(max)) => format!("{} median, {} most", age(p50), age(max)),
        _ => glyphs.unknown.to_string(),
    };
    let turns = match (figures.turns.median(), figures.turns.max()) {
        (Some(p50), Some(max)) => {
            let bound = if figures.turns_counted { "" } else { "at most " };
            format!("{bound}{p50} median, {max} most")
        }
        _ => glyphs.unknown.to_string(),
    };
    let mut all = vec![
        ("opens", format!("{}, {} seeded", figures.opens, figures.seeded)),
        (
            "open",
            format!("{} now, {} most", figures.open_now, figures.open_peak),
        ),
        ("overlaps", figures.overlaps.to_string()),
        ("failed connects", figures.failed.to_string()),
        (
            "closed by FIN",
            format!("{} local, {} remote", closes.local_fin, closes.remote_fin),
        ),
        (
            "closed by RST",
            format!("{} local, {} remote", closes.local_rst, closes.remote_rst),
        ),
        ("timed out", closes.timeout.to_string()),
        (
            "lifetime",
            spread(figures.lifetime().p50_ns, figures.lifetime().max_ns),
        ),
        (
            "idle before close",
            spread(figures.idle.p50_ns, figures.idle.max_ns),
        ),
        ("reopened after", spread(figures.gap.p50_ns, figures.gap.max_ns)),
        ("held for", spread(figures.hold.p50_ns, figures.hold.max_ns)),
        ("pause", spread(figures.pause.p50_ns, figures.pause.max_ns)),
        (
            if figures.known.requests {
                "requests each"
            } else {
                "turns"
            },
            turns,
        ),
        (
            "protocol",
            known(figures.protocol.map(|protocol| protocol.name().to_owned())),
        ),
        ("CLOSE_WAIT", in_close_wait(figures)),
        ("left CLOSE_WAIT", left_close_wait(figures)),
        ("never accepted", figures.waiting.now.to_string()),
        ("retransmits", known(figures.retransmits.map(|n| n.to_string()))),
        (
            "bytes",
            format!(
                "{} received, {} sent",
                known(figures.bytes_received.map(bytes)),
                known(figures.bytes_sent.map(bytes))
            ),
        ),
        (
            "owner",
            known(figures.owner.as_deref().map(|owner| match peer.id.program {
                // One of several processes, so its number says nothing.
                Some(_) => owner.comm.clone(),
                None => words::process(owner),
            })),
        ),
    ];
    all.extend(Counters::shown().map(|shown| {
        let value = shown.value(&figures.counted, figures.known);
        (shown.label, known(value.map(|value| number(shown.unit, value))))
    }));
    let width = usize::from(width);
    let across = (width / (NAME + VALUE + GAP)).clamp(1, 5);
    let room = (width / across).saturating_sub(NAME + GAP).max(VALUE);
    let down = all.len().div_ceil(across);
    (0..down)
        .map(|row| {
            let mut line = Line::new();
            for (name, value) in all.iter().skip(row).step_by(down) {
                line.push((pad(name, NAME, Align::Left, glyphs.ellipsis), Role::Faint));
                let value = pad(value, room, Align::Left, glyphs.ellipsis);
                line.push((value + &" ".repeat(GAP), Role::Plain));
            }
            line
        })
        .collect()
}

/// How many are in CLOSE_WAIT and for how long, which is a lower bound if the oldest was in it before
/// tracing.
fn in_close_wait(figures: &Figures) -> String {
    let close_wait = &figures.close_wait;
    let bound = if close_wait.oldest_is_bound {
        "at least "
    } else {
        ""
    };
    match close_wait.oldest_ns {
        Some(ns) => format!("{} now, oldest {bound}{}", close_wait.now, age(ns)),
        None => format!("{} now", close_wait.now),
    }
}

/// How many have left CLOSE_WAIT. Connections open before tracing leave it without being timed, so they are
/// counted separately.
fn left_close_wait(figures: &Figures) -> String {
    let close_wait = &figures.close_wait;
    let (entered, left) = (close_wait.entered, close_wait.left);
    let untimed = entered.saturating_sub(left + close_wait.now);
    let apart = match untimed {
        0 => String::new(),
        _ => format!(", {untimed} untimed"),
    };
    format!("{left} of {entered}{apart}")
}

/// A number for people.
fn number(unit: Unit, value: u64) -> String {
    match unit {
        Unit::Bytes => bytes(value),
        _ => unit.nanoseconds(value).map_or_else(|| value.to_string(), age),
    }
}

/// The timeline, one bar per connection, latest first.
fn chart(bars: &[Bar], now_ns: u64, width: u16, glyphs: &Glyphs) -> Vec<Line> {
    const LABEL: usize = 7;
    const END: usize = 22;
    let room = usize::from(width).saturating_sub(LABEL + END).clamp(8, 120);
    let shown = bars.get(..bars.len().min(MAX_BARS)).unwrap_or_default();
    let Some(scale) = timeline::Scale::of(shown, now_ns, room) else {
        return vec![vec![("no connection to show".to_owned(), Role::Faint)]];
    };
    let key = format!(
        "its last {} over {}, from left to now: {} open, {} CLOSE_WAIT, {} open before tracing, {} still open",
        words::count(shown.len() as u64, "connection", "connections"),
        age(scale.span_ns()),
        glyphs.open,
        glyphs.close_wait,
        glyphs.seeded,
        glyphs.alive,
    );
    let mut lines: Vec<Line> = wrap(&key, width.into())
        .into_iter()
        .map(|line| vec![(line, Role::Faint)])
        .collect();
    for bar in shown {
        let (open, wait) = scale.draw(bar, glyphs);
        lines.push(vec![
            (format!(":{:<6}", bar.port), Role::Faint),
            (open, Role::Plain),
            (wait, Role::Doubtful),
            (format!(" {}", bar.end()), Role::Faint),
        ]);
    }
    if bars.len() > shown.len() {
        lines.push(vec![(and_more(bars.len() - shown.len()), Role::Faint)]);
    }
    lines
}

fn sockets(app: &App, peer: &Judged, glyphs: &Glyphs) -> Vec<Line> {
    let theirs = |socket: &&Socket| socket.peer.is_some_and(|(id, _)| id == peer.id);
    let live: Vec<&Socket> = app.shown.sockets.iter().filter(theirs).collect();
    let title = words::count(live.len() as u64, "live socket", "live sockets");
    let mut lines = vec![vec![(title, Role::Strong)]];
    for socket in live.iter().take(MAX_SOCKETS) {
        let connection = &socket.connection;
        let waiting = waiting_for(socket, app);
        let role = if waiting.is_some() {
            Role::Doubtful
        } else {
            Role::Plain
        };
        let since = waiting.map(|long| format!(" for {long}")).unwrap_or_default();
        let state = format!("{}{since}", connection.state.name());
        let owner = match &socket.owner {
            Some(owner) => words::process(owner),
            None if connection.never_accepted() => "not accepted by any process".to_owned(),
            None => String::new(),
        };
        lines.push(vec![
            (pad(&state, 23, Align::Left, glyphs.ellipsis), role),
            (
                format!(
                    " open {:>8}  idle {:>7}  {:>4} turns  ",
                    age_of(socket, app, glyphs),
                    age(connection.idle_ns),
                    connection.turns,
                ),
                Role::Plain,
            ),
            (format!("{}  ", endpoint(connection.remote)), Role::Faint),
            (owner, Role::Plain),
        ]);
    }
    if live.len() > MAX_SOCKETS {
        lines.push(vec![(and_more(live.len() - MAX_SOCKETS), Role::Faint)]);
    }
    lines
}

#[cfg(test)]
mod tests;
