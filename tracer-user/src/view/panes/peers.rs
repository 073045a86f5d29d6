//! The table of peers.

use ratatui::layout::Rect;

use super::table::{below, visible_rows};
use crate::view::{
    app::App,
    columns::{Column, place},
    fit::{Align, cut},
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
                None => column.text(row, &pen.glyphs),
            };
            let align = column.spec().align;
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
        let falling = spec.greatest_first != app.sort.reversed;
        let [down, up] = pen.glyphs.sorted;
        let mark = if falling { down } else { up };
        let title = if chosen {
            let room = usize::from(span.width).saturating_sub(1);
            let title = cut(spec.title, room, pen.glyphs.ellipsis);
            match spec.align {
                Align::Left => format!("{title}{mark}"),
                Align::Right => format!("{mark}{title}"),
            }
        } else {
            spec.title.to_owned()
        };
        let role = if chosen { Role::Chosen } else { Role::Title };
        pen.cell(area.x + span.x, area.y, span.width, spec.align, &title, role);
        let hit = Rect {
            x: area.x + span.x,
            width: span.width,
            height: 1,
            ..area
        };
        app.hits.titles.push((hit, column));
    }
}
