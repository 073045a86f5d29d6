//! `export`, and `record` and `serve` that export as they go: what arrives, and what a full disk or a kill
//! leaves.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use rustix::process::Signal;
use tcpreuse_tests::{
    agent::Agent,
    eventually,
    namespace::Namespace,
    need_root,
    program::{binary, run},
    random::Random,
    traffic::EchoServer,
};

use crate::{
    record::{Recorder, disk::Mounted, place, rows, said, text, visits},
    serve::kept::kept,
};

/// The files of a lake that engines see, by their path in it.
fn files(lake: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![lake.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() {
                folders.push(path);
            } else if !name.to_string_lossy().starts_with('.') {
                let inside = path.strip_prefix(lake).unwrap().to_owned();
                found.insert(inside, fs::read(&path).unwrap());
            }
        }
    }
    found
}

type Found = BTreeMap<String, Field>;

/// All rows of a kind, in the order of the files.
fn exported(lake: &Path, kind: &str) -> Vec<Found> {
    let of_kind = |path: &&PathBuf| path.starts_with(Path::new("v1").join(kind));
    let files = files(lake);
    let rows = files.keys().filter(of_kind).flat_map(|path| {
        let reader = SerializedFileReader::new(File::open(lake.join(path)).unwrap()).unwrap();
        let rows = reader.get_row_iter(None).unwrap();
        let rows: Vec<Found> = rows
            .map(|row| row.unwrap().into_columns().into_iter().collect())
            .collect();
        rows
    });
    rows.collect()
}

/// The number in the last row of each peer, added up.
fn last_of_peers(rows: &[Found], column: &str) -> i64 {
    let number = |row: &Found| match (&row["peer"], &row[column]) {
        (Field::Str(peer), Field::Long(n)) => Some((peer.clone(), *n)),
        _ => None,
    };
    let last: Option<BTreeMap<String, i64>> = rows.iter().map(number).collect();
    last.unwrap().values().sum()
}

#[test]
fn a_recorder_exports_what_it_records() {
    need_root!();
    let (namespace, (parent, path)) = (Namespace::new(), place());
    let lake = parent.path().join("lake");
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let args = ["--port", &port, "--interval", "100ms", "--service", "shop"];
    let recorder = Recorder::start(
        &namespace,
        &path,
        &[&args[..], &["--parquet", text(&lake)]].concat(),
    );
    visits(3, 40, server.address);
    recorder.finish();
    let connections = exported(&lake, "connections");
    assert_eq!(connections.len(), rows(&path, "connections.csv").len());
    assert_eq!(connections.len(), 120);
    let peers = exported(&lake, "peers");
    assert_eq!(last_of_peers(&peers, "opens"), 120);
    let files = files(&lake);
    assert!(
        files
            .keys()
            .all(|file| file.components().any(|part| part.as_os_str() == "service=shop")),
        "{:?}",
        files.keys()
    );
    // A later export finds nothing to do.
    let again = run(&["export", text(&path), "--service", "shop", "--out", text(&lake)]);
    assert!(again.status.success(), "{}", said(&again));
    assert!(self::files(&lake) == files, "{}", said(&again));
}

/// An agent exports all of 120 connections, which come from so many clients; with few it keeps evidence of
/// them.
fn an_agent_exports_all(clients: u16, is_kept: bool) {
    let (namespace, place) = (Namespace::new(), tempfile::tempdir().unwrap());
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let (evidence, lake) = (place.path().join("agent"), place.path().join("lake"));
    fs::create_dir(&evidence).unwrap();
    let port = server.port().to_string();
    let args = ["--port", &port, "--interval", "100ms", "--keep-before", "1h"];
    let to = ["--evidence", text(&evidence), "--parquet", text(&lake)];
    let agent = Agent::start(&namespace, &[&args[..], &to].concat());
    visits(clients, u32::from(120 / clients), server.address);
    let kept = || fs::read_dir(evidence.join("evidence-kept")).is_ok_and(|kept| kept.count() > 0);
    if is_kept {
        eventually("kept evidence", kept);
    }
    let (code, errors) = agent.end();
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(kept(), is_kept, "{errors}");
    assert_eq!(exported(&lake, "connections").len(), 120, "{errors}");
    assert_eq!(last_of_peers(&exported(&lake, "peers"), "opens"), 120, "{errors}");
}

#[test]
fn an_agent_exports_what_it_does_not_keep() {
    need_root!();
    an_agent_exports_all(60, false);
}

#[test]
fn an_agent_exports_what_it_keeps() {
    need_root!();
    an_agent_exports_all(3, true);
}

/// The exporter looks once a minute which recording is there. Here three follow each other within seconds.
#[test]
fn an_agent_exports_what_it_keeps_soon_after_other_evidence() {
    need_root!();
    let (namespace, place) = (Namespace::new(), tempfile::tempdir().unwrap());
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let (evidence, lake) = (place.path().join("agent"), place.path().join("lake"));
    let port = server.port().to_string();
    let args = ["--port", &port, "--interval", "100ms", "--keep-after", "1s"];
    let to = ["--evidence", text(&evidence), "--parquet", text(&lake)];
    let agent = Agent::start(&namespace, &[&args[..], &to].concat());
    let complete = || {
        let kept = kept(&evidence).into_iter();
        kept.filter(|(_, manifest)| manifest["stopped"].is_string())
            .count()
    };
    for number in 1..=2 {
        visits(60, 1, server.address);
        agent.signal(Signal::USR1);
        eventually("complete evidence", || complete() == number);
    }
    visits(60, 1, server.address);
    let (code, errors) = agent.end();
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(exported(&lake, "connections").len(), 180, "{errors}");
}

/// A recording, and what a whole export of it is.
fn recorded() -> (tempfile::TempDir, PathBuf, BTreeMap<PathBuf, Vec<u8>>) {
    let (namespace, (parent, path)) = (Namespace::new(), place());
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let port = server.port().to_string();
    let recorder = Recorder::start(&namespace, &path, &["--port", &port, "--interval", "100ms"]);
    visits(4, 1000, server.address);
    recorder.finish();
    let lake = parent.path().join("whole");
    let output = run(&["export", text(&path), "--out", text(&lake)]);
    assert!(output.status.success(), "{}", said(&output));
    let whole = files(&lake);
    assert_eq!(whole.len(), 3, "{:?}", whole.keys());
    (parent, path, whole)
}

#[test]
fn an_export_to_a_full_disk_goes_on_from_there() {
    need_root!();
    let (_parent, path, whole) = recorded();
    let disk = Mounted::new("size=4m");
    let lake = disk.path().join("lake");
    let export = || run(&["export", text(&path), "--out", text(&lake)]);
    let ballast = disk.path().join("ballast");
    let largest = whole.values().map(Vec::len).max().unwrap();
    // Room for part of the largest file.
    fs::write(&ballast, vec![0; (4 << 20) - largest / 2]).unwrap();
    let output = export();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(
        said(&output).contains("No space left on device"),
        "{}",
        said(&output)
    );
    for (name, bytes) in files(&lake) {
        assert!(whole[&name] == bytes, "{} is not whole", name.display());
    }
    fs::remove_file(&ballast).unwrap();
    let output = export();
    assert!(output.status.success(), "{}", said(&output));
    assert!(files(&lake) == whole);
}

#[test]
fn an_export_that_is_killed_leaves_nothing_half() {
    need_root!();
    let (parent, path, whole) = recorded();
    let lake = parent.path().join("lake");
    let mut random = Random::new(11);
    for round in 0..12 {
        let mut export = Command::new(binary())
            .args(["export", text(&path), "--out", text(&lake)])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(random.below(150)));
        export.kill().unwrap();
        export.wait().unwrap();
        for (name, bytes) in files(&lake) {
            assert!(
                whole[&name] == bytes,
                "round {round}: {} is not whole",
                name.display()
            );
        }
    }
    let output = run(&["export", text(&path), "--out", text(&lake)]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(files(&lake) == whole);
    let remains = Command::new("find")
        .arg(&lake)
        .args(["-name", ".*.new"])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&remains.stdout),
        "",
        "remains of killed ones"
    );
}
