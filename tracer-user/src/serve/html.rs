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

/// Headings of columns.
pub(super) struct Heads<'a>(pub(super) &'a [&'a str]);

impl fmt::Display for Heads<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = self.0.iter();
        names.try_for_each(|name| write!(f, "<th class=\"n\">{}</th>", Text(name)))
    }
}

/// The cells of a row below such headings. On a narrow screen each shows its column's name instead.
pub(super) struct Cells<'a, const N: usize>(pub(super) &'a [&'a str; N], pub(super) [String; N]);

impl<const N: usize> fmt::Display for Cells<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cells = self.0.iter().zip(&self.1);
        cells.try_for_each(|(name, value)| {
            write!(
                f,
                "<td class=\"n\" data-name=\"{}\">{}</td>",
                Text(name),
                Text(value)
            )
        })
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
