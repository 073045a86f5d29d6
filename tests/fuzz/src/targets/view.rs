//! Keys, mouse events and pasted text in the view of a recording, on screens of any size.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::{buffer::Buffer, layout::Rect};
use tcpreuse::testing::{
    evidence::load::{Loaded, load},
    view::{
        app::{App, Look, Sort, default_columns},
        keeper::{Batch, Keeper, Prefixes},
        panes,
        snapshot::Snapshot,
        theme::{Glyphs, Theme},
    },
};

use crate::scratch::Scratch;

/// Upper limit for the events taken from one input.
const EVENTS: usize = 48;

/// An input is a list of two-byte events: the kind and a value.
pub(super) fn run(input: &[u8]) {
    thread_local! {
        static SNAPSHOT: Arc<Snapshot> = Arc::new(snapshot());
    }
    let mut app = App::new(look(), SNAPSHOT.with(Arc::clone));
    let mut buffer = Buffer::empty(Rect::new(0, 0, 100, 30));
    for [what, value] in input.as_chunks::<2>().0.iter().take(EVENTS) {
        match what % 16 {
            0 => buffer = Buffer::empty(Rect::new(0, 0, u16::from(*value), u16::from(what / 16) * 5 + 1)),
            1 => mouse(&mut app, *value, what / 16),
            2 => app.paste(&"a\u{1b}[31m \u{202e}:/!".repeat(usize::from(*value) % 8)),
            3 => drop(app.key(KeyEvent::new(other(*value), KeyModifiers::NONE))),
            4 => drop(app.key(KeyEvent::new(
                KeyCode::Char(char::from(*value)),
                KeyModifiers::CONTROL,
            ))),
            5 => app.update(SNAPSHOT.with(Arc::clone)),
            _ => drop(app.key(KeyEvent::new(
                KeyCode::Char(char::from(*value)),
                KeyModifiers::NONE,
            ))),
        }
        let cursor = panes::draw(&mut app, &mut buffer);
        assert!(
            cursor.is_none_or(|place| buffer.area.contains(place.into())),
            "{cursor:?}"
        );
        for cell in buffer.content() {
            crate::assert_harmless(cell.symbol());
        }
    }
}

fn mouse(app: &mut App, column: u8, row: u8) {
    app.mouse(MouseEvent {
        kind: match column % 3 {
            0 => MouseEventKind::ScrollDown,
            1 => MouseEventKind::ScrollUp,
            _ => MouseEventKind::Down(MouseButton::Left),
        },
        column: column.into(),
        row: row.into(),
        modifiers: KeyModifiers::NONE,
    });
}

fn other(value: u8) -> KeyCode {
    match value % 16 {
        0 => KeyCode::Enter,
        1 => KeyCode::Esc,
        2 => KeyCode::Tab,
        3 => KeyCode::BackTab,
        4 => KeyCode::Up,
        5 => KeyCode::Down,
        6 => KeyCode::PageUp,
        7 => KeyCode::PageDown,
        8 => KeyCode::Home,
        9 => KeyCode::End,
        10 => KeyCode::Left,
        11 => KeyCode::Right,
        12 => KeyCode::Backspace,
        13 => KeyCode::Delete,
        14 => KeyCode::F(value / 16),
        _ => KeyCode::Null,
    }
}

fn look() -> Look {
    Look {
        columns: default_columns(),
        sort: Sort::default(),
        theme: Theme { color: true },
        glyphs: Glyphs::UNICODE,
        host: "web1".to_owned(),
        filters: "port 8081 inbound".to_owned(),
    }
}

fn snapshot() -> Snapshot {
    let Loaded { sample, options, .. } = load(Scratch::take().path()).expect("the recording");
    Keeper::new(Prefixes { v4: 24, v6: 64 }, None).add(Batch {
        sample,
        ended: Vec::new(),
        options,
        notes: Vec::new(),
        replayed: None,
    })
}
