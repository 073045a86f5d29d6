//! The lists beside the peers: causes, listeners, live connections, and what happened.

use ratatui::layout::Rect;

use super::table::{Cell, draw};
use crate::{
    diagnosis::{
        Capacity,
        words::{count, process},
    },
    model::{
        backlog::{Backlog, PLACED},
        figure::Table,
        peer::Direction,
        socket::{Since, State},
    },
    report::clock,
    view::{
        app::App,
        columns::Value,
        fit::wrap,
        format::{age, bytes, rate},
        lists,
        pen::Pen,
        snapshot::{Socket, Weight},
        theme::{Glyphs, Role},
    },
};

/// The causes, and what to change for the selected one.
pub(super) fn causes(app: &mut App, area: Rect, pen: &mut Pen<'_>) {
    // Shown completely below the list, since a cause's line has no room for it.
    let selected = app.cause_row(app.causes.row());
    let advice: Vec<String> = selected.map_or_else(Vec::new, |cause| {
        wrap(&format!("{}: {}", cause.verdict, cause.fix), area.width.into())
    });
    let room = u16::try_from(advice.len() + 1).unwrap_or(u16::MAX);
    let room = room.min(area.height / 2);
    let list = Rect {
        height: area.height - room,
        ..area
    };
    draw(
        app,
        list,
        pen,
        &lists::CAUSES,
        "no peer is accused",
        |app, row| {
            let cause = app.cause_row(row)?;
            Some(vec![
                (cause.verdict.to_string(), Role::Bad),
                (cause.peers.to_string(), Role::Plain),
                (cause.held.to_string(), Role::Plain),
                (percent(cause.share_of_held), Role::Plain),
                (cause.opens.to_string(), Role::Plain),
                (percent(cause.share_of_opens), Role::Plain),
                (cause.fix.to_string(), Role::Plain),
            ])
        },
    );
    for (y, line) in (list.bottom() + 1..area.bottom()).zip(&advice) {
        pen.text(area.x, y, area.width, line, Role::Plain);
    }
}

/// The listeners and their workers.
pub(super) fn listeners(app: &mut App, area: Rect, pen: &mut Pen<'_>) {
    let unknown = app.look.glyphs.unknown.to_string();
    draw(
        app,
        area,
        pen,
        &lists::LISTENERS,
        "nothing listens on what is traced",
        |app, row| {
            let now = app.listener_row(row)?;
            let full = now.backlog.accept_queue_limit > 0
                && now.backlog.accept_queue >= now.backlog.accept_queue_limit;
            let holder = app.shown.diagnosis.capacity_of(now);
            // The connections counted may not each occupy a worker.
            let (guess, alarm) = match holder.is_some_and(Capacity::is_assumed) {
                true => ("?", Role::Doubtful),
                false => ("", Role::Bad),
            };
            let workers = match (now.busy_workers, now.max_workers) {
                (Some(busy), Some(max)) => format!("{busy} of {max}{guess}"),
                (Some(busy), None) => format!("{busy} busy"),
                _ => unknown.clone(),
            };
            let exhausted = match now.exhausted_in_s {
                Some(0.0) => (format!("none left{guess}"), alarm),
                Some(seconds) => (format!("{seconds:.0}s{guess}"), alarm),
                None => (unknown.clone(), Role::Plain),
            };
            let owner = match (now.owner.process(), now.owner.holders()) {
                (Some(first), Some(holders)) if holders > 1 => {
                    format!("{}, {} more", process(first), holders - 1)
                }
                (Some(first), _) => process(first),
                (None, _) => unknown.clone(),
            };
            let growth = match now.per_second {
                Some(growth) if growth < 0.0 => format!("-{}", rate(-growth)),
                Some(growth) => rate(growth),
                None => unknown.clone(),
            };
            let others = Backlog::shown().skip(PLACED).map(|shown| {
                let value = (shown.get)(&now.backlog);
                (value.map_or(unknown.clone(), |n| n.to_string()), Role::Plain)
            });
            let mut cells = vec![
                (now.port.to_string(), Role::Strong),
                (now.held.to_string(), Role::Plain),
                (now.close_wait.to_string(), doubtful(now.close_wait > 0)),
                (now.never_accepted.to_string(), bad(now.never_accepted > 0)),
                (
                    format!(
                        "{} of {}",
                        now.backlog.accept_queue, now.backlog.accept_queue_limit
                    ),
                    bad(full),
                ),
                (now.accept_queue_peak.to_string(), Role::Plain),
                (growth, Role::Plain),
                (workers, Role::Plain),
                exhausted,
                (owner, Role::Plain),
            ];
            cells.extend(others);
            Some(cells)
        },
    );
}

/// The live connections, CLOSE_WAIT and the oldest first.
pub(super) fn connections(app: &mut App, area: Rect, pen: &mut Pen<'_>) {
    let glyphs = app.look.glyphs;
    draw(
        app,
        area,
        pen,
        &lists::CONNECTIONS,
        "no live connection passes the filter",
        |app, row| {
            app.socket_row(row)
                .map(|socket| connection_cells(app, socket, &glyphs))
        },
    );
}

fn connection_cells(app: &App, socket: &Socket, glyphs: &Glyphs) -> Vec<Cell> {
    let connection = &socket.connection;
    let waiting = connection.state == State::CloseWait;
    let remote = match app.names.of(connection.remote.0.into()) {
        Some(host) => format!("{host}:{}", connection.remote.1),
        None => endpoint(connection.remote),
    };
    let arrow = match connection.direction {
        Direction::Inbound => "",
        Direction::Outbound => ">",
    };
    let unknown = || glyphs.unknown.to_string();
    let owner = match &socket.owner {
        Some(owner) => process(owner),
        None if connection.never_accepted() => "not accepted".to_owned(),
        None => unknown(),
    };
    vec![
        (connection.state.name().to_owned(), doubtful(waiting)),
        (waiting_for(socket, app).unwrap_or_default(), doubtful(waiting)),
        (age_of(socket, app, glyphs), Role::Plain),
        (format!("{arrow}{remote}"), Role::Strong),
        (endpoint(connection.local), Role::Plain),
        (
            // Turns are no fewer than requests.
            Value::Turns(Some(connection.turns.into()), connection.requests_exact).text(glyphs),
            Role::Plain,
        ),
        (
            connection
                .protocol
                .map_or_else(unknown, |protocol| protocol.name().to_owned()),
            Role::Plain,
        ),
        (age(connection.idle_ns), Role::Plain),
        (bytes(connection.bytes_received), Role::Plain),
        (bytes(connection.bytes_sent), Role::Plain),
        match socket.peer {
            Some((_, verdict)) => (verdict.to_string(), bad(verdict.accuses())),
            None => (unknown(), Role::Plain),
        },
        (owner, bad(connection.never_accepted())),
    ]
}

/// How long a connection has been open; `>`: at least.
pub(super) fn age_of(socket: &Socket, app: &App, glyphs: &Glyphs) -> String {
    match socket.age(app.shown.taken()) {
        Some((ns, true)) => format!(">{}", age(ns)),
        Some((ns, false)) => age(ns),
        None => glyphs.unknown.to_string(),
    }
}

/// How long a connection has been in CLOSE_WAIT; `>`: at least, since it may have been in it before tracing.
pub(super) fn waiting_for(socket: &Socket, app: &App) -> Option<String> {
    let ns = socket.close_wait_ns(app.shown.taken())?;
    let bound = match socket.connection.since {
        Since::Opened(_) => "",
        Since::Seeded(_) | Since::Unknown => ">",
    };
    Some(format!("{bound}{}", age(ns)))
}

/// An address and port in the usual notation.
pub(super) fn endpoint((address, port): (std::net::IpAddr, u16)) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

/// What happened, oldest first.
pub(super) fn log(app: &mut App, area: Rect, pen: &mut Pen<'_>) {
    draw(app, area, pen, &lists::LOG, "nothing yet", |app, row| {
        let event = app.log_row(row)?;
        let role = match event.weight {
            Weight::Note => Role::Plain,
            Weight::Good => Role::Good,
            Weight::Bad => Role::Bad,
        };
        Some(vec![(clock(event.at), Role::Faint), (event.text.clone(), role)])
    });
}

/// How many more lines there are.
pub(super) fn and_more(n: usize) -> String {
    format!("and {}", count(n as u64, "more", "more"))
}

fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

fn doubtful(yes: bool) -> Role {
    if yes { Role::Doubtful } else { Role::Plain }
}

fn bad(yes: bool) -> Role {
    if yes { Role::Bad } else { Role::Plain }
}
