//! Fitting text to the columns of a terminal. Nothing else here measures text.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::sanitise;

/// How a text is aligned in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Text from outside, made safe for the screen: nothing in it moves the cursor, sets colours, changes the
/// writing direction, or joins its neighbours, whose width terminals disagree on.
pub fn visible(text: &str) -> String {
    let mut clean = sanitise(text);
    clean.retain(|c| c.width().is_some_and(|width| width > 0));
    clean
}

/// The width of a text in columns.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `columns` columns; `ellipsis` replaces what was cut off.
pub fn cut(text: &str, columns: usize, ellipsis: char) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(1);
    let mut used = 0;
    let mut out = String::new();
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width > room {
            break;
        }
        used += width;
        out.push(c);
    }
    if columns > 0 {
        out.push(ellipsis);
    }
    out
}

/// The text in exactly `columns` columns.
pub fn pad(text: &str, columns: usize, align: Align, ellipsis: char) -> String {
    let mut out = cut(text, columns, ellipsis);
    let blank = columns.saturating_sub(out.width());
    match align {
        Align::Left => out.extend(std::iter::repeat_n(' ', blank)),
        Align::Right => out.insert_str(0, &" ".repeat(blank)),
    }
    out
}

/// Wraps a sentence to lines of at most `columns` columns. Longer words are broken.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.width() + 1 + word.width() > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if line.width() + c.width().unwrap_or(0) > columns && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_has_no_width_or_moves_things_goes() {
        assert_eq!(
            visible("a\u{1b}[2Jb\u{202e}c\u{200d}d\u{9b}1me\u{301}\n"),
            "a[2Jbcd1me"
        );
        assert_eq!(visible("日本\u{fe0f}\u{ad}"), "日本");
    }

    #[test]
    fn wide_characters_count_for_two() {
        assert_eq!(cut("日本語です", 5, '…'), "日本…");
        assert_eq!(pad("日本語", 4, Align::Left, '…'), "日… ");
        assert_eq!(pad("7", 3, Align::Right, '…'), "  7");
        assert_eq!(cut("abc", 0, '…'), "");
    }

    #[test]
    fn sentences_are_wrapped_and_long_words_broken() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh i", 3), ["abc", "def", "gh", "i"]);
        assert!(wrap("", 10).is_empty());
    }

    proptest! {
        #[test]
        fn a_cell_is_as_wide_as_its_column(text: String, columns in 0_usize..40) {
            let text = visible(&text);
            prop_assert_eq!(pad(&text, columns, Align::Left, '~').width(), columns);
            for line in wrap(&text, columns) {
                // A single character may be wider than the whole line.
                prop_assert!(line.width() <= columns || line.chars().count() == 1, "{line}");
            }
        }
    }
}
