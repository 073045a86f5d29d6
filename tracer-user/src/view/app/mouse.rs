//! The mouse: a click on a title sorts, a click on a row selects it, and the wheel scrolls.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::{App, Mode};
use crate::view::columns::Column;

/// Rows scrolled per step of the wheel.
const WHEEL: isize = 3;

/// A title that can be clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Title {
    /// Of the peer table.
    Peers(Column),
    /// Of another list, by its index.
    List(usize),
}

/// What is where on the screen, from the last drawing.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    /// Titles of columns that can be sorted by.
    pub titles: Vec<(Rect, Title)>,
    /// Tabs, by index.
    pub tabs: Vec<(Rect, usize)>,
    /// The area of the list's rows.
    pub rows: Rect,
    /// The index of the first row shown.
    pub first: usize,
}

impl App {
    /// Handles a mouse event.
    pub fn mouse(&mut self, event: MouseEvent) {
        let at = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::ScrollDown => self.wheel(WHEEL),
            MouseEventKind::ScrollUp => self.wheel(-WHEEL),
            MouseEventKind::Down(MouseButton::Left) => self.click(at),
            _ => {}
        }
    }

    fn wheel(&mut self, by: isize) {
        match &mut self.mode {
            Mode::Help(top) => *top = top.saturating_add_signed(by),
            Mode::Columns(_) => {}
            _ => self.step(by),
        }
    }

    fn click(&mut self, at: Position) {
        if let Mode::Help(_) | Mode::Columns(_) = self.mode {
            self.mode = Mode::Command;
            return;
        }
        // A click on a row gives the keys back to the list.
        self.end_typing(false);
        let tab = self.hits.tabs.iter().find(|(area, _)| area.contains(at));
        if let Some((_, number)) = tab {
            self.show_tab(*number);
            return;
        }
        if self.detail.is_some() {
            return;
        }
        let title = self.hits.titles.iter().find(|(area, _)| area.contains(at));
        if let Some((_, title)) = title {
            match *title {
                Title::Peers(column) => self.sort_by(column),
                Title::List(column) => self.sort_list_by(column),
            }
        } else if self.hits.rows.contains(at) {
            let row = self.hits.first + usize::from(at.y - self.hits.rows.y);
            if row < self.len() {
                // A second click on the row opens its detail.
                let again = row == self.row();
                self.select(row);
                if again {
                    self.enter();
                }
            }
        }
    }
}
