//! The table of peers.

use std::collections::BTreeSet;

use ratatui::layout::Rect;

use super::{
    lists::and_more,
    table::{self, below, visible_rows},
};
use crate::view::{
    app::{App, Title},
    columns::{Column, place},
    fit::wrap,
    pen::Pen,
    theme::Role,
};

/// Ports named on an empty screen at most.
const MAX_PORTS: usize = 20;

pub(super) fn draw(app: &mut App, area: Rect, pen: &mut Pen<'_>) {
    let placed = place(&app.columns(), area.width);
    titles(app, area, pen);
    let rows = below(area);
    for (y, number, selected) in visible_rows(app, rows) {
        let Some(row) = app.peer_row(number) else {
            continue;
        };
        for (column, span) in &placed {
            let host = app.names.of(row.id.network).filter(|_| *column == Column::Peer);
            let text = match host {
                Some(host) => host.to_owned(),
                None => column.value(row).text(&pen.glyphs),
            };
            let align = column.spec().align();
            pen.cell(area.x + span.x, y, span.width, align, &text, column.role(row));
        }
        if selected {
            pen.mark(Rect { y, height: 1, ..area }, Role::Selected);
        }
    }
    if app.is_empty() {
        let text = if app.filter_text.is_empty() {
            nothing(app)
        } else {
            "no peer passes the filter; Esc drops it".to_owned()
        };
        let lines = wrap(&text, rows.width.into());
        for (y, line) in (rows.top()..rows.bottom()).zip(&lines) {
            pen.text(rows.x, y, rows.width, line, Role::Faint);
        }
    }
}

/// Why the list is empty before the first connection: what listens, traced or not.
fn nothing(app: &App) -> String {
    let listeners = &app.shown.diagnosis.listeners;
    let traced: BTreeSet<u16> = listeners.iter().map(|now| now.port).collect();
    let others = app.live.iter().flat_map(|live| &live.listening);
    let others: BTreeSet<u16> = others.copied().collect();
    match (traced.is_empty(), others.is_empty()) {
        (false, _) => format!("no connections yet; listening: {}", listed(&traced)),
        (true, false) => format!(
            "no connections yet, and nothing listens on what is traced; listening here: {}",
            listed(&others)
        ),
        (true, true) => "no connections yet".to_owned(),
    }
}

/// The ports in ascending order, limited in number.
fn listed(ports: &BTreeSet<u16>) -> String {
    let named = ports.iter().take(MAX_PORTS).map(u16::to_string);
    let mut words: Vec<String> = named.collect();
    if ports.len() > MAX_PORTS {
        words.push(and_more(ports.len() - MAX_PORTS));
    }
    words.join(", ")
}

fn titles(app: &mut App, area: Rect, pen: &mut Pen<'_>) {
    pen.mark(Rect { height: 1, ..area }, Role::Title);
    for (column, span) in place(&app.columns(), area.width) {
        let spec = column.spec();
        let chosen = app.sort.column == Some(column);
        let falling = chosen.then_some(spec.greatest_first() != app.sort.reversed);
        let title = Title::Peers(column);
        table::title(app, area, pen, span, (spec.title, spec.align()), falling, title);
    }
}
