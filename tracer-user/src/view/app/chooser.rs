//! Choosing the columns of the peers: which of them, and in which order.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{App, Effect, Mode, default_columns};
use crate::view::columns::{COLUMNS, Column};

/// The columns that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chooser {
    /// Each column and whether it is shown, in the order in which they are shown.
    pub entries: Vec<(Column, bool)>,
    /// The entry under the cursor.
    pub row: usize,
}

impl Chooser {
    /// The columns in use come first.
    fn of(columns: &[Column]) -> Self {
        let shown = columns.iter().map(|column| (*column, true));
        let all = COLUMNS.iter().map(|spec| spec.column);
        let others = all.filter(|column| !columns.contains(column));
        Self {
            entries: shown.chain(others.map(|column| (column, false))).collect(),
            row: 0,
        }
    }

    fn chosen(&self) -> Vec<Column> {
        let shown = self.entries.iter().filter(|(_, is_shown)| *is_shown);
        shown.map(|(column, _)| *column).collect()
    }

    fn step(&mut self, by: isize) {
        let last = self.entries.len().saturating_sub(1);
        self.row = self.row.saturating_add_signed(by).min(last);
    }

    /// Moves the entry under the cursor, and the cursor with it.
    fn shift(&mut self, by: isize) {
        let from = self.row;
        self.step(by);
        self.entries.swap(from, self.row);
    }

    /// Shows the column under the cursor, or hides it unless it is the only one.
    fn toggle(&mut self) {
        let is_last = self.chosen().len() == 1;
        if let Some((_, is_shown)) = self.entries.get_mut(self.row) {
            *is_shown = !*is_shown || is_last;
        }
    }
}

impl App {
    pub(super) fn begin_choosing(&mut self) {
        self.mode = Mode::Columns(Chooser::of(&self.look.columns));
    }

    /// Handles a key while columns are chosen.
    pub(super) fn choose_key(&mut self, event: KeyEvent) -> Option<Effect> {
        self.message = None;
        let Mode::Columns(chooser) = &mut self.mode else {
            return None;
        };
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        match event.code {
            KeyCode::Char('c') if control => return Some(Effect::Quit),
            KeyCode::Char('z') if control => return Some(Effect::Suspend),
            KeyCode::Char('l') if control => return Some(Effect::Repaint),
            KeyCode::Down | KeyCode::Char('j') => chooser.step(1),
            KeyCode::Up | KeyCode::Char('k') => chooser.step(-1),
            KeyCode::Home | KeyCode::Char('g') => chooser.row = 0,
            KeyCode::End | KeyCode::Char('G') => chooser.step(isize::MAX),
            KeyCode::Char(' ') | KeyCode::Enter => chooser.toggle(),
            KeyCode::Char('+') => chooser.shift(1),
            KeyCode::Char('-') => chooser.shift(-1),
            KeyCode::Char('r') => *chooser = Chooser::of(&default_columns()),
            KeyCode::Char('w') => return Some(Effect::SaveColumns(chooser.chosen())),
            _ => {
                self.mode = Mode::Command;
                return None;
            }
        }
        self.look.columns = chooser.chosen();
        self.refresh();
        None
    }
}
