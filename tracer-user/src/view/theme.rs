//! Colours by meaning, and the characters for charts and marks.
//!
//! Only three of the terminal's own colours are used, which its owner has chosen to be readable on its
//! background. None carries a meaning that is not also in words; without colours, bold, reversed and
//! underlined text do the same.

use std::env;

use ratatui::style::{Color, Modifier, Style};

/// The role of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing special.
    Plain,
    /// The most important part of its line.
    Strong,
    /// Names of figures, and text for reference.
    Faint,
    /// Something is wrong.
    Bad,
    /// Something may become wrong, such as CLOSE_WAIT.
    Doubtful,
    /// All is well.
    Good,
    /// Titles of columns.
    Title,
    /// The column sorted by, the current tab.
    Chosen,
    /// The selected row.
    Selected,
}

/// The appearance of roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Whether to use colours.
    pub color: bool,
}

impl Theme {
    /// The style of a role.
    pub fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let colored = |color: Color| if self.color { plain.fg(color) } else { plain };
        match role {
            Role::Plain => plain,
            Role::Strong => plain.add_modifier(Modifier::BOLD),
            Role::Faint => plain.add_modifier(Modifier::DIM),
            Role::Bad => colored(Color::Red).add_modifier(Modifier::BOLD),
            Role::Doubtful => colored(Color::Magenta),
            Role::Good => colored(Color::Green),
            Role::Title => plain.add_modifier(Modifier::UNDERLINED),
            Role::Chosen => plain.add_modifier(Modifier::UNDERLINED | Modifier::BOLD),
            // Replaces the row's own colours: with reversed text they would become the background, and hard
            // to read on.
            Role::Selected => colored(Color::Reset)
                .remove_modifier(Modifier::DIM)
                .add_modifier(Modifier::REVERSED),
        }
    }
}

/// The characters for everything that is not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// Heights of a chart, lowest first; the first one means "more than nothing".
    pub heights: [char; 8],
    /// No value in a chart.
    pub blank: char,
    /// Marks a cut.
    pub ellipsis: char,
    /// Unknown.
    pub unknown: char,
    /// Marks the column sorted by, descending and ascending.
    pub sorted: [char; 2],
    /// An open connection.
    pub open: char,
    /// A connection in CLOSE_WAIT.
    pub close_wait: char,
    /// Open before tracing.
    pub seeded: char,
    /// Still open.
    pub alive: char,
    /// The time still to come.
    pub rest: char,
    /// Multiplication sign of a speed.
    pub times: char,
    /// From one to the other.
    pub arrow: &'static str,
    /// Separator between the items of a line.
    pub dot: &'static str,
    /// Whether only ASCII may be shown.
    pub ascii: bool,
}

impl Glyphs {
    /// For terminals with UTF-8.
    pub const UNICODE: Self = Self {
        heights: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        blank: ' ',
        ellipsis: '…',
        unknown: '–',
        sorted: ['▾', '▴'],
        open: '━',
        close_wait: '░',
        seeded: '«',
        alive: '▸',
        rest: '─',
        times: '×',
        arrow: "→",
        dot: " · ",
        ascii: false,
    };

    /// For all others.
    pub const ASCII: Self = Self {
        heights: ['.', '.', ':', ':', '+', '+', '#', '#'],
        blank: ' ',
        ellipsis: '~',
        unknown: '-',
        sorted: ['v', '^'],
        open: '=',
        close_wait: 'w',
        seeded: '<',
        alive: '>',
        rest: '-',
        times: 'x',
        arrow: "->",
        dot: " | ",
        ascii: true,
    };

    /// The set for such a terminal.
    pub fn new(ascii: bool) -> Self {
        if ascii { Self::ASCII } else { Self::UNICODE }
    }

    /// A one-line chart, scaled to `highest`.
    pub fn chart(&self, values: &[u64], highest: u64) -> String {
        let steps = self.heights.len() as u64;
        values
            .iter()
            .map(|value| {
                let step = (value.saturating_mul(steps)).div_ceil(highest.max(1)).min(steps);
                let index = usize::try_from(step).unwrap_or(0).checked_sub(1);
                index
                    .and_then(|index| self.heights.get(index))
                    .copied()
                    .unwrap_or(self.blank)
            })
            .collect()
    }
}

/// Whether this terminal needs ASCII, according to the environment.
pub fn needs_ascii(get: impl Fn(&str) -> Option<String>) -> bool {
    // The first one that is set and not empty decides, as in setlocale().
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(|name| get(name))
        .find(|value| !value.is_empty())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let utf8 = locale.contains("utf-8") || locale.contains("utf8");
    let term = get("TERM").unwrap_or_default();
    !utf8 || matches!(term.as_str(), "linux" | "dumb" | "")
}

/// Whether a screen can be drawn on this terminal, according to the environment.
pub fn has_screen(get: impl Fn(&str) -> Option<String>) -> bool {
    let term = get("TERM").unwrap_or_default();
    !matches!(term.as_str(), "" | "dumb" | "unknown")
}

/// An environment variable, if it is set and valid text.
pub fn environment(name: &str) -> Option<String> {
    env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charts_show_every_value_that_is_not_zero() {
        assert_eq!(Glyphs::UNICODE.chart(&[0, 1, 50, 100], 100), " ▁▄█");
        assert_eq!(Glyphs::ASCII.chart(&[0, 1, 50, 100], 100), " .:#");
        assert_eq!(Glyphs::UNICODE.chart(&[0, 0], 0), "  ");
    }

    #[test]
    fn the_environment_says_what_the_terminal_can_show() {
        let with = |pairs: &'static [(&'static str, &'static str)]| {
            needs_ascii(|name| {
                pairs
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(!with(&[("LANG", "en_US.UTF-8"), ("TERM", "xterm-256color")]));
        assert!(!with(&[
            ("LC_ALL", ""),
            ("LC_CTYPE", "C.utf8"),
            ("TERM", "xterm")
        ]));
        assert!(with(&[
            ("LC_ALL", "C"),
            ("LANG", "en_US.UTF-8"),
            ("TERM", "xterm")
        ]));
        assert!(with(&[("LANG", "en_US.UTF-8"), ("TERM", "linux")]));
        assert!(with(&[]));
    }

    #[test]
    fn not_every_terminal_has_a_screen() {
        let with = |term: Option<&'static str>| has_screen(|_| term.map(str::to_owned));
        assert!(with(Some("xterm-256color")) && with(Some("linux")) && with(Some("vt100")));
        assert!(!with(Some("dumb")) && !with(Some("")) && !with(None));
    }

    #[test]
    fn without_colour_nothing_is_coloured() {
        for role in [
            Role::Bad,
            Role::Doubtful,
            Role::Good,
            Role::Chosen,
            Role::Selected,
        ] {
            assert_eq!(Theme { color: false }.style(role).fg, None);
        }
    }
}
