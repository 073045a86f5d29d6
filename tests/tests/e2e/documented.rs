//! The commands of the documentation, run as its readers run them: block by block, each block in a folder of
//! its own, where what the pages only name is there. Whether all their arguments are accepted, `docs` tests.

mod run;
mod stage;

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
};

use tcpreuse_tests::{
    documented::{ROOT, blocks, pages, without_comment},
    need_root, skip,
};

use self::{
    run::{made, run},
    stage::{Stage, Template, has_duckdb, with_traffic},
};
use crate::real_servers::are_installed;

/// Lines that are not run here, by how they begin: who runs them, or why nobody does.
const ELSEWHERE: [(&str, &str); 11] = [
    (
        "cargo xtask ",
        "a test of xtask reads them; they are builds and tests themselves",
    ),
    (
        "sha256sum ",
        "takes what is downloaded: `cargo xtask dist --check` runs this line",
    ),
    (
        "dpkg ",
        "`cargo xtask dist --check` installs the package in a fresh root",
    ),
    (
        "rpm ",
        "`cargo xtask dist --check` installs the package in an empty root",
    ),
    (
        "tar ",
        "`cargo xtask dist --check` unpacks the archive into a directory",
    ),
    (
        "systemctl ",
        "`cargo xtask dist --check` starts both services under systemd",
    ),
    ("setcap ", "changes the machine: `privileges` does so to a copy"),
    (
        "setpriv ",
        "there is no user `watcher`: `privileges` does so as nobody",
    ),
    (
        "spark-submit ",
        "takes half a minute: `cargo xtask fleet` runs the job",
    ),
    (
        "cat packaging/sql/dialect/spark.sql ",
        "takes half a minute: DuckDB answers the same questions",
    ),
    (
        "cat packaging/sql/dialect/clickhouse.sql ",
        "ClickHouse is too large for the tests, as the page says",
    ),
];

/// What is put in the place of something that this machine lacks or that is not to be touched, and why.
const INSTEAD: [(&str, &str, &str); 5] = [
    (
        "sudo ",
        "SUDO_UID=65534 SUDO_GID=65534 ",
        "the test is root already; sudo leaves these behind",
    ),
    ("/var/tmp/", "./", "nothing may be written outside the folder"),
    (
        "/var/lib/tcpreuse",
        "./kept",
        "nothing may be written outside the folder",
    ),
    (
        "/sys/fs/cgroup/system.slice/nginx.service",
        stage::CGROUPS,
        "nginx may be no service here",
    ),
    (
        "--at 14:05",
        "--at $(jq --raw-output .stopped DIR/manifest.json)",
        "has to be when the recording was made",
    ),
];

/// How many blocks are run at a time.
const AT_A_TIME: usize = 4;

/// A block of lines, and the page that has it.
struct Block {
    page: String,
    lines: Vec<String>,
}

/// What the pages show, without the comments.
fn shown() -> Vec<Block> {
    let of_page = |page: PathBuf| {
        let name = page.strip_prefix(ROOT).unwrap().display().to_string();
        let blocks = blocks(&fs::read_to_string(&page).unwrap());
        blocks.into_iter().map(move |lines| Block {
            page: name.clone(),
            lines: lines
                .iter()
                .map(|line| without_comment(line).to_owned())
                .collect(),
        })
    };
    pages().into_iter().flat_map(of_page).collect()
}

/// A line as it is run here; `None` if it is not.
fn here(line: &str) -> Option<String> {
    let is_elsewhere = ELSEWHERE.iter().any(|(begin, _)| line.starts_with(begin));
    let replaced = |line: String, (from, to, _): &(&str, &str, &str)| line.replace(from, to);
    (!is_elsewhere).then(|| INSTEAD.iter().fold(line.to_owned(), replaced))
}

/// Runs the lines of a block one after the other, up to the first that fails; returns that and why.
fn first_failure(lines: &[String], template: &Path) -> Option<String> {
    let stage = Stage::new(template);
    lines.iter().find_map(|line| {
        // The helpers of the tests panic.
        let outcome = catch_unwind(AssertUnwindSafe(|| run(line, stage.folder())));
        let why = match outcome {
            Ok(Ok(())) => return None,
            Ok(Err(why)) => why,
            Err(panic) => panic.downcast_ref::<String>().cloned().unwrap_or_default(),
        };
        Some(format!("{line}\n{why}"))
    })
}

#[test]
fn the_tables_have_no_line_too_many() {
    let lines: Vec<String> = shown().into_iter().flat_map(|block| block.lines).collect();
    for (begin, _) in ELSEWHERE {
        assert!(
            lines.iter().any(|line| line.starts_with(begin)),
            "no page has {begin}"
        );
    }
    for (from, ..) in INSTEAD {
        assert!(lines.iter().any(|line| line.contains(from)), "no page has {from}");
    }
}

const TEST: &str = "every_command_does_what_it_says";

#[test]
fn every_command_does_what_it_says() {
    need_root!();
    if !are_installed(&["bash", "curl", "ip", "jq"]) {
        return;
    }
    let has_duckdb = has_duckdb();
    if !has_duckdb {
        skip(TEST, "needs Python's duckdb for some of the lines");
    }
    let mut seen = BTreeSet::new();
    let mut to_run: VecDeque<Block> = shown().into();
    for block in &mut to_run {
        block.lines = block.lines.iter().filter_map(|line| here(line)).collect();
        // Once is enough for what leaves nothing behind.
        block.lines.retain(|line| {
            let is_new = seen.insert(line.clone()) || !made(line).is_empty();
            is_new && (has_duckdb || !line.contains("duckdb"))
        });
    }
    to_run.retain(|block| !block.lines.is_empty());
    assert!(to_run.len() > 30, "only {} blocks were found", to_run.len());

    let template = Template::new();
    let waiting = Mutex::new(to_run);
    let next = || waiting.lock().unwrap().pop_front();
    let failed = Mutex::new(Vec::new());
    let work = || {
        while let Some(Block { page, lines }) = next() {
            if let Some(why) = first_failure(&lines, template.path()) {
                failed.lock().unwrap().push(format!("{page}: {why}"));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| with_traffic(work));
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
