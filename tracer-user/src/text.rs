//! Text from outside, made harmless.

/// Text from outside without anything that could move a cursor, colour a screen, turn the direction of
/// writing, or make two names look alike that are not.
pub fn sanitise(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .collect()
}

/// Characters that show nothing themselves: those that turn the direction of the text around them, break
/// lines, have no width, or tag.
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// What begins a formula in a spreadsheet, in either width.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Text from outside as a cell of a table: no spreadsheet takes it for a formula. [`restored`] takes that
/// back.
pub fn defused(text: &str) -> String {
    let text = sanitise(text);
    if is_formula(&text) {
        format!("'{text}")
    } else {
        text
    }
}

/// The text of a cell without the mark that [`defused`] put there.
pub fn restored(cell: &str) -> &str {
    cell.strip_prefix('\'')
        .filter(|rest| is_formula(rest))
        .unwrap_or(cell)
}

/// Marks in front count too: else one that was there before could not be told from ours.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_text_is_harmless() {
        assert_eq!(sanitise("we\u{1b}[31mb\u{202e}1\n"), "we[31mb1");
    }

    #[test]
    fn names_that_look_alike_are_alike() {
        for name in [
            "ja\u{200b}va",
            "\u{feff}java",
            "java\u{2060}",
            "jav\u{e0041}a",
            "ja\u{ad}va",
            "java\u{fe0f}",
        ] {
            assert_eq!(sanitise(name), "java");
        }
        assert_eq!(sanitise("one\u{2028}two"), "onetwo");
        assert_eq!(sanitise("grün 日本"), "grün 日本");
    }

    #[test]
    fn formulas_are_defused() {
        for (name, cell) in [
            ("=1+1", "'=1+1"),
            ("-x", "'-x"),
            ("@SUM", "'@SUM"),
            ("+1", "'+1"),
            ("＝1", "'＝1"),
            ("'=1", "''=1"),
            ("\u{200b}=1", "'=1"),
            ("\t=1", "'=1"),
            ("java", "java"),
            ("'quoted", "'quoted"),
        ] {
            assert_eq!(defused(name), cell);
        }
    }

    proptest! {
        #[test]
        fn a_cell_gives_back_its_text(text in "['=+@x-]{0,4}\\PC{0,8}") {
            let cell = defused(&text);
            prop_assert_eq!(restored(&cell), sanitise(&text));
        }
    }
}
