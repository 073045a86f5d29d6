//! What is drawn where. Every pane is a function of the state and the available room.

mod chooser;
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
    columns::place,
    fit::Align,
    keys::{Action, Binding, bindings},
    pen::Pen,
    playback::Command,
    theme::Role,
};

/// Minimum number of rows for a header with charts.
const TALL: u16 = 18;

/// Draws everything, notes what the mouse can hit, and returns the position of the text cursor if a filter is
/// being typed.
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
        // The titles would be on the last line.
        _ if body.height == 0 => {}
        (Mode::Help(_), _, _) => help::draw(app, body, &mut pen),
        (Mode::Columns(_), _, _) => chooser::draw(app, body, &mut pen),
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
    let state = state_of_list(app, area.width);
    let width = |text: &str| u16::try_from(super::fit::width(text)).unwrap_or(u16::MAX);
    let fits = |tabs: &[String]| {
        let tabs = tabs
            .iter()
            .fold(0_u16, |sum, tab| sum.saturating_add(width(tab) + 2));
        tabs.saturating_add(width(&state)) <= area.width
    };
    let (bare, counted) = (tabs(app, false), tabs(app, true));
    // What the user has chosen matters more than counts.
    let counts = area.width >= 80 && (fits(&counted) || !app.is_arranged() || !fits(&bare));
    let texts = if counts { counted } else { bare };
    if !state.is_empty() && fits(&texts) {
        let width = width(&state);
        pen.text(area.right() - width, area.y, width, &state, Role::Faint);
    }
    let mut x = area.x;
    for ((number, tab), text) in Tab::ALL.into_iter().enumerate().zip(texts) {
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
}

/// The tabs with their numbers and, optionally, counts.
fn tabs(app: &App, counts: bool) -> Vec<String> {
    let shown = &app.shown;
    let tabs = Tab::ALL.into_iter().zip(1..).map(|(tab, number)| {
        let count = match tab {
            Tab::Peers => shown.rows.len(),
            Tab::Causes => shown.diagnosis.causes.len(),
            Tab::Listeners => shown.diagnosis.listeners.len(),
            Tab::Connections => shown.sockets.len(),
            Tab::Log => shown.log.len(),
        };
        match counts {
            true => format!("{number} {} {count}", tab.name()),
            false => format!("{number} {}", tab.name()),
        }
    });
    tabs.collect()
}

/// The order and grouping of the list, for the right end of the line of tabs.
fn state_of_list(app: &App, columns: u16) -> String {
    let mut parts = Vec::new();
    if app.detail.is_none() {
        let sorted = app.sort.column.filter(|_| app.tab == Tab::Peers);
        let is_placed = |column| {
            place(&app.columns(), columns)
                .iter()
                .any(|(seen, _)| *seen == column)
        };
        parts.push(match sorted {
            Some(column) if !is_placed(column) => format!("{} (not shown)", app.order_in_words()),
            _ => app.order_in_words(),
        });
        if app.tab == Tab::Peers && app.grouped {
            parts.push("grouped".to_owned());
        }
    }
    parts.join(", ")
}

/// The last line: what is being typed, the outcome of the last key, or the keys.
fn draw_footer(app: &App, area: Rect, pen: &mut Pen<'_>) -> Option<(u16, u16)> {
    let typed = match &app.mode {
        Mode::Filter(input, _) => Some(("filter: ", input)),
        Mode::Find(input) => Some(("find: ", input)),
        Mode::Command | Mode::Columns(_) | Mode::Help(_) => None,
    };
    if let Some((prompt, input)) = typed {
        if let Some(error) = &app.filter_error {
            draw_error(error, area, pen);
        }
        let used = pen.text(area.x, area.y, area.width, prompt, Role::Strong);
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
    let (out, others) = hints(app);
    let mut pieces = vec![(out.join("  "), Role::Faint)];
    if !app.filter_text.is_empty() && app.tab.is_filtered() && app.detail.is_none() {
        let filter = format!("  {} shown by /{} (Esc drops it)", app.len(), app.filter_text);
        pieces.push((filter, Role::Strong));
    }
    let taken: usize = pieces.iter().map(|(text, _)| super::fit::width(text)).sum();
    let mut room = usize::from(area.width).saturating_sub(taken);
    // A hint is shown completely or not at all.
    for hint in others {
        let hint = format!("  {hint}");
        let Some(left) = room.checked_sub(super::fit::width(&hint)) else {
            break;
        };
        room = left;
        pieces.push((hint, Role::Faint));
    }
    pen.line(area, &pieces);
    None
}

/// The keys for quitting and help, and the others.
fn hints(app: &App) -> (Vec<String>, Vec<String>) {
    let playing = app.shown.playback.is_some_and(|playback| playback.playing);
    let hint = |binding: &Binding| {
        let key = binding.shown.split(' ').next().unwrap_or_default();
        let hint = match binding.action {
            Action::Play(Command::PlayOrHold) if playing => "pause",
            _ => binding.hint,
        };
        format!("{key} {hint}")
    };
    let is_out = |binding: &&Binding| matches!(binding.action, Action::Quit | Action::Help);
    let (mut out, others): (Vec<&Binding>, Vec<&Binding>) = bindings(app.is_replay())
        .filter(|binding| !binding.hint.is_empty())
        .partition(is_out);
    out.sort_by_key(|binding| binding.action != Action::Quit);
    let hints = |bindings: Vec<&Binding>| bindings.into_iter().map(hint).collect();
    (hints(out), hints(others))
}

/// Shows why the filter is invalid, above the line where it is typed.
fn draw_error(error: &str, footer: Rect, pen: &mut Pen<'_>) {
    let lines = super::fit::wrap(error, footer.width.into());
    for (y, line) in (0..footer.y).rev().zip(lines.iter().rev()) {
        let width = footer.width;
        pen.cell(footer.x, y, width, Align::Left, line, Role::Bad);
    }
}

/// The screen as text, for use without a terminal.
pub fn picture(app: &mut App, width: u16, height: u16) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw(app, &mut buffer);
    let mut out = String::new();
    for line in buffer.content.chunks(width.max(1).into()) {
        let mut text = String::new();
        let mut covered = 0;
        for cell in line {
            // A wide character covers the next cell too.
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
