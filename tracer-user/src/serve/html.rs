//! Text in HTML.

use std::fmt;

/// Text that is shown as it is, wherever in a page it stands.
pub(super) struct Text<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = text;
        while let Some((before, rest)) = plain
            .find(['&', '<', '>', '"', '\''])
            .map(|at| plain.split_at(at))
        {
            let mut rest = rest.chars();
            let entity = match rest.next() {
                Some('&') => "&amp;",
                Some('<') => "&lt;",
                Some('>') => "&gt;",
                Some('"') => "&quot;",
                _ => "&#39;",
            };
            self.0.write_str(before)?;
            self.0.write_str(entity)?;
            plain = rest.as_str();
        }
        self.0.write_str(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        let text = Text("<a href=\"x\" title='y'>&é</a>").to_string();
        assert_eq!(
            text,
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;é&lt;/a&gt;"
        );
    }
}
