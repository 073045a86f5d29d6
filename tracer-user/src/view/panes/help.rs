//! The help, made from the tables of keys and columns.

use ratatui::layout::Rect;

use crate::view::{
    app::{App, Mode},
    columns::COLUMNS,
    fit::wrap,
    keeper::COURSE,
    keys::bindings,
    pen::Pen,
    theme::Role,
};

/// Width of the names.
const NAMES: u16 = 10;

pub(super) fn draw(app: &mut App, area: Rect, pen: &mut Pen<'_>) {
    let room = area.width.saturating_sub(NAMES + 1).max(1);
    let mut lines: Vec<(String, String, Role)> = Vec::new();
    if let Some((verdict, fix)) = app.verdict_at_cursor() {
        let title = "the verdict under the cursor";
        lines.push((String::new(), title.to_owned(), Role::Strong));
        let meaning = format!("{verdict}: {}", verdict.meaning());
        let change = Some(("change", &*fix)).filter(|_| !fix.is_empty());
        add(
            &mut lines,
            [("verdict", &*meaning)].into_iter().chain(change),
            room,
        );
    }
    let title = "keys; any other key goes back";
    lines.push((String::new(), title.to_owned(), Role::Strong));
    let entries = bindings(app.is_replay()).map(|binding| (binding.shown, binding.help));
    add(&mut lines, entries, room);
    let title = "columns of the peers; s and a click on a title sort by them";
    lines.push((String::new(), title.to_owned(), Role::Strong));
    let entries = COLUMNS.iter().map(|spec| (spec.title, spec.help));
    add(&mut lines, entries, room);
    lines.push((String::new(), "charts at the top".to_owned(), Role::Strong));
    let span = format!(
        "connections open and in CLOSE_WAIT over the last {}, or since tracing began; `most` is the height of both",
        humantime::format_duration(COURSE)
    );
    add(&mut lines, [("charts", span.as_str())].into_iter(), room);
    let height = usize::from(area.height);
    let last = lines.len().saturating_sub(height);
    app.page = height;
    let top = match &mut app.mode {
        Mode::Help(top) => {
            *top = (*top).min(last);
            *top
        }
        Mode::Command | Mode::Columns(_) | Mode::Filter(..) | Mode::Find(_) => 0,
    };
    for (y, (name, text, role)) in (area.top()..area.bottom()).zip(lines.iter().skip(top)) {
        pen.text(area.x, y, NAMES, name, Role::Strong);
        pen.text(area.x + NAMES + 1, y, room, text, *role);
    }
}

fn add<'a>(
    lines: &mut Vec<(String, String, Role)>,
    entries: impl Iterator<Item = (&'a str, &'a str)>,
    room: u16,
) {
    for (name, help) in entries {
        for (part, text) in wrap(help, room.into()).into_iter().enumerate() {
            let name = if part == 0 { name } else { "" };
            lines.push((name.to_owned(), text, Role::Plain));
        }
    }
}
