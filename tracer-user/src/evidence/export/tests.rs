use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};
use tempfile::TempDir;

use super::*;
use crate::{
    evidence::{
        cells::{Cell, CellType, Texts},
        rows::{ConnectionRow, ListenerRow, PeerRow, Row},
        testing::{crowd, play, recorded, session, unfinished},
    },
    model::sample::Sample,
};

mod sql;
mod types;

/// A row by the names of its columns.
type Found = BTreeMap<String, Field>;

fn lake() -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("lake");
    (parent, path)
}

fn export(from: &Path, to: &Path) -> Report {
    let mut exporter = Exporter::open(to).unwrap();
    exporter.directory(from, None).unwrap();
    exporter.report
}

/// All files below a directory, in order.
pub(super) fn files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

fn rows(file: &Path) -> Vec<Found> {
    let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().into_columns().into_iter().collect())
        .collect()
}

/// The rows of all files of a kind.
fn all(lake: &Path, kind: Kind) -> Vec<Found> {
    let files = files(&lake.join(ROOT).join(kind.stem()));
    files.iter().flat_map(|file| rows(file)).collect()
}

/// A value as the CSV file has it.
fn csv(field: &Field, kind: CellType) -> String {
    let mut texts = Texts::default();
    let cell = match field {
        Field::Null => Cell::Unknown,
        Field::Bool(flag) => Cell::Flag(*flag),
        Field::Long(ns) if kind == CellType::Time => Cell::Time((*ns).into()),
        Field::Long(n) => Cell::Number(u64::try_from(*n).unwrap()),
        Field::Double(share) => return format!("{share:.3}"),
        Field::Str(text) => Cell::Outside(text),
        other => panic!("{other:?}"),
    };
    String::from_utf8(texts.csv(cell).to_vec()).unwrap()
}

/// The rows of a CSV file, and what the exported rows have in the same columns.
fn both<R: Row>(recording: &Path, lake: &Path) -> [Vec<Vec<String>>; 2] {
    let name = format!("{}.csv", R::KIND.stem());
    let mut reader = csv::Reader::from_path(recording.join(name)).unwrap();
    let recorded = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect());
    let columns = R::COLUMNS.iter().zip(R::TYPES);
    let of_row = |row: &Found| {
        columns
            .clone()
            .map(|(name, kind)| csv(&row[*name], *kind))
            .collect()
    };
    [
        recorded.collect(),
        all(lake, R::KIND).iter().map(of_row).collect(),
    ]
}

#[test]
fn rows_are_those_of_the_csv_files() {
    let ((_parent, path, _), (_lake, lake)) = (recorded(), lake());
    let report = export(&path, &lake);
    assert_eq!((report.files, report.there, report.faults.len()), (3, 0, 0));
    let [recorded, exported] = both::<ConnectionRow>(&path, &lake);
    assert!(recorded.len() > 60);
    assert_eq!(exported, recorded);
    let [recorded, exported] = both::<ListenerRow>(&path, &lake);
    assert_eq!(exported, recorded);
    let [recorded, exported] = both::<PeerRow>(&path, &lake);
    let at = |row: &Vec<String>| row[0].clone();
    for row in &recorded {
        assert!(exported.contains(row), "{row:?}");
    }
    // At the end there is a row of each peer, which has all its figures.
    let end = recorded.iter().map(at).max().unwrap();
    for row in &exported {
        assert!(recorded.contains(row) || at(row) == end, "{row:?}");
    }
}

fn labels(row: &Found) -> [String; 4] {
    ["host", "boot_id", "service", "schema"].map(|name| csv(&row[name], CellType::Text))
}

/// The numbers of a list.
fn numbers(field: &Field) -> Option<Vec<i64>> {
    match field {
        Field::Null => None,
        Field::ListInternal(list) => {
            let elements = list.elements().iter();
            Some(
                elements
                    .map(|one| match one {
                        Field::Long(n) => *n,
                        other => panic!("{other:?}"),
                    })
                    .collect(),
            )
        }
        other => panic!("{other:?}"),
    }
}

fn of_peer(rows: Vec<Found>, peer: &str) -> Vec<Found> {
    let is_it = |row: &Found| row["peer"] == Field::Str(peer.to_owned());
    rows.into_iter().filter(is_it).collect()
}

#[test]
fn figures_are_in_the_rows_as_far_as_they_show_them_and_complete_at_the_end() {
    let ((_parent, path, last), (_lake, lake)): ((_, _, Sample), _) = (recorded(), lake());
    export(&path, &lake);
    let rows = of_peer(all(&lake, Kind::Peers), "192.0.2.11");
    assert_eq!(labels(&rows[0])[..1], ["web1"]);
    assert_eq!(labels(&rows[0])[2..], ["default", SCHEMA]);
    let mapped = "::ffff:192.0.2.11".parse::<std::net::Ipv6Addr>().unwrap();
    for (n, row) in rows.iter().enumerate() {
        assert_eq!(row["peer_addr"], Field::Str("192.0.2.11".to_owned()));
        let Field::Bytes(bytes) = &row["peer_addr_bytes"] else {
            panic!("{row:?}")
        };
        assert_eq!(bytes.data(), mapped.octets());
        let opens = numbers(&row["opens_by_held"]).unwrap();
        assert_eq!(Field::Long(opens.iter().sum()), row["opens"]);
        let lifetimes = numbers(&row["lifetime_buckets"]).unwrap();
        assert_eq!(
            Field::Long(lifetimes.iter().sum()),
            row["closes_remote_fin"],
            "row {n}"
        );
    }
    let slot = last.peers.iter().find(|peer| peer.slot == 1).unwrap();
    let (end, before) = rows.split_last().unwrap();
    assert!(before.iter().all(|row| row["hold_buckets"] == Field::Null));
    let held: Vec<i64> = slot.counters.hold.buckets.all().map(i64::from).into();
    assert_eq!(numbers(&end["hold_buckets"]), Some(held));
    assert_eq!(
        end["held_ms"],
        Field::Long(i64::try_from(slot.counters.held_ms).unwrap())
    );
}

#[test]
fn a_second_export_makes_only_what_is_missing() {
    let ((_parent, path, _), (_lake, lake)) = (recorded(), lake());
    export(&path, &lake);
    let before: Vec<Vec<u8>> = files(&lake).iter().map(|file| fs::read(file).unwrap()).collect();
    let report = export(&path, &lake);
    assert_eq!((report.files, report.there), (0, 3));
    // As if the first one had been killed.
    let some = files(&lake);
    let (name, folder) = (some[1].file_name().unwrap(), some[1].parent().unwrap());
    let remains = folder.join(format!(".{}.new", name.to_str().unwrap()));
    fs::rename(&some[1], &remains).unwrap();
    fs::write(&remains, b"PAR1half").unwrap();
    let report = export(&path, &lake);
    assert_eq!((report.files, report.faults.len()), (3, 0));
    assert_eq!(files(&lake), some, "nothing is left behind");
    let after: Vec<Vec<u8>> = some.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(after == before, "the same rows make the same file");
}

#[test]
fn a_recording_that_runs_is_exported_up_to_its_last_interval() {
    let (_lake, lake) = lake();
    let (_parent, path, mut recording) = unfinished(None, 3, 10);
    export(&path, &lake);
    assert_eq!(all(&lake, Kind::Connections).len(), 30);
    play(&mut recording, 5, 10, true);
    let report = export(&path, &lake);
    assert_eq!((report.files, report.faults.len()), (3, 0));
    assert!(all(&lake, Kind::Connections).len() > 80);
    assert_eq!(files(&lake).len(), 3, "they took the place of the earlier ones");
}

#[test]
fn each_hour_has_files_that_stand_for_themselves() {
    let (_lake, lake) = lake();
    let (_parent, path) = crowd::recorded(20, 120);
    export(&path, &lake);
    let files = files(&lake.join("v1/peers"));
    assert_eq!(files.len(), 2, "{files:?}");
    let mut opens = BTreeMap::new();
    for (n, file) in files.iter().enumerate() {
        let rows = rows(file);
        let first = rows[0]["sampled_at"].clone();
        let listed: Vec<&Found> = rows.iter().filter(|row| row["sampled_at"] == first).collect();
        assert_eq!(listed.len(), 20);
        assert!(listed.iter().all(|row| row["carried"] == Field::Bool(n > 0)));
        for row in &rows {
            opens.insert(csv(&row["peer"], CellType::Text), row["opens"].clone());
        }
    }
    assert_eq!(opens["10.0.0.10"], Field::Long(120));
    let hours: Vec<_> = files
        .iter()
        .map(|file| file.parent().unwrap().file_name())
        .collect();
    assert!(hours[0] < hours[1], "{hours:?}");
}

#[test]
fn damage_is_named_and_all_else_exported() {
    let ((_parent, path, _), (_lake, lake)) = (recorded(), lake());
    let (_other, healthy) = crowd::recorded(10, 4);
    let text = fs::read_to_string(path.join("connections.csv")).unwrap();
    fs::write(
        path.join("connections.csv"),
        text.replacen("inbound", "upwards", 1),
    )
    .unwrap();
    let mut exporter = Exporter::open(&lake).unwrap();
    for path in [&path, &lake, &healthy] {
        exporter.directory(path, None).unwrap();
    }
    let faults: Vec<String> = exporter.report.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(
        faults[0].contains("connections.csv, row 2: direction"),
        "{faults:?}"
    );
    assert!(faults[1].contains("not an evidence directory"), "{faults:?}");
    assert!(exporter.report.files > 0);
    assert_eq!(
        exporter.report.files,
        files(&lake).len() as u64,
        "nothing half is left"
    );
}

#[test]
fn what_others_have_put_there_is_left_alone() {
    let ((_parent, path, _), (_lake, lake)) = (recorded(), lake());
    export(&path, &lake);
    let file = files(&lake)[0].clone();
    let whole = fs::read(&file).unwrap();
    for (bytes, wanted) in [
        (&b"mine"[..], "damaged or no Parquet file"),
        (&whole[..whole.len() / 2], "damaged or no Parquet file"),
    ] {
        fs::write(&file, bytes).unwrap();
        let report = export(&path, &lake);
        assert_eq!((report.files, report.faults.len()), (0, 1));
        let fault = report.faults[0].to_string();
        assert!(fault.contains(wanted) && fault.contains("web1-"), "{fault}");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    // A later version's.
    let later = String::from_utf8_lossy(SCHEMA.as_bytes()).replace("/1", "/2");
    let at = whole
        .windows(SCHEMA.len())
        .rposition(|part| part == SCHEMA.as_bytes())
        .unwrap();
    let mut other = whole.clone();
    other[at..at + later.len()].copy_from_slice(later.as_bytes());
    fs::write(&file, other).unwrap();
    let fault = export(&path, &lake).faults[0].to_string();
    assert!(fault.contains("has the schema \"tcpreuse.export/2\""), "{fault}");
}

#[test]
fn no_link_is_followed_and_only_the_owner_may_look() {
    let ((_parent, path, _), (_lake, lake)) = (recorded(), lake());
    export(&path, &lake);
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
    let file = files(&lake)[0].clone();
    assert_eq!(mode(&file), 0o600);
    assert!(
        file.ancestors()
            .skip(1)
            .take(5)
            .all(|folder| mode(folder) == 0o700)
    );
    let elsewhere = tempfile::tempdir().unwrap();
    let linked = lake.join("v1/peers");
    fs::remove_dir_all(&linked).unwrap();
    symlink(elsewhere.path(), &linked).unwrap();
    let report = export(&path, &lake);
    assert!(
        report.faults[0].to_string().contains("symbolic link"),
        "{report:?}"
    );
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    let link = lake.with_file_name("link");
    symlink(&lake, &link).unwrap();
    assert!(
        Exporter::open(&link)
            .unwrap_err()
            .to_string()
            .contains("symbolic link")
    );
}

#[test]
fn names_from_outside_lead_nowhere() {
    let (_lake, lake) = lake();
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("evidence");
    let hostile = crate::evidence::manifest::Session {
        host: "../../\u{202e}etc/=x\n".to_owned(),
        boot_id: Some("/..".to_owned()),
        ..session()
    };
    let mut recording = crate::evidence::recording::Recording::create(&path, hostile, None).unwrap();
    play(&mut recording, 2, 2, true);
    let report = export(&path, &lake);
    assert_eq!((report.files, report.faults.len()), (3, 0));
    assert_eq!(
        files(parent.path()).len(),
        files(&path).len(),
        "nothing but the recording"
    );
    let file = files(&lake)[0].clone();
    assert_eq!(file.ancestors().nth(6), Some(&*lake));
    let connections = all(&lake, Kind::Connections);
    assert!(
        connections
            .iter()
            .any(|row| row["owner_comm"] == Field::Str("=java".to_owned()))
    );
    // The name of a service is part of a path, so it is checked.
    let manifest = fs::read_to_string(path.join("manifest.json")).unwrap();
    let named = manifest.replacen("\"host\":", "\"service\": \"../x\", \"host\":", 1);
    fs::write(path.join("manifest.json"), named).unwrap();
    let report = export(&path, &lake);
    assert!(
        report.faults[0].to_string().contains("no valid service"),
        "{report:?}"
    );
}
