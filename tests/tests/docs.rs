//! The documentation: its commands are ones that the program accepts, and its links lead somewhere.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "any failure must fail the test"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use tcpreuse::testing::{
    cli::{self, Refused},
    diagnosis::Verdict,
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Words that stand for something of the reader's, and an example of it.
const PLACEHOLDERS: [(&str, &str); 2] = [("PORT", "443"), ("TIME", "1m")];

/// Flags whose values are looked up on this machine.
const LOOKED_UP: [&str; 2] = ["--cgroup", "--netns"];

fn pages_in(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    pages.sort();
    pages
}

fn pages() -> Vec<PathBuf> {
    [".", "docs", "docs/src"].into_iter().flat_map(pages_in).collect()
}

/// The words of a line of a shell, quotes taken off.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The arguments of each `tcpreuse` that a line runs, with its name in front.
fn commands(line: &str) -> Vec<Vec<String>> {
    let line = line.split("  #").next().unwrap_or_default();
    let mut found = Vec::new();
    for part in words(line).split(|word| matches!(word.as_str(), "|" | "&&" | ";")) {
        let is_ours = |word: &String| word.rsplit('/').next() == Some("tcpreuse");
        let Some(at) = part.iter().position(is_ours) else {
            continue;
        };
        let mut arguments = Vec::new();
        let mut rest = part[at..].iter().take_while(|word| !word.starts_with(['<', '>']));
        while let Some(word) = rest.next() {
            if LOOKED_UP.contains(&word.as_str()) {
                rest.next();
                continue;
            }
            let known = PLACEHOLDERS.iter().find(|(name, _)| name == word);
            arguments.push(known.map_or(word.clone(), |(_, example)| (*example).to_owned()));
        }
        found.push(arguments);
    }
    found
}

/// The lines that a page shows as typed, and its commands within sentences.
fn typed(page: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut in_console = false;
    let mut in_block = false;
    for line in page.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            in_block = !in_block;
            in_console = in_block && language == "console";
        } else if in_console {
            let prompts = ["$ ", "# "];
            let command = prompts.iter().find_map(|prompt| line.strip_prefix(prompt));
            lines.extend(command.map(str::to_owned));
        } else if !in_block {
            let code = line.split('`').skip(1).step_by(2);
            lines.extend(
                code.filter(|code| code.starts_with("tcpreuse "))
                    .map(str::to_owned),
            );
        }
    }
    lines
}

#[test]
fn every_command_is_accepted() {
    let mut tried = 0;
    for path in pages() {
        for line in typed(&fs::read_to_string(&path).unwrap()) {
            for arguments in commands(&line) {
                tried += 1;
                // Help and the version are an answer, not a fault.
                if let Err(Refused::Usage(fault)) = cli::parse(arguments.iter().map(Into::into)) {
                    panic!("{}: {line}\n{fault}", path.display());
                }
            }
        }
    }
    assert!(tried > 50, "only {tried} were found");
}

#[test]
fn a_wrong_command_would_show() {
    let line = "sudo tcpreuse diagnose -p 443 --prot 'x y' | jq .  # a comment with tcpreuse top";
    assert_eq!(
        commands(line),
        [["tcpreuse", "diagnose", "-p", "443", "--prot", "x y"].map(str::to_owned)]
    );
    let page = "a `tcpreuse -p PORT` b\n```console\n# ./tcpreuse top > x\nPROBLEM\n```\n```text\n$ no\n```\n";
    assert_eq!(typed(page), ["tcpreuse -p PORT", "./tcpreuse top > x"]);
    assert!(cli::parse(commands(line).remove(0).into_iter().map(Into::into)).is_err());
}

/// A heading as the last part of an address.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn anchors(path: &Path) -> BTreeSet<String> {
    let page = fs::read_to_string(path).unwrap();
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut followed = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        for rest in page.split("](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default();
            if target.contains("://") || target.contains(' ') {
                continue;
            }
            let (file, part) = target.split_once('#').unwrap_or((target, ""));
            let linked = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            assert!(linked.exists(), "{}: there is no {target}", path.display());
            if !part.is_empty() {
                assert!(
                    anchors(&linked).contains(part),
                    "{}: no part {target}",
                    path.display()
                );
            }
            followed += 1;
        }
    }
    assert!(followed > 40, "only {followed} were found");
}

#[test]
fn every_page_is_in_the_summary() {
    let summary = fs::read_to_string(Path::new(ROOT).join("docs/src/SUMMARY.md")).unwrap();
    for page in pages_in("docs/src") {
        let name = page.file_name().unwrap().to_str().unwrap();
        let is_there = summary.contains(&format!("]({name})"));
        assert!(is_there || name == "SUMMARY.md", "{name} is not in SUMMARY.md");
    }
}

#[test]
fn every_verdict_is_explained() {
    for name in ["README.md", "docs/src/verdicts.md"] {
        let page = fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
        for verdict in Verdict::ALL {
            assert!(page.contains(&format!("`{}`", verdict.id())), "{name}: {verdict}");
        }
    }
}

#[test]
fn the_readme_is_read_in_ten_minutes() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    assert!(readme.lines().count() <= 200, "{}", readme.lines().count());
    let from_source: Vec<&str> = readme
        .lines()
        .filter(|line| line.starts_with("$ cargo xtask"))
        .collect();
    assert_eq!(from_source[..2], ["$ cargo xtask demo", "$ cargo xtask test"]);
}
