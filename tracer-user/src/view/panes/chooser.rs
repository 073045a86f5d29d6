//! The list in which columns are chosen.

use ratatui::layout::Rect;

use crate::view::{
    app::{App, Mode},
    fit::Align,
    pen::Pen,
    theme::Role,
};

/// The keys, above the list.
const KEYS: &str =
    "columns: Space shows or hides, - and + move one up or down, r as by default, w saves, Esc goes back";

/// Width of the mark with the title.
const TITLE: u16 = 18;

pub(super) fn draw(app: &mut App, area: Rect, pen: &mut Pen<'_>) {
    let Mode::Columns(chooser) = &app.mode else {
        return;
    };
    pen.text(area.x, area.y, area.width, KEYS, Role::Strong);
    let height = usize::from(area.height.saturating_sub(1)).max(1);
    let top = (chooser.row + 1).saturating_sub(height);
    let rows = (area.top() + 1..area.bottom()).zip(chooser.entries.iter().enumerate().skip(top));
    for (y, (number, (column, is_shown))) in rows {
        let spec = column.spec();
        let mark = if *is_shown { "[x]" } else { "[ ]" };
        let title = format!("{mark} {}", spec.title);
        let role = if *is_shown { Role::Strong } else { Role::Faint };
        pen.cell(area.x, y, TITLE.min(area.width), Align::Left, &title, role);
        let rest = area.width.saturating_sub(TITLE + 1);
        pen.text(area.x + TITLE + 1, y, rest, spec.help, Role::Plain);
        if number == chooser.row {
            pen.mark(Rect { y, height: 1, ..area }, Role::Selected);
        }
    }
}
