//! The documentation: its commands are ones that the program accepts, and its links lead somewhere.
#![expect(clippy::unwrap_used, reason = "any failure must fail the test")]

use std::{collections::BTreeSet, fs, path::Path};

use tcpreuse::testing::{
    cli::{self, Refused},
    diagnosis::Verdict,
};
use tcpreuse_tests::documented::{ROOT, blocks, commands, pages, pages_in};

#[test]
fn every_command_is_accepted() {
    let mut tried = 0;
    for path in pages() {
        for line in blocks(&fs::read_to_string(&path).unwrap()).concat() {
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
    let line = "sudo tcpreuse diagnose -p 443 --prot 'x y' | jq .";
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
