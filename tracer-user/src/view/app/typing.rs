//! Typing a filter, which takes effect as it is typed, or what to find.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};

use super::{App, Effect, Mode};
use crate::view::{filter::Filter, fit::visible, keys};

/// Longer than any sensible filter.
const MAX_FILTER: usize = 200;

impl App {
    /// Handles a key.
    pub fn key(&mut self, event: KeyEvent) -> Option<Effect> {
        match self.mode {
            Mode::Filter(..) | Mode::Find(_) => return self.type_key(event),
            Mode::Columns(_) => return self.choose_key(event),
            Mode::Command | Mode::Help(_) => {}
        }
        match keys::action(event, self.is_replay()) {
            Some(action) => self.act(action),
            None => {
                match self.mode {
                    Mode::Help(_) => self.mode = Mode::Command,
                    _ => self.message = Some("? shows the keys".to_owned()),
                }
                None
            }
        }
    }

    /// Handles pasted text, which only a line that is typed accepts.
    pub fn paste(&mut self, text: &str) {
        for c in visible(text).chars() {
            self.edit(InputRequest::InsertChar(c));
        }
    }

    pub(super) fn begin_filter(&mut self) {
        if !self.tab.is_filtered() {
            self.message = Some("filters apply to the peers (1) and the connections (4)".to_owned());
            return;
        }
        self.detail = None;
        let before = self.filter_text.clone();
        self.mode = Mode::Filter(Input::new(before.clone()), before);
    }

    fn type_key(&mut self, event: KeyEvent) -> Option<Effect> {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        let request = match event.code {
            // An invalid filter stays on the line to be corrected.
            KeyCode::Enter if self.filter_error.is_some() => return None,
            KeyCode::Enter => {
                if let Mode::Find(input) = std::mem::replace(&mut self.mode, Mode::Command) {
                    self.find(input.value());
                }
                return None;
            }
            KeyCode::Esc => {
                self.end_typing(true);
                return None;
            }
            KeyCode::Char('c') if control => return Some(Effect::Quit),
            KeyCode::Char('z') if control => return Some(Effect::Suspend),
            KeyCode::Char('l') if control => return Some(Effect::Repaint),
            KeyCode::Char('a') if control => InputRequest::GoToStart,
            KeyCode::Char('e') if control => InputRequest::GoToEnd,
            KeyCode::Char('h') if control => InputRequest::DeletePrevChar,
            KeyCode::Char('u') if control => InputRequest::DeleteFromStart,
            KeyCode::Char('k') if control => InputRequest::DeleteTillEnd,
            KeyCode::Char('w') if control => InputRequest::DeletePrevWord,
            KeyCode::Char(c) if !control => InputRequest::InsertChar(c),
            KeyCode::Backspace => InputRequest::DeletePrevChar,
            KeyCode::Delete => InputRequest::DeleteNextChar,
            KeyCode::Left => InputRequest::GoToPrevChar,
            KeyCode::Right => InputRequest::GoToNextChar,
            KeyCode::Home => InputRequest::GoToStart,
            KeyCode::End => InputRequest::GoToEnd,
            // The list can be scrolled while a filter is typed.
            KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => {
                return keys::action(event, self.is_replay()).and_then(|action| self.act(action));
            }
            _ => return None,
        };
        self.edit(request);
        None
    }

    fn edit(&mut self, request: InputRequest) {
        let (Mode::Filter(input, _) | Mode::Find(input)) = &mut self.mode else {
            return;
        };
        if let InputRequest::InsertChar(c) = request
            && (input.value().chars().count() >= MAX_FILTER || visible(&c.to_string()).is_empty())
        {
            return;
        }
        input.handle(request);
        let text = input.value().to_owned();
        match self.mode {
            Mode::Find(_) => self.filter_error = Filter::parse(&text).err(),
            _ => self.set_filter(&text),
        }
    }

    /// Leaves the line that is typed. An invalid filter is dropped, and so is one to be undone.
    pub(super) fn end_typing(&mut self, undo: bool) {
        if let Mode::Find(_) = self.mode {
            (self.mode, self.filter_error) = (Mode::Command, None);
        }
        if !matches!(self.mode, Mode::Filter(..)) {
            return;
        }
        if let Mode::Filter(_, before) = std::mem::replace(&mut self.mode, Mode::Command)
            && (undo || self.filter_error.is_some())
        {
            self.set_filter(&before);
        }
    }

    /// Sets another filter. An invalid one changes nothing but the error shown.
    pub fn set_filter(&mut self, text: &str) {
        match Filter::parse(text) {
            Ok(filter) => {
                self.filter = filter;
                text.clone_into(&mut self.filter_text);
                self.filter_error = None;
                self.refresh();
            }
            Err(error) => self.filter_error = Some(error),
        }
    }
}
