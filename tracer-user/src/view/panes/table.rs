//! A list with titles, a selected row, and columns that make room for each other.

use ratatui::layout::Rect;

use crate::view::{
    app::App,
    fit::Align,
    layout::{Need, fit_columns},
    pen::Pen,
    theme::Role,
};

/// A column of a simple list.
pub(super) struct Head {
    pub(super) title: &'static str,
    pub(super) align: Align,
    pub(super) need: Need,
}

/// Words that may take more room.
pub(super) const fn words(title: &'static str, width: u16, stretch: u16, drop: u8) -> Head {
    Head {
        title,
        align: Align::Left,
        need: Need { width, stretch, drop },
    }
}

/// A number.
pub(super) const fn number(title: &'static str, width: u16, drop: u8) -> Head {
    Head {
        title,
        align: Align::Right,
        need: Need {
            width,
            stretch: 0,
            drop,
        },
    }
}

/// Text with its role.
pub(super) type Cell = (String, Role);

/// Draws the list of the tab: titles, then the rows around the selected one.
pub(super) fn draw(
    app: &mut App,
    area: Rect,
    pen: &mut Pen<'_>,
    heads: &[Head],
    empty: &str,
    cells: impl Fn(&App, usize) -> Option<Vec<Cell>>,
) {
    let needs: Vec<Need> = heads.iter().map(|head| head.need).collect();
    let placed = fit_columns(&needs, area.width);
    pen.mark(Rect { height: 1, ..area }, Role::Title);
    for (number, span) in &placed {
        if let Some(head) = heads.get(*number) {
            pen.cell(
                area.x + span.x,
                area.y,
                span.width,
                head.align,
                head.title,
                Role::Title,
            );
        }
    }
    let rows = below(area);
    for (y, row, selected) in visible_rows(app, rows) {
        let Some(cells) = cells(app, row) else {
            continue;
        };
        for (number, span) in &placed {
            if let (Some(head), Some((text, role))) = (heads.get(*number), cells.get(*number)) {
                pen.cell(area.x + span.x, y, span.width, head.align, text, *role);
            }
        }
        if selected {
            pen.mark(Rect { y, height: 1, ..area }, Role::Selected);
        }
    }
    if app.is_empty() {
        pen.text(rows.x, rows.y, rows.width, empty, Role::Faint);
    }
}

/// The room below the titles.
pub(super) fn below(area: Rect) -> Rect {
    Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    }
}

/// The rows on the screen: line, number, whether selected. Notes them for the mouse.
pub(super) fn visible_rows(app: &mut App, area: Rect) -> Vec<(u16, usize, bool)> {
    let first = app.scroll(area.height.into());
    app.hits.rows = area;
    app.hits.first = first;
    let (len, selected) = (app.len(), app.row());
    (area.top()..area.bottom())
        .zip(first..len)
        .map(|(y, row)| (y, row, row == selected))
        .collect()
}
