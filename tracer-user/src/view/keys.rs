//! The keys as data: handling, help and bottom line all come from one table.

mod replay;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use self::replay::REPLAY_KEYS;
use super::playback::Command;

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// One row down.
    Down,
    /// One row up.
    Up,
    /// A screen down.
    PageDown,
    /// A screen up.
    PageUp,
    /// To the first row, and stay there.
    Top,
    /// To the last row.
    Bottom,
    /// Open the detail.
    Enter,
    /// Back, one step at a time.
    Back,
    /// The next tab.
    NextTab,
    /// The previous tab.
    PreviousTab,
    /// The tab with this index, from 0.
    Tab(usize),
    /// Sort by the next column.
    NextSort,
    /// Reverse the order.
    ReverseSort,
    /// Type a filter.
    Filter,
    /// Type what to find.
    Find,
    /// To the next row found.
    FindNext,
    /// To the one before.
    FindPrevious,
    /// Choose columns.
    Columns,
    /// Freeze the screen, or resume.
    Pause,
    /// Group peers by network, or not.
    Group,
    /// Look up names, or not.
    Names,
    /// Move in the time of a recording.
    Play(Command),
    /// Judge only what happens from now on.
    BeginAnew,
    /// Shorten the interval between samples.
    MoreOften,
    /// Lengthen it.
    LessOften,
    /// Write evidence of what is shown.
    Export,
    /// Copy the sentence.
    Copy,
    /// Show the keys.
    Help,
    /// Redraw everything.
    Redraw,
    /// Stop, as job control does.
    Suspend,
    /// Quit.
    Quit,
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// A letter with Control.
    Ctrl(char),
    /// A key without a character.
    Named(KeyCode),
}

impl Key {
    /// Whether an event is this key. Shift is part of the character.
    fn is(self, event: KeyEvent) -> bool {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        match self {
            Self::Char(c) => event.code == KeyCode::Char(c) && !control && !alt,
            Self::Ctrl(c) => event.code == KeyCode::Char(c) && control,
            Self::Named(code) => event.code == code,
        }
    }
}

/// Keys with the same effect, and their help.
#[derive(Debug)]
pub struct Binding {
    /// Any of these keys.
    pub keys: &'static [Key],
    /// How the help shows them.
    pub shown: &'static str,
    /// What they do.
    pub action: Action,
    /// What they do, in words.
    pub help: &'static str,
    /// A word for the bottom line; empty if it is not listed there.
    pub hint: &'static str,
}

const fn binding(
    keys: &'static [Key],
    shown: &'static str,
    action: Action,
    help: &'static str,
    hint: &'static str,
) -> Binding {
    Binding {
        keys,
        shown,
        action,
        help,
        hint,
    }
}

use Key::{Char, Ctrl, Named};

/// The keys of every view, in the order of the help.
static KEYS: [Binding; 31] = [
    binding(
        &[Named(KeyCode::Down), Char('j')],
        "down j",
        Action::Down,
        "one row down",
        "",
    ),
    binding(
        &[Named(KeyCode::Up), Char('k')],
        "up k",
        Action::Up,
        "one row up",
        "",
    ),
    binding(
        &[Named(KeyCode::PageDown), Ctrl('f'), Ctrl('d')],
        "PgDn ^F",
        Action::PageDown,
        "a screen down",
        "",
    ),
    binding(
        &[Named(KeyCode::PageUp), Ctrl('b'), Ctrl('u')],
        "PgUp ^B",
        Action::PageUp,
        "a screen up",
        "",
    ),
    binding(
        &[Named(KeyCode::Home), Char('g')],
        "g Home",
        Action::Top,
        "first row; the selection then stays on top",
        "",
    ),
    binding(
        &[Named(KeyCode::End), Char('G')],
        "G End",
        Action::Bottom,
        "last row",
        "",
    ),
    binding(
        &[Named(KeyCode::Enter)],
        "Enter",
        Action::Enter,
        "details: a peer's figures and connections, the peers of a cause",
        "detail",
    ),
    binding(
        &[Named(KeyCode::Esc)],
        "Esc",
        Action::Back,
        "back; drops the filter",
        "",
    ),
    binding(
        &[Named(KeyCode::Tab), Named(KeyCode::Right)],
        "Tab",
        Action::NextTab,
        "next tab",
        "",
    ),
    binding(
        &[Named(KeyCode::BackTab), Named(KeyCode::Left)],
        "S-Tab",
        Action::PreviousTab,
        "previous tab",
        "",
    ),
    binding(&[Char('1')], "1", Action::Tab(0), "peers", ""),
    binding(&[Char('2')], "2", Action::Tab(1), "causes", ""),
    binding(&[Char('3')], "3", Action::Tab(2), "listeners", ""),
    binding(&[Char('4')], "4", Action::Tab(3), "connections", ""),
    binding(&[Char('5')], "5", Action::Tab(4), "log of events", ""),
    binding(
        &[Char('s'), Named(KeyCode::F(6))],
        "s F6",
        Action::NextSort,
        "sort by the next column; after the last, restore the initial order",
        "sort",
    ),
    binding(&[Char('S')], "S", Action::ReverseSort, "reverse the order", ""),
    binding(
        &[Char('/'), Named(KeyCode::F(4))],
        "/ F4",
        Action::Filter,
        "filter peers or connections: address, CIDR, verdict, state, process; v:early|piling open>10 idle<5s \
         port:443 !s:close_wait; a b: both, a or b: either",
        "filter",
    ),
    binding(
        &[Char('f'), Named(KeyCode::F(3))],
        "f F3",
        Action::Find,
        "find: jump to the next row that matches, written as a filter; the others stay",
        "",
    ),
    binding(
        &[Char('c'), Named(KeyCode::F(2))],
        "c F2",
        Action::Columns,
        "choose the columns of the peers and their order; w saves them in the settings file",
        "",
    ),
    binding(
        &[Char(' ')],
        "Space",
        Action::Pause,
        "freeze the screen; counting continues",
        "pause",
    ),
    binding(
        &[Char('p')],
        "p",
        Action::Group,
        "group peers by network, /24 and /64",
        "group",
    ),
    binding(
        &[Char('d')],
        "d",
        Action::Names,
        "look up the names of the addresses on the screen",
        "",
    ),
    binding(
        &[Char('y')],
        "y",
        Action::Copy,
        "copy the sentence about the peer, or the answer",
        "copy",
    ),
    binding(
        &[Char('e')],
        "e",
        Action::Export,
        "write the evidence of what is shown to a new directory, as `record` does",
        "export",
    ),
    binding(
        &[Char('z')],
        "z",
        Action::BeginAnew,
        "judge only what happens from now on",
        "",
    ),
    binding(
        &[Char('+'), Char('=')],
        "+",
        Action::MoreOften,
        "sample more often: shorten the interval",
        "",
    ),
    binding(
        &[Char('-')],
        "-",
        Action::LessOften,
        "sample less often: lengthen the interval",
        "",
    ),
    binding(
        &[Char('?'), Char('h'), Named(KeyCode::F(1))],
        "? h F1",
        Action::Help,
        "this help; first, what the verdict under the cursor means and what to change",
        "help",
    ),
    binding(&[Ctrl('l')], "^L", Action::Redraw, "redraw the screen", ""),
    binding(
        &[Char('q'), Ctrl('c'), Named(KeyCode::F(10))],
        "q ^C F10",
        Action::Quit,
        "quit",
        "quit",
    ),
];

/// Suspending works as everywhere else and needs no line in the help.
const SUSPEND: Key = Ctrl('z');

/// Keys that a recording has another use for.
static LIVE_KEYS: [Binding; 2] = [
    binding(&[Char('n')], "n", Action::FindNext, "to the next row found", ""),
    binding(
        &[Char('N')],
        "N",
        Action::FindPrevious,
        "to the row found before",
        "",
    ),
];

/// All keys in the order of the help, including those of a recording if it is one.
pub fn bindings(replay: bool) -> impl Iterator<Item = &'static Binding> {
    let own: &[Binding] = if replay { &REPLAY_KEYS } else { &LIVE_KEYS };
    let common = KEYS.iter();
    own.iter()
        .chain(common.filter(move |binding| !(replay && is_only_live(binding.action))))
}

/// Whether a recording has no use for it: its player pauses and sets its own speed.
fn is_only_live(action: Action) -> bool {
    matches!(action, Action::Pause | Action::MoreOften | Action::LessOften)
}

/// The action of a key, unless a line is being typed.
pub fn action(event: KeyEvent, replay: bool) -> Option<Action> {
    if SUSPEND.is(event) {
        return Some(Action::Suspend);
    }
    let bound = |binding: &&Binding| binding.keys.iter().any(|key| key.is(event));
    bindings(replay).find(bound).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: KeyCode, modifiers: KeyModifiers) -> Option<Action> {
        action(KeyEvent::new(code, modifiers), false)
    }

    #[test]
    fn every_key_does_one_thing_and_says_what() {
        for replay in [false, true] {
            let all: Vec<Key> = bindings(replay)
                .flat_map(|binding| binding.keys)
                .copied()
                .collect();
            for (i, key) in all.iter().enumerate() {
                assert!(!all[..i].contains(key), "{key:?} is bound twice");
            }
            for binding in bindings(replay) {
                assert!(!binding.shown.is_empty() && !binding.help.is_empty());
            }
        }
    }

    #[test]
    fn time_is_moved_in_recordings_only() {
        for (c, live, command) in [
            (' ', Some(Action::Pause), Command::PlayOrHold),
            ('+', Some(Action::MoreOften), Command::Faster),
            ('-', Some(Action::LessOften), Command::Slower),
            ('.', None, Command::Step(1)),
            ('$', None, Command::ToEnd),
            ('n', Some(Action::FindNext), Command::ToSurge),
        ] {
            let event = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
            assert_eq!(action(event, false), live);
            assert_eq!(action(event, true), Some(Action::Play(command)));
        }
    }

    #[test]
    fn control_and_shift_make_other_keys() {
        let (none, control) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
        assert_eq!(press(KeyCode::Char('s'), none), Some(Action::NextSort));
        assert_eq!(
            press(KeyCode::Char('S'), KeyModifiers::SHIFT),
            Some(Action::ReverseSort)
        );
        assert_eq!(press(KeyCode::Char('c'), control), Some(Action::Quit));
        assert_eq!(press(KeyCode::Char('z'), control), Some(Action::Suspend));
        assert_eq!(press(KeyCode::Char('j'), control), None);
        assert_eq!(press(KeyCode::Char('x'), none), None);
    }
}
