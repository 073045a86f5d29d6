//! The tests that SECURITY.md names must exist.
#![expect(clippy::unwrap_used, reason = "any failure must fail the test")]

use std::{collections::BTreeSet, fs, path::Path};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Collects the names of all tests in the Rust files below a folder.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[") {
                    is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
                } else if let Some((_, rest)) = line.split_once("fn ") {
                    if std::mem::take(&mut is_test) {
                        let name = rest.split('(').next().unwrap();
                        found.insert(name.to_owned());
                    }
                } else {
                    is_test = false;
                }
            }
        }
    }
}

/// The parts of a text between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_line_names_tests_that_exist() {
    let root = Path::new(ROOT);
    let page = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let mut tests = BTreeSet::new();
    for folder in ["tracer-ebpf", "tracer-user", "xtask", "tests"] {
        tests_below(&root.join(folder), &mut tests);
    }
    let (_, threats) = page.split_once("## What somebody could try").unwrap();
    let (threats, _) = threats.split_once("\n## ").unwrap();
    let mut lines = 0;
    for line in threats.lines().filter(|line| line.starts_with("- ")) {
        lines += 1;
        let (_, named) = line
            .rsplit_once("Tests: ")
            .unwrap_or_else(|| panic!("no test is named: {line}"));
        let (named, fuzzed) = named.split_once("fuzz target").unwrap_or((named, ""));
        let mut names = quoted(named).peekable();
        assert!(names.peek().is_some(), "no test is named: {line}");
        for name in names {
            assert!(tests.contains(name), "there is no test {name}: {line}");
        }
        for target in quoted(fuzzed) {
            let inputs = root.join("tests/fuzz/corpus").join(target);
            assert!(inputs.is_dir(), "there is no fuzz target {target}: {line}");
        }
    }
    assert!(lines > 20, "{lines} lines were found");
}
