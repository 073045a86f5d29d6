//! Pages of the documentation that are made from the code: `cargo xtask docs` writes them, and the test here
//! compares them.

mod fields;
mod fixes;

use std::{fs, path::Path};

use crate::{config, report::openmetrics};

/// Set, the pages are written instead of compared.
const WRITE: &str = "TCPREUSE_WRITE_DOCS";

const PAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/src");

/// A picture of the documentation.
pub(crate) fn picture(name: &str) -> String {
    fs::read_to_string(Path::new(PAGES).join("pictures").join(name)).unwrap()
}

/// The pages by name.
fn pages() -> [(&'static str, String); 4] {
    [
        ("fields.md", fields::page()),
        ("fixes.md", fixes::page()),
        ("metrics.md", metrics()),
        ("settings.md", settings()),
    ]
}

fn made(title: &str, text: &str) -> String {
    format!("# {title}\n\n<!-- made by `cargo xtask docs` -->\n\n{text}\n")
}

/// Lines of a doc comment as one, with links within the code as plain names.
fn joined(lines: &[&str]) -> String {
    let words: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    words
        .join(" ")
        .replace("[`", "`")
        .replace("`]", "`")
        .replace('|', "\\|")
}

/// The families of metrics, as they describe themselves.
fn metrics() -> String {
    let text = openmetrics::tests::of_example();
    let mut rows = "| metric | type | meaning |\n| --- | --- | --- |\n".to_owned();
    let mut described = ("", "");
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            described = help.split_once(' ').unwrap_or((help, ""));
        } else if let Some(kind) = line
            .strip_prefix("# TYPE ")
            .and_then(|line| line.split(' ').nth(1))
        {
            let (name, help) = described;
            rows.push_str(&format!("| `{name}` | {kind} | {} |\n", joined(&[help])));
        }
    }
    made(
        "Metrics",
        &format!(
            "What `/metrics` of `tcpreuse serve` has, in the form of OpenMetrics; `diagnose --format openmetrics` prints \
             the same of one run. Counters have `_total` behind the name, and run since tracing began.\n\n{rows}"
        ),
    )
}

/// The file with all settings.
fn settings() -> String {
    made(
        "Settings",
        &format!(
            "`tcpreuse config` prints this file, with every setting of the view and every threshold of the diagnosis \
             at its default. Flags take precedence over the file. `--threshold NAME=VALUE` changes one threshold for \
             one run.\n\n```toml\n{}\n```",
            config::default_file().trim()
        ),
    )
}

#[test]
fn the_pages_that_are_made_are_current() {
    for (name, text) in pages() {
        let path = Path::new(PAGES).join(name);
        if std::env::var_os(WRITE).is_some() {
            fs::write(&path, text).unwrap();
            continue;
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        let differs = there
            .lines()
            .zip(text.lines())
            .find(|(there, made)| there != made);
        assert!(
            there == text,
            "run `cargo xtask docs`: {name} differs: {differs:?}"
        );
    }
}
