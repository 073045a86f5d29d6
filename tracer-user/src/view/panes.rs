//! What is drawn where. Every pane is a function of the state and the room it has.

mod detail;
mod header;
mod help;
mod lists;
mod peers;
mod playback;
mod table;

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    app::{App, Hits, Mode, Tab},
    keys::bindings,
    pen::Pen,
    theme::Role,
};

/// From so many rows on the header has charts.
const TALL: u16 = 18;

/// Draws everything, notes what the mouse may hit, and gives where the text cursor stands, if a
/// filter is being typed.
pub fn draw(app: &mut App, buffer: &mut Buffer) -> Option<(u16, u16)> {
    let area = buffer.area;
    buffer.reset();
    let mut pen = Pen::new(buffer, app.look.theme, app.look.glyphs);
    app.hits = Hits::default();
    if area.height < 4 || area.width < 20 {
        pen.text(area.x, area.y, area.width, "tcpreuse: too small", Role::Plain);
        return None;
    }
    let header = if area.height >= TALL {
        header::tall(app, area, &mut pen)
    } else {
        header::short(app, area, &mut pen)
    };
    let tabs = row_of(area, header);
    draw_tabs(app, tabs, &mut pen);
    let footer = row_of(area, area.height - 1);
    let body = Rect {
        y: area.y + header + 1,
        height: area.height.saturating_sub(header + 2),
        ..area
    };
    match (&app.mode, app.detail, app.tab) {
        (Mode::Help(_), _, _) => help::draw(app, body, &mut pen),
        (_, Some(_), _) => detail::draw(app, body, &mut pen),
        (_, None, Tab::Peers) => peers::draw(app, body, &mut pen),
        (_, None, Tab::Causes) => lists::causes(app, body, &mut pen),
        (_, None, Tab::Listeners) => lists::listeners(app, body, &mut pen),
        (_, None, Tab::Connections) => lists::connections(app, body, &mut pen),
        (_, None, Tab::Log) => lists::log(app, body, &mut pen),
    }
    draw_footer(app, footer, &mut pen)
}

/// One row of an area.
fn row_of(area: Rect, row: u16) -> Rect {
    Rect {
        y: area.y + row,
        height: 1,
        ..area
    }
}

fn draw_tabs(app: &mut App, area: Rect, pen: &mut Pen<'_>) {
    let mut x = area.x;
    for (number, tab) in Tab::ALL.into_iter().enumerate() {
        let count = match tab {
            Tab::Peers => app.shown.rows.len(),
            Tab::Causes => app.shown.diagnosis.causes.len(),
            Tab::Listeners => app.shown.diagnosis.listeners.len(),
            Tab::Connections => app.shown.sockets.len(),
            Tab::Log => app.shown.log.len(),
        };
        let text = if area.width >= 80 {
            format!("{} {} {count}", number + 1, tab.name())
        } else {
            format!("{} {}", number + 1, tab.name())
        };
        let role = if tab == app.tab { Role::Chosen } else { Role::Faint };
        let used = pen.text(x, area.y, area.right().saturating_sub(x), &text, role);
        let hit = Rect {
            x,
            width: used,
            ..area
        };
        app.hits.tabs.push((hit, number));
        x = x.saturating_add(used + 2);
    }
    let state = state_of_list(app);
    let width = u16::try_from(super::fit::width(&state)).unwrap_or(u16::MAX);
    if !state.is_empty() && x + width <= area.right() {
        pen.text(area.right() - width, area.y, width, &state, Role::Faint);
    }
}

/// What the list shows and how, for the right end of the line of tabs.
fn state_of_list(app: &App) -> String {
    let mut parts = Vec::new();
    if app.detail.is_none() {
        parts.push(app.order_in_words());
        if app.tab == Tab::Peers && app.grouped {
            parts.push("grouped".to_owned());
        }
    }
    if !app.filter_text.is_empty() && matches!(app.tab, Tab::Peers | Tab::Connections) {
        parts.push(format!("/{} ({} shown)", app.filter_text, app.len()));
    }
    parts.join(", ")
}

/// The last line: what is being typed, what came of the last key, or which keys there are.
fn draw_footer(app: &App, area: Rect, pen: &mut Pen<'_>) -> Option<(u16, u16)> {
    if let Mode::Filter(input, _) = &app.mode {
        let used = pen.text(area.x, area.y, area.width, "filter: ", Role::Strong);
        let room = area.width.saturating_sub(used + 1);
        let scroll = input.visual_scroll(room.into());
        let shown: String = input.value().chars().skip(scroll).collect();
        pen.text(area.x + used, area.y, room, &shown, Role::Plain);
        let at = u16::try_from(input.visual_cursor().saturating_sub(scroll)).unwrap_or(0);
        return Some((area.x + used + at.min(room), area.y));
    }
    if let Some(message) = &app.message {
        pen.text(area.x, area.y, area.width, message, Role::Strong);
        return None;
    }
    let hints: Vec<String> = bindings(app.is_replay())
        .filter(|binding| !binding.hint.is_empty())
        .map(|binding| {
            let key = binding.shown.split(' ').next().unwrap_or_default();
            format!("{key} {}", binding.hint)
        })
        .collect();
    pen.text(area.x, area.y, area.width, &hints.join("  "), Role::Faint);
    None
}

/// The screen as text, for where there is no terminal.
pub fn picture(app: &mut App, width: u16, height: u16) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw(app, &mut buffer);
    let mut out = String::new();
    for line in buffer.content.chunks(width.max(1).into()) {
        let mut text = String::new();
        let mut covered = 0;
        for cell in line {
            // A wide character covers the cell after it.
            if covered == 0 {
                text.push_str(cell.symbol());
            }
            covered = super::fit::width(cell.symbol()).max(covered).saturating_sub(1);
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;
