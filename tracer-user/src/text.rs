//! Text from outside, made harmless.

/// Text from outside without anything that could move a cursor, colour a screen or turn the
/// direction of writing.
pub fn sanitise(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !is_bidi(*c)).collect()
}

/// The characters that change the direction of the text around them.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_harmless() {
        assert_eq!(sanitise("we\u{1b}[31mb\u{202e}1\n"), "we[31mb1");
    }
}
