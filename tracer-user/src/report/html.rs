//! A report to hand in: one HTML file that needs nothing else, neither a script nor a network.
//!
//! Here are the page and its order; [`material`] is what it is made of, [`svg`] draws. Everything is limited,
//! so that no recording makes a page larger than some 2 MB, and [`harmless`] checks every character at the
//! end.

mod answer;
mod counted;
mod course;
mod first_aid;
mod material;
mod peers;
mod proof;
mod svg;
mod why;

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

pub use self::material::{Basis, Digested, Host, Material, PerPeer, to_prove};
use super::{Origin, day_and_clock, framed, text};
use crate::{
    diagnosis::{Answer, Diagnosis},
    text::is_invisible,
};

/// Maximum number of peers shown.
const MAX_PEERS: usize = 50;

/// Maximum length of a text from outside, characters.
const MAX_TEXT: usize = 600;

/// Maximum number of rows in a table behind a chart.
const MAX_ROWS: usize = 60;

/// Size of its picture.
const PICTURE: (u32, u32) = (900, 1090);

const STYLE: &str = include_str!("html/style.css");

/// By these first bytes a file is known to be a report, which may be replaced.
pub const MARK: &str = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"generator\" \
                        content=\"tcpreuse ";

/// Writes the report.
///
/// # Errors
/// If `to` cannot be written.
pub fn write(
    to: &mut dyn Write,
    diagnosis: &Diagnosis,
    origin: &Origin,
    material: &Material,
) -> io::Result<()> {
    to.write_all(harmless(page(diagnosis, origin, material).into_string()).as_bytes())
}

/// The first screen as a picture, for the documentation.
pub fn picture(diagnosis: &Diagnosis, origin: &Origin, material: &Material) -> String {
    let body = html! {
        (head(diagnosis, origin))
        main {
            (section(1, course::first(diagnosis, material)))
            (section(0, answer::changes(diagnosis)))
        }
    };
    harmless(framed(
        "The report of the demo",
        STYLE,
        &body.into_string(),
        PICTURE,
    ))
}

/// The answer, above all else.
fn head(diagnosis: &Diagnosis, origin: &Origin) -> Markup {
    let class = match diagnosis.answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::InsufficientData => "open",
    };
    html! {
        header class=(class) {
            p class="kicker" {
                (title(origin)) ", " (day_and_clock(diagnosis.window_start)) " to " (day_and_clock(diagnosis.taken))
            }
            h1 { (text::headline(diagnosis)) }
            (answer::sure(diagnosis))
        }
    }
}

fn title(origin: &Origin) -> String {
    format!("Connection reuse on {}", short(&origin.host))
}

fn page(diagnosis: &Diagnosis, origin: &Origin, material: &Material) -> Markup {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        STANDARD.encode(Sha256::digest(STYLE))
    );
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content={ "tcpreuse " (env!("CARGO_PKG_VERSION")) };
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title(origin)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(diagnosis, origin))
                nav aria-label="Contents" {
                    ul {
                        @for (id, title) in SECTIONS {
                            li { a href={ "#" (id) } { (title) } }
                        }
                    }
                }
                main {
                    (section(0, html! {
                        (answer::changes(diagnosis))
                        @if material.first_aid { (first_aid::details(diagnosis)) }
                    }))
                    (section(1, course::section(diagnosis, material)))
                    (section(2, peers::section(diagnosis, material)))
                    (section(3, why::section(diagnosis, material)))
                    (section(4, proof::section(diagnosis, material)))
                    (section(5, counted::section(diagnosis, origin, material)))
                }
            }
        }
    }
}

const SECTIONS: [(&str, &str); 6] = [
    ("change", "What to change"),
    ("course", "The course"),
    ("whom", "Whom it concerns"),
    ("why", "Why"),
    ("proof", "Proof"),
    ("counted", "How it was counted"),
];

fn section(number: usize, content: Markup) -> Markup {
    let (id, title) = SECTIONS.get(number).copied().unwrap_or_default();
    html! {
        section id=(id) {
            h2 { (title) }
            (content)
        }
    }
}

/// A chart with its sentence below, and its numbers behind it.
fn figure(said: &str, chart: Markup, numbers: Markup) -> Markup {
    html! {
        figure {
            (chart)
            figcaption { (said) }
        }
        details {
            summary { "The numbers" }
            div class="scroll" { (numbers) }
        }
    }
}

/// A table of numbers: the first column is text.
fn table(titles: &[&str], rows: &[Vec<String>]) -> Markup {
    let class = |column: usize| if column == 0 { "" } else { "n" };
    html! {
        table {
            thead {
                tr {
                    @for (column, title) in titles.iter().enumerate() {
                        th scope="col" class=(class(column)) { (title) }
                    }
                }
            }
            tbody {
                @for row in rows {
                    tr {
                        @for (column, cell) in row.iter().enumerate() {
                            td class=(class(column)) { (cell) }
                        }
                    }
                }
            }
        }
    }
}

/// A text from outside, of limited length.
fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A text in which names of settings and of code stand between backticks.
fn words(text: &str) -> Markup {
    let parts = text.split('`').enumerate();
    html! {
        @for (n, part) in parts {
            // What has no second backtick is no name.
            @if n % 2 == 0 {
                (part)
            } @else if text.matches('`').count() > n {
                code { (part) }
            } @else {
                "`" (part)
            }
        }
    }
}

/// The page without any character that shows nothing and could make the text seem another.
fn harmless(mut page: String) -> String {
    page.retain(|c| c == '\n' || !(c.is_control() || is_invisible(c)));
    page.push('\n');
    page
}

#[cfg(test)]
mod tests;
