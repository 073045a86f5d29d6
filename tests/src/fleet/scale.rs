//! How long DuckDB and Spark take for many rows, which are made up.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use super::{
    engines::{job, succeeded},
    spark::Cluster,
};
use crate::{bench::table::Table, program::binary};

/// Hosts whose rows are made up.
const HOSTS: u64 = 100;

/// Clients of these hosts: so many, unless there are too few rows.
const CLIENTS: u64 = 10_000;

/// Rows of a client on each host, if there are few.
const FEW_TIMES: u64 = 10;

const MILLION: u64 = 1_000_000;

/// The least that anything can take that reads the rows: a sum for each client.
const LIMIT: &str = "import duckdb, sys
query = 'SELECT peer, sum(opens) FROM read_parquet(?) GROUP BY peer'
print(len(duckdb.execute(query, [sys.argv[1]]).fetchall()))";

/// Measures for each of these numbers of rows, in millions. All that is written is below `folder`, and is
/// removed.
///
/// # Panics
/// If an engine fails.
pub fn measure(python: &Path, folder: &Path, millions: &[u64], say: impl Fn(&str)) -> Table {
    let cluster = Cluster::start(python, folder);
    let row = |millions: &u64| {
        let rows = millions * MILLION;
        let clients = CLIENTS.min(rows / HOSTS / FEW_TIMES);
        let times = rows / HOSTS / clients;
        say(&format!("making up {millions} million rows"));
        let lake = folder.join("rows");
        let mut make = Command::new(python);
        make.arg(program("many_rows.py")).arg(&lake);
        make.args([HOSTS, clients, times].map(|n| n.to_string()));
        succeeded(&mut make);
        let bytes = size(&lake);
        say("GROUP BY");
        let files = lake.join("v1/peers/*/*/*/*.parquet");
        let limit = timed(Command::new(python).args(["-c", LIMIT]).arg(files));
        say("DuckDB");
        let (one, many) = (folder.join("duckdb.parquet"), folder.join("spark"));
        let mut alone = Command::new(python);
        let duckdb = timed(alone.arg(job("on_duckdb.py")).arg(&lake).arg(&one).arg(binary()));
        say("Spark");
        let mut submit = cluster.submit(&job("verdicts.py"));
        let spark = timed(submit.arg(&lake).arg(&many).arg(binary()));
        for path in [lake, many] {
            fs::remove_dir_all(path).expect("what was written");
        }
        vec![
            format!("{millions} million"),
            clients.to_string(),
            format!("{} MB", bytes / MILLION),
            seconds(limit),
            seconds(duckdb),
            seconds(spark),
        ]
    };
    Table {
        title: String::new(),
        head: vec![
            "rows of peers",
            "clients",
            "Parquet",
            "`GROUP BY` in DuckDB",
            "DuckDB, judged",
            "Spark, judged",
        ],
        rows: millions.iter().map(row).collect(),
        notes: Vec::new(),
    }
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fleet").join(name)
}

fn timed(command: &mut Command) -> Duration {
    let begun = Instant::now();
    succeeded(command);
    begun.elapsed()
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// The length of all files below a directory.
fn size(path: &Path) -> u64 {
    let entries = fs::read_dir(path).expect("a directory").flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => size(&entry.path()),
            _ => entry.metadata().map_or(0, |file| file.len()),
        })
        .sum()
}
