//! `record`, `verify` and `diagnose --from`, with real traffic and failing disks.

mod containers;
pub(crate) mod disk;
mod from;
mod hosts;
mod kill;
mod names;
mod pipes;
mod stopped;
mod whole;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Output,
    thread,
};

use serde_json::Value;
use tcpreuse::testing::evidence::rows::Kind;
pub(crate) use tcpreuse_tests::recorder::Recorder;
use tcpreuse_tests::{
    program::run,
    traffic::{source, visit},
};

/// A path for an evidence directory, and the temporary folder it is in.
pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("evidence");
    (parent, path)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// Verifies a directory successfully and returns the output.
fn verified(path: &Path) -> String {
    let output = run(&["verify", text(path)]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    said(&output)
}

fn manifest(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path.join("manifest.json")).unwrap()).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The rows of a file without the header.
pub(crate) fn rows(path: &Path, name: &str) -> Vec<String> {
    let content = fs::read_to_string(path.join(name)).unwrap();
    content.lines().skip(1).map(str::to_owned).collect()
}

/// A cell of a row; none of these tests has quoted cells.
pub(crate) fn cell(row: &str, column: usize) -> &str {
    row.split(',').nth(column).unwrap()
}

/// Index of a column of `connections.csv`.
pub(crate) fn column(name: &str) -> usize {
    let columns = Kind::Connections.columns();
    columns.iter().position(|column| *column == name).unwrap()
}

/// Index of the column `close_reason` in `connections.csv`.
const CLOSE_REASON: usize = 10;

pub(crate) fn visits(threads: u16, each: u32, server: SocketAddr) {
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || (0..each).for_each(|_| visit(source(thread), server)));
        }
    });
}
