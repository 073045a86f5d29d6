//! Those who add up what the hosts have recorded: the program itself, DuckDB and Spark.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use super::{
    Recorded, SERVICE,
    rows::{Rows, of_diagnosis, of_lines, verdicts},
    spark::Cluster,
};
use crate::program::{binary, run};

/// Their names in the table.
const RUST: &str = "plain Rust";
const DUCKDB: &str = "DuckDB";
const SPARK: &str = "Spark";

/// Prints verdicts as lines of JSON, with the names of a row.
const SHOW: &str = "import duckdb, sys
query = 'SELECT peer, hosts, opens, closes, open_now AS held, requests, verdict FROM read_parquet(?)'
for row in duckdb.execute('SELECT to_json(t) FROM (' + query + ') t', [sys.argv[1]]).fetchall(): print(row[0])";

/// What they need.
#[derive(Debug)]
pub struct Engines<'a> {
    /// A Python that has DuckDB and Spark.
    pub python: &'a Path,
    /// Where they write.
    pub folder: &'a Path,
}

impl Engines<'_> {
    /// Asks all of them.
    ///
    /// # Panics
    /// If one fails.
    pub fn ask(&self, recorded: &Recorded, say: impl Fn(&str)) -> Vec<(&'static str, Rows)> {
        say("joining in plain Rust");
        let rust = of_diagnosis(&diagnosed(recorded.hosts.iter().map(|(_, path)| path)));
        say("exporting");
        let lake = self.folder.join("lake");
        let paths = recorded.hosts.iter().map(|(_, path)| path);
        let mut export = Command::new(binary());
        export.args(["export", "--service", SERVICE, "--out"]).arg(&lake);
        succeeded(export.args(paths));
        say("DuckDB");
        let duckdb = self.folder.join("duckdb.parquet");
        let mut job_alone = Command::new(self.python);
        succeeded(
            job_alone
                .arg(job("on_duckdb.py"))
                .arg(&lake)
                .arg(&duckdb)
                .arg(binary()),
        );
        say("Spark");
        let spark = self.folder.join("spark");
        let cluster = Cluster::start(self.python, self.folder);
        succeeded(
            cluster
                .submit(&job("verdicts.py"))
                .arg(&lake)
                .arg(&spark)
                .arg(binary()),
        );
        vec![
            (RUST, rust),
            (DUCKDB, self.rows(&duckdb)),
            (SPARK, self.rows(&spark.join("*.parquet"))),
        ]
    }

    fn rows(&self, verdicts: &Path) -> Rows {
        let shown = succeeded(Command::new(self.python).args(["-c", SHOW]).arg(verdicts));
        of_lines(&String::from_utf8_lossy(&shown.stdout))
    }
}

/// What each host says by itself.
///
/// # Panics
/// If one cannot be diagnosed.
pub fn alone(recorded: &Recorded) -> Vec<BTreeMap<IpAddr, String>> {
    let hosts = recorded.hosts.iter();
    hosts
        .map(|(_, path)| verdicts(&diagnosed(std::iter::once(path))))
        .collect()
}

fn diagnosed<'a>(recordings: impl Iterator<Item = &'a PathBuf>) -> Value {
    let paths: Vec<String> = recordings.map(|path| text(path)).collect();
    let mut args = vec!["diagnose", "--format", "json", "--service", SERVICE, "--from"];
    args.extend(paths.iter().map(String::as_str));
    let output = run(&args);
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("diagnose: {error}: {said}"))
}

/// A program of those that are handed out for Spark.
pub(super) fn job(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.join("packaging/spark").join(name)
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// How much is shown of what a command that failed has said.
const LAST_LINES: usize = 60;

/// Runs a command that has to succeed.
pub(super) fn succeeded(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.lines().collect();
    // Spark says a thousand lines before.
    let last = said
        .get(said.len().saturating_sub(LAST_LINES)..)
        .unwrap_or_default();
    assert!(output.status.success(), "{command:?}: {}", last.join("\n"));
    output
}
