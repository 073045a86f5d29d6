//! The commands that the documentation shows.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The root of the repository.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Flags whose values are looked up on the machine.
const LOOKED_UP: [&str; 2] = ["--cgroup", "--netns"];

/// The pages in a folder of the repository, in alphabetical order.
///
/// # Panics
/// If the folder cannot be read.
pub fn pages_in(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).expect("a folder of the repository");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut pages: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    pages.sort();
    pages
}

/// All pages of the documentation.
///
/// # Panics
/// If a folder cannot be read.
pub fn pages() -> Vec<PathBuf> {
    [".", "docs", "docs/src"].into_iter().flat_map(pages_in).collect()
}

/// The command lines that a page shows, block by block. A command of ours within a sentence is a block of its
/// own. The reader's port is 443.
pub fn blocks(page: &str) -> Vec<Vec<String>> {
    let mut blocks = Vec::new();
    let mut in_console = false;
    let mut in_block = false;
    let mut add = |block: usize, line: &str| {
        blocks.resize(blocks.len().max(block + 1), Vec::new());
        blocks[block].push(line.replace(" PORT", " 443"));
    };
    let mut block = 0;
    for line in page.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            in_block = !in_block;
            in_console = in_block && language == "console";
            block += usize::from(in_console);
        } else if in_console {
            let prompts = ["$ ", "# "];
            if let Some(command) = prompts.iter().find_map(|prompt| line.strip_prefix(prompt)) {
                add(block, command);
            }
        } else if !in_block {
            let code = line.split('`').skip(1).step_by(2);
            for command in code.filter(|code| code.starts_with("tcpreuse ")) {
                block += 1;
                add(block, command);
            }
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// A command line without the comment behind it.
pub fn without_comment(line: &str) -> &str {
    line.split("  #").next().unwrap_or_default().trim_end()
}

/// The words of a command line, quotes taken off.
pub fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in without_comment(line).chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().expect("there is always a word").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The arguments of each `tcpreuse` that a line runs, with its name in front. Those that are looked up on the
/// machine are left out.
pub fn commands(line: &str) -> Vec<Vec<String>> {
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
            } else {
                arguments.push(word.clone());
            }
        }
        found.push(arguments);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_a_shell_reads_it() {
        let line = "sudo tcpreuse diagnose -p 443 --netns web --prot 'x y' | jq .  # or tcpreuse top";
        assert_eq!(
            commands(line),
            [["tcpreuse", "diagnose", "-p", "443", "--prot", "x y"].map(str::to_owned)]
        );
    }

    #[test]
    fn blocks_and_commands_in_sentences_are_found() {
        let page = "a `tcpreuse -p PORT` b `tcpreuse` `tcpreuse config`\n\
            ```console\n# ./tcpreuse top > x\nPROBLEM\n$ jq . x\n```\n\
            ```text\n$ no\n```\n```console\n$ yes\n```\n";
        assert_eq!(
            blocks(page),
            [
                &["tcpreuse -p 443"][..],
                &["tcpreuse config"],
                &["./tcpreuse top > x", "jq . x"],
                &["yes"]
            ]
        );
    }
}
