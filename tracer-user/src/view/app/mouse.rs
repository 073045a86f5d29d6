//! The mouse: a click on a title sorts, one on a row selects it, the wheel scrolls.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::{App, Mode};
use crate::view::columns::Column;

/// Rows that one step of the wheel scrolls.
const WHEEL: isize = 3;

/// A title that can be clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Title {
    /// Of the peers.
    Peers(Column),
    /// Of another list, by its number.
    List(usize),
}

/// Where on the screen what stands, from the last drawing.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    /// Titles of columns that can be sorted by.
    pub titles: Vec<(Rect, Title)>,
    /// Tabs, by number.
    pub tabs: Vec<(Rect, usize)>,
    /// Rows of the list.
    pub rows: Rect,
    /// The number of the first of them.
    pub first: usize,
}

impl App {
    /// Something was done with the mouse.
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
            _ => self.step(by),
        }
    }

    fn click(&mut self, at: Position) {
        if let Mode::Help(_) = self.mode {
            self.mode = Mode::Command;
            return;
        }
        // The keys are the list's again, whose rows are clicked at.
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
                // A second click looks closer.
                let again = row == self.row();
                self.select(row);
                if again {
                    self.enter();
                }
            }
        }
    }
}
