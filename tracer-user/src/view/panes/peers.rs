//! The table of peers.

use ratatui::layout::Rect;

use super::table::{self, below, visible_rows};
use crate::view::{
    app::{App, Title},
    columns::{Column, place},
    pen::Pen,
    theme::Role,
};

pub(super) fn draw(app: &mut App, area: Rect, pen: &mut Pen<'_>) {
    let placed = place(&app.look.columns, area.width);
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
            "no connection has passed the filters yet"
        } else {
            "no peer passes the filter; Esc drops it"
        };
        pen.text(rows.x, rows.y, rows.width, text, Role::Faint);
    }
}

fn titles(app: &mut App, area: Rect, pen: &mut Pen<'_>) {
    pen.mark(Rect { height: 1, ..area }, Role::Title);
    for (column, span) in place(&app.look.columns, area.width) {
        let spec = column.spec();
        let chosen = app.sort.column == Some(column);
        let falling = chosen.then_some(spec.greatest_first() != app.sort.reversed);
        let title = Title::Peers(column);
        table::title(app, area, pen, span, (spec.title, spec.align()), falling, title);
    }
}
