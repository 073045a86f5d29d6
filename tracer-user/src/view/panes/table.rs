//! A list with titles, a selected row, and columns that are dropped when space is short.

use ratatui::layout::Rect;

use crate::view::{
    app::{App, Title},
    fit::{Align, width},
    layout::{Need, Span, fit_columns},
    lists::ListColumn,
    pen::Pen,
    theme::Role,
};

/// Text with its role.
pub(super) type Cell = (String, Role);

/// Draws the current tab's list: titles, then the rows around the selected one.
pub(super) fn draw<T>(
    app: &mut App,
    area: Rect,
    pen: &mut Pen<'_>,
    heads: &[ListColumn<T>],
    empty: &str,
    cells: impl Fn(&App, usize) -> Option<Vec<Cell>>,
) {
    let needs: Vec<Need> = heads.iter().map(|head| head.need).collect();
    let placed = fit_columns(&needs, area.width);
    pen.mark(Rect { height: 1, ..area }, Role::Title);
    let sort = app.list_sort();
    for (number, span) in &placed {
        if let Some(head) = heads.get(*number) {
            let chosen = sort.column == Some(*number);
            let falling = chosen.then_some(head.greatest_first() != sort.reversed);
            let clicked = Title::List(*number);
            title(app, area, pen, *span, (head.title, head.align), falling, clicked);
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

/// Draws a title, with a mark if the list is sorted by it, greatest first (`falling`) or last. Notes it for
/// the mouse.
pub(super) fn title(
    app: &mut App,
    area: Rect,
    pen: &mut Pen<'_>,
    span: Span,
    (title, align): (&str, Align),
    falling: Option<bool>,
    clicked: Title,
) {
    let role = if falling.is_some() {
        Role::Chosen
    } else {
        Role::Title
    };
    pen.cell(area.x + span.x, area.y, span.width, align, title, role);
    if let Some(falling) = falling {
        let [down, up] = pen.glyphs.sorted;
        let mark = if falling { down } else { up };
        // Beside the title; if that fills its column, the mark uses the gap before or after it.
        let taken = u16::try_from(width(title)).unwrap_or(u16::MAX).min(span.width);
        let x = match align {
            Align::Left => span.x + taken,
            Align::Right => (span.x + span.width - taken).saturating_sub(1),
        };
        pen.text(area.x + x, area.y, 1, &mark.to_string(), role);
    }
    let hit = Rect {
        x: area.x + span.x,
        width: span.width,
        height: 1,
        ..area
    };
    app.hits.titles.push((hit, clicked));
}

/// The room below the titles.
pub(super) fn below(area: Rect) -> Rect {
    Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    }
}

/// The rows on the screen: line, index, and whether selected. Notes them for the mouse.
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
