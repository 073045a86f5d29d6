//! The questions in `packaging/sql` and their answers, by DuckDB on a small fleet: three hosts that provide
//! one service, over half an hour before midnight and half an hour after.

use std::{
    env,
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use super::super::Exporter;
use crate::{
    evidence::{
        journal::Interval,
        manifest::Session,
        recording::{Recording, Rows},
        rows::{ConnectionRow, Context, ListenerRow, PeerRow},
        testing::{ended, session},
    },
    model::{
        backlog::Backlog,
        ended::Ended,
        owner::Process,
        peer::{Counters, Direction, PeerId},
        sample::{Known, Moment},
        window::Live,
    },
    report::timestamp,
};

const NETNS: u32 = 4_026_531_840;
const MINUTE: u64 = 60_000_000_000;

/// 2026-01-01T23:30:00Z.
const START: i128 = 1_767_310_200_000_000_000;

const MINUTES: u64 = 60;

/// Holds one connection on each host.
const STEADY: u8 = 1;
/// Opens a connection for each request, one in ten minutes on each host.
const THIN: u8 = 2;
/// Opens 4 connections, leaves, and opens 12 when it is back, on the first host.
const RETURNS: u8 = 3;
/// Piles up connections on two of the hosts.
const PILES: u8 = 4;

/// The minute in which the pile begins on a host, and how many connections it comes to.
const PILE: [(u64, u64); 3] = [(MINUTES, 0), (40, 50), (45, 40)];

/// Busy and idle workers of each host at the end, and its accept queue.
const WORKERS: [(u64, u64, u64); 3] = [(10, 140, 0), (150, 0, 511), (100, 50, 3)];

fn at(minute: u64) -> Moment {
    Moment {
        monotonic_ns: 1000 * MINUTE + minute * MINUTE,
        utc_ns: START + i128::from(minute * MINUTE),
    }
}

fn address(peer: u8) -> [u8; 4] {
    [10, 0, 0, peer]
}

fn row(peer: u8, opened: u64, held: u64, turns_open: u64, verdict: &'static str) -> PeerRow {
    let id = PeerId {
        netns: NETNS,
        direction: Direction::Inbound,
        port: 443,
        network: std::net::IpAddr::from(address(peer)).into(),
        interface: None,
        process: None,
        program: None,
    };
    let mut counters = Counters {
        open_now: held,
        ..Counters::default()
    };
    counters.opens_by_held.add(0, u32::try_from(opened).unwrap());
    counters.closes.remote_fin = opened.saturating_sub(held);
    PeerRow {
        turns_open: Some(turns_open),
        verdict: verdict.into(),
        ..PeerRow::of(id, &counters, Live::default(), Known::ALL, 1)
    }
}

/// The rows of a host at a minute.
fn peers(host: usize, minute: u64) -> Vec<PeerRow> {
    let mut rows = vec![row(STEADY, 0, 1, 10 * minute, "reusing")];
    let thin = minute.div_ceil(10);
    if thin > 0 {
        rows.push(row(THIN, thin, 0, 0, "insufficient-data"));
    }
    // It leaves before midnight, and its counters begin again.
    match (host, minute) {
        (0, 1..20) => rows.push(row(RETURNS, minute.min(4), 0, 0, "reusing")),
        (0, 35..) => rows.push(row(RETURNS, (minute - 34).min(12), 0, 0, "reusing")),
        _ => {}
    }
    let (begins, most) = PILE[host];
    if minute >= begins {
        let held = (5 * (minute - begins + 1)).min(most);
        rows.push(row(PILES, held, held, 10 * held, "piling-up"));
    }
    rows.into_iter().map(|row| row.at(at(minute))).collect()
}

/// The connections that ended in that minute: from whom, and after how many requests.
fn ends(host: usize, minute: u64) -> Vec<(u8, u32)> {
    let mut ends = Vec::new();
    let before = |peer: u8| {
        let rows = minute
            .checked_sub(1)
            .map(|minute| peers(host, minute))
            .unwrap_or_default();
        let found = rows
            .into_iter()
            .find(|row| row.id.network.addr() == std::net::IpAddr::from(address(peer)));
        found.map_or(0, |row| row.closes.remote_fin)
    };
    for row in peers(host, minute) {
        let std::net::IpAddr::V4(v4) = row.id.network.addr() else {
            continue;
        };
        let peer = v4.octets()[3];
        let new = row.closes.remote_fin.saturating_sub(before(peer));
        let turns = if peer == THIN { 1 } else { 5 };
        ends.extend((0..new).map(|_| (peer, turns)));
    }
    ends
}

fn listener(host: usize, minute: u64) -> ListenerRow {
    let (busy, idle, queue) = WORKERS[host];
    let backlog = Backlog {
        accept_queue: queue,
        accept_queue_limit: 511,
        ..Backlog::default()
    };
    let (placed, others) = ListenerRow::cells_of(&backlog);
    ListenerRow {
        sampled_at: at(minute).utc_ns,
        netns: NETNS,
        local: ([0, 0, 0, 0].into(), 443),
        held: peers(host, minute).iter().map(|row| row.open_now).sum(),
        close_wait: 0,
        never_accepted: 0,
        placed,
        busy_workers: Some(busy),
        idle_workers: Some(idle),
        owner: Some(Process {
            pid: 811,
            comm: "apache2".to_owned(),
            workload: None,
        }),
        others,
    }
}

fn record(host: usize, below: &Path) -> PathBuf {
    let path = below.join(format!("web{}", host + 1));
    let about = Session {
        host: format!("web{}", host + 1),
        boot_id: Some(format!("0000000{host}-1111-2222-3333-444444444444")),
        service: Some("shop".to_owned()),
        interval_ms: 60_000,
        ..session()
    };
    let mut recording = Recording::create(&path, about, None).unwrap();
    recording.begin(at(0));
    let context = Context {
        clock: at(0),
        known: Known::ALL,
        expected: 1,
    };
    for minute in 0..MINUTES {
        for (peer, turns) in ends(host, minute) {
            let one = Ended {
                remote: (address(peer).into(), 40_000),
                turns,
                ..ended(0, at(minute))
            };
            let one = Ended {
                local: ([192, 0, 2, 1].into(), 443),
                ..one
            };
            recording.connection(&ConnectionRow::of_ended(&one, &context, None));
        }
        let rows = Rows {
            peers: peers(host, minute),
            listeners: vec![listener(host, minute)],
            ..Rows::default()
        };
        let end = Interval {
            at: timestamp(at(minute)),
            monotonic_ns: at(minute).monotonic_ns,
            ..Interval::default()
        };
        recording.earlier_interval(rows, end);
    }
    assert_eq!(recording.news(), None);
    path
}

/// The interpreter with DuckDB that the set-up installs.
fn python() -> Option<PathBuf> {
    let program = env::current_exe().unwrap();
    let of_target = program.ancestors().map(|path| path.join("python/bin/python"));
    let python = of_target.into_iter().find(|path| path.is_file())?;
    let mut command = Command::new(&python);
    let has_it = command.args(["-c", "import duckdb"]).status();
    has_it.is_ok_and(|status| status.success()).then_some(python)
}

/// Says that a test cannot run here. The test run counts such lines.
#[expect(clippy::print_stdout, reason = "the skip must show in the test's output")]
fn skip(reason: &str) {
    let line = format!("SKIP the questions in SQL: {reason}\n");
    print!("{line}");
    if let Some(path) = env::var_os("TCPREUSE_SKIP_LOG") {
        let log = OpenOptions::new().create(true).append(true).open(path);
        log.unwrap().write_all(line.as_bytes()).unwrap();
    }
}

/// Runs the first files, and prints the answer of each of the others.
const SCRIPT: &str = "
import duckdb, sys
engine = duckdb.connect()
engine.execute('SET enable_progress_bar = false')
for path in sys.argv[1:3]:
    engine.execute(open(path).read())
for path in sys.argv[3:]:
    print('--', path.rsplit('/', 1)[1])
    for row in engine.execute(open(path).read()).fetchall():
        print(*('' if value is None else value for value in row), sep='|')
";

const ANSWERS: &str = "\
-- not-reusing.sql
shop|443|10.0.0.2|3|18|1.0|6
-- held.sql
shop|443|10.0.0.4|90|2|web2|50
shop|443|10.0.0.4|90|2|web3|40
shop|443|10.0.0.1|3|3|web1|1
shop|443|10.0.0.1|3|3|web2|1
shop|443|10.0.0.1|3|3|web3|1
-- surge.sql
shop|443|web2|2026-01-02 00:10:00|1|51|2026-01-02 00:19:00
shop|443|web3|2026-01-02 00:15:00|1|41|2026-01-02 00:22:00
-- two-days.sql
shop|443|10.0.0.4|0|90||piling-up
shop|443|10.0.0.3|4|12|reusing|reusing
-- capacity.sql
shop|3|93|260|190|42|1|100
";

#[test]
fn each_question_has_its_answer() {
    let Some(python) = python() else {
        return skip("needs DuckDB, which `cargo xtask setup --tests` installs");
    };
    let parent = tempfile::tempdir().unwrap();
    let mut exporter = Exporter::open(&parent.path().join("lake")).unwrap();
    for host in 0..3 {
        exporter.directory(&record(host, parent.path()), None).unwrap();
    }
    assert_eq!(exporter.report.faults.len(), 0, "{:?}", exporter.report.faults);
    let sql = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/sql");
    let questions: Vec<PathBuf> = ANSWERS
        .lines()
        .filter_map(|line| Some(sql.join(line.strip_prefix("-- ")?)))
        .collect();
    let output = Command::new(python)
        .current_dir(parent.path())
        .args(["-c", SCRIPT])
        .args([sql.join("dialect/duckdb.sql"), sql.join("views.sql")])
        .args(&questions)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), ANSWERS);
    // None is left out.
    let files = fs::read_dir(&sql).unwrap().map(|entry| entry.unwrap().path());
    let all = files.filter(|path| path.is_file() && !path.ends_with("views.sql"));
    assert_eq!(all.count(), questions.len());
}
