//! Tables as text and as Markdown.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

/// A table with its title and notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The line above it.
    pub title: String,
    /// The column titles. The first column is for names, the others are for figures.
    pub head: Vec<&'static str>,
    /// Rows, each with one cell per column.
    pub rows: Vec<Vec<String>>,
    /// Sentences below it.
    pub notes: Vec<String>,
}

impl Table {
    /// The table as text for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.title);
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                let widest = cells.map(|cell| cell.width()).max().unwrap_or(0);
                self.head.get(column).map_or(0, |head| head.width()).max(widest)
            })
            .collect();
        let head: Vec<&str> = self.head.clone();
        let rows = self
            .rows
            .iter()
            .map(|row| row.iter().map(String::as_str).collect());
        for row in [head].into_iter().chain(rows) {
            let mut line = String::from("  ");
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = " ".repeat(width.saturating_sub(cell.width()));
                let _ = match column {
                    0 => write!(line, "{cell}{gap}"),
                    _ => write!(line, "  {gap}{cell}"),
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        for note in &self.notes {
            let _ = writeln!(text, "  {note}");
        }
        text
    }

    /// The table as Markdown for the README.
    pub fn markdown(&self) -> String {
        let mut text = format!("{}\n\n", self.title);
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let head: Vec<String> = self.head.iter().map(|cell| (*cell).to_owned()).collect();
        text.push_str(&line(&head));
        let rule: Vec<String> = (0..head.len())
            .map(|column| if column == 0 { "---" } else { "---:" }.to_owned())
            .collect();
        text.push_str(&line(&rule));
        for row in &self.rows {
            text.push_str(&line(row));
        }
        if !self.notes.is_empty() {
            let _ = write!(text, "\n{}\n", self.notes.join(" "));
        }
        text
    }
}

/// Shown in place of an unknown figure.
pub const UNKNOWN: &str = "unknown";

/// A figure with this number of decimal places, and its unit.
pub fn figure(value: Option<f64>, digits: usize, unit: &str) -> String {
    match value {
        Some(value) if value.is_finite() => format!("{value:.digits$}{unit}"),
        _ => UNKNOWN.to_owned(),
    }
}

/// A count with thousands separators.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            title: "What".to_owned(),
            head: vec!["who", "ns"],
            rows: vec![
                vec!["empty".to_owned(), "51".to_owned()],
                vec!["été".to_owned(), "4000".to_owned()],
            ],
            notes: vec!["One.".to_owned()],
        }
    }

    #[test]
    fn columns_stand_below_one_another() {
        assert_eq!(
            table().text(),
            "What\n  who      ns\n  empty    51\n  été    4000\n  One.\n"
        );
    }

    #[test]
    fn markdown_has_its_rule() {
        assert_eq!(
            table().markdown(),
            "What\n\n| who | ns |\n| --- | ---: |\n| empty | 51 |\n| été | 4000 |\n\nOne.\n"
        );
    }

    #[test]
    fn what_is_not_known_is_no_number() {
        assert_eq!(figure(None, 1, " ms"), "unknown");
        assert_eq!(figure(Some(f64::NAN), 1, " ms"), "unknown");
        assert_eq!(figure(Some(1.25), 1, " ms"), "1.2 ms");
        assert_eq!(
            (count(7), count(1000), count(1_234_567)),
            ("7".into(), "1,000".into(), "1,234,567".into())
        );
    }
}
