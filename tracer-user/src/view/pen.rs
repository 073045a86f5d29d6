//! The only way to put text on the screen: cleaned, measured, and in ASCII if necessary.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{
    fit::{self, Align, visible},
    theme::{Glyphs, Role, Theme},
};

/// Writes into a part of the screen.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    /// The theme.
    pub theme: Theme,
    /// The characters for marks.
    pub glyphs: Glyphs,
}

impl<'a> Pen<'a> {
    /// A pen for a screen.
    pub fn new(buffer: &'a mut Buffer, theme: Theme, glyphs: Glyphs) -> Self {
        Self {
            buffer,
            theme,
            glyphs,
        }
    }

    /// Writes at most `columns` columns, and returns the number used.
    pub fn text(&mut self, x: u16, y: u16, columns: u16, text: &str, role: Role) -> u16 {
        let mut text = visible(text);
        if self.glyphs.ascii && !text.is_ascii() {
            text = text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
        }
        let area = self.buffer.area;
        let inside = area.contains((x, y).into());
        let columns = columns.min(area.right().saturating_sub(x));
        if !inside || columns == 0 {
            return 0;
        }
        let text = fit::cut(&text, columns.into(), self.glyphs.ellipsis);
        let style: Style = self.theme.style(role);
        let (end, _) = self.buffer.set_stringn(x, y, text, columns.into(), style);
        end.saturating_sub(x)
    }

    /// Writes into a column of the given width.
    pub fn cell(&mut self, x: u16, y: u16, columns: u16, align: Align, text: &str, role: Role) {
        let text = fit::pad(&visible(text), columns.into(), align, self.glyphs.ellipsis);
        self.text(x, y, columns, &text, role);
    }

    /// Writes pieces one after another on a line.
    pub fn line(&mut self, area: Rect, pieces: &[(String, Role)]) -> u16 {
        let mut used = 0;
        for (text, role) in pieces {
            let room = area.width.saturating_sub(used);
            used += self.text(area.x + used, area.y, room, text, *role);
        }
        used
    }

    /// Styles a part of the screen, whatever is written there.
    pub fn mark(&mut self, area: Rect, role: Role) {
        let area = area.intersection(self.buffer.area);
        self.buffer.set_style(area, self.theme.style(role));
    }
}
