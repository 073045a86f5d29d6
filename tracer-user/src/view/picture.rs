//! A screen as SVG: the terminal's cells, for a page.

use std::fmt::Write;

use ratatui::{
    buffer::{Buffer, Cell},
    layout::Rect,
    style::{Color, Modifier},
};

use super::{app::App, fit, panes};

/// Size of a cell.
const COLUMN: usize = 8;
const ROW: usize = 17;

/// Margin around the screen.
const MARGIN: usize = 12;

const STYLE: &str = "\
svg{color-scheme:light dark}.s{fill:#fff}text{font:13px ui-monospace,'DejaVu Sans Mono',monospace;fill:#1b1f24;\
white-space:pre}.red{fill:#b3261e}.green{fill:#1a7f37}.magenta{fill:#8250df}.bold{font-weight:700}.dim{opacity:.65}\
.line{text-decoration:underline}.back{fill:#1b1f24}.over{fill:#fff}\
@media(prefers-color-scheme:dark){.s{fill:#14181d}text{fill:#e6eaef}.red{fill:#ff7b72}.green{fill:#56d364}\
.magenta{fill:#c2a5ff}.back{fill:#e6eaef}.over{fill:#14181d}}";

/// The screen as a picture.
pub fn svg(app: &mut App, width: u16, height: u16) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    panes::draw(app, &mut buffer);
    let (across, down) = (
        usize::from(width) * COLUMN + 2 * MARGIN,
        usize::from(height) * ROW + 2 * MARGIN,
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {across} {down}\" role=\"img\" \
         aria-label=\"tcpreuse top\">\n<style>{STYLE}</style>\n<rect class=\"s\" width=\"{across}\" height=\"{down}\" \
         rx=\"6\"/>\n"
    );
    for (row, line) in buffer.content.chunks(width.max(1).into()).enumerate() {
        for run in runs(line) {
            draw(&mut out, row, &run);
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Neighbouring cells that look the same.
struct Run {
    column: usize,
    cells: usize,
    text: String,
    class: String,
    is_reversed: bool,
}

fn runs(line: &[Cell]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut covered = 0;
    for (column, cell) in line.iter().enumerate() {
        let is_reversed = cell.modifier.contains(Modifier::REVERSED);
        let class = class(cell);
        let known = runs
            .last_mut()
            .filter(|run| run.class == class && run.is_reversed == is_reversed);
        // A wide character covers the next cell too.
        let symbol = if covered == 0 { cell.symbol() } else { "" };
        covered = fit::width(cell.symbol()).max(covered).saturating_sub(1);
        match known {
            Some(run) => {
                run.text.push_str(symbol);
                run.cells += 1;
            }
            None => runs.push(Run {
                column,
                cells: 1,
                text: symbol.to_owned(),
                class,
                is_reversed,
            }),
        }
    }
    runs
}

fn class(cell: &Cell) -> String {
    let color = match cell.fg {
        Color::Red => "red",
        Color::Green => "green",
        Color::Magenta => "magenta",
        _ => "",
    };
    let modifiers = [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::UNDERLINED, "line"),
        (Modifier::REVERSED, "over"),
    ];
    let set = modifiers
        .iter()
        .filter(|(modifier, _)| cell.modifier.contains(*modifier));
    let names = set.map(|(_, name)| *name);
    [color]
        .into_iter()
        .chain(names)
        .filter(|name| !name.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn draw(out: &mut String, row: usize, run: &Run) {
    let (x, y) = (MARGIN + run.column * COLUMN, MARGIN + row * ROW);
    let width = run.cells * COLUMN;
    if run.is_reversed {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            out,
            "<rect class=\"back\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{ROW}\"/>"
        );
    }
    if run.text.trim().is_empty() && !run.class.contains("line") {
        return;
    }
    let text = run
        .text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let class = match &*run.class {
        "" => String::new(),
        class => format!(" class=\"{class}\""),
    };
    let y = y + ROW * 3 / 4;
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{y}\"{class} textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\">{text}</text>"
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::view::{
        app::{Look, Sort, default_columns},
        example,
        theme::{Glyphs, Theme},
    };

    #[test]
    fn a_screen_is_a_picture() {
        let look = Look {
            columns: default_columns(),
            sort: Sort::default(),
            theme: Theme { color: true },
            glyphs: Glyphs::UNICODE,
            host: "web<1>&".to_owned(),
            filters: "port 8081 inbound".to_owned(),
        };
        let mut app = App::new(look, Arc::new(example::snapshot()));
        let drawn = svg(&mut app, 80, 20);
        assert!(!drawn.contains("web<1>"), "{drawn}");
        insta::assert_snapshot!(drawn);
    }

    /// The picture in the documentation looks as the view does now: the same style, and titles that there
    /// are.
    #[test]
    fn the_picture_of_the_documentation_is_current() {
        let drawn = crate::docs::picture("top.svg");
        assert!(drawn.contains(STYLE), "run `cargo xtask picture`");
        for said in [
            "PROBLEM: 6 of 24",
            "close-wait-leak",
            "VERDICT",
            "CLWAIT",
            "q quit",
        ] {
            assert!(drawn.contains(said), "{said}");
        }
        assert!(drawn.len() < 60_000, "{}", drawn.len());
    }
}
