use std::{fs, path::Path};

use proptest::prelude::*;

use super::*;
use crate::evidence::{
    block::write_row,
    cells::Texts,
    read::rows_of,
    rows::{ConnectionRow, Kind, ListenerRow, PeerRow},
    testing::{recorded, unfinished},
};

fn read<R: Row>(path: &Path) -> Result<Vec<R>, EvidenceError> {
    let folder = Folder::open(path.parent().unwrap()).unwrap();
    let part = Part {
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
        from: 0,
        to: None,
    };
    rows_of::<R>(&folder, part)?.collect()
}

fn with<R: Row>(content: &[u8]) -> Result<Vec<R>, EvidenceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{}.csv", R::KIND.stem()));
    fs::write(&path, content).unwrap();
    read(&path)
}

fn header<R: Row>() -> String {
    format!("{}\n", R::COLUMNS.join(","))
}

/// Reads what was written, and checks that writing it again gives the same.
fn comes_back<R: Row + PartialEq + std::fmt::Debug>(path: &Path) {
    let name = format!("{}.csv", R::KIND.stem());
    let rows: Vec<R> = read(&path.join(&name)).unwrap();
    assert!(!rows.is_empty());
    let (mut csv, mut texts) = (csv::Writer::from_writer(Vec::new()), Texts::default());
    csv.write_record(R::COLUMNS).unwrap();
    for row in &rows {
        write_row(&mut csv, &mut texts, row).unwrap();
    }
    assert_eq!(csv.into_inner().unwrap(), fs::read(path.join(name)).unwrap());
}

#[test]
fn rows_come_back_as_they_were() {
    let (_parent, path, _) = recorded();
    comes_back::<ConnectionRow>(&path);
    comes_back::<PeerRow>(&path);
    comes_back::<ListenerRow>(&path);
}

/// The columns as they were before outbound peers had a process, and when such a file is continued.
#[test]
fn rows_of_older_recordings_are_read() {
    let (_parent, path, _) = recorded();
    let now = fs::read_to_string(path.join("peers.csv")).unwrap();
    let rows: Vec<PeerRow> = with(now.as_bytes()).unwrap();
    let cut = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        cells[..cells.len() - PeerRow::ADDED].join(",")
    };
    let older: Vec<String> = now.lines().map(cut).collect();
    let without = |row: &PeerRow| PeerRow {
        turns_open: None,
        busy: None,
        earlier: Default::default(),
        confidence: None,
        later: Default::default(),
        name: None,
        unit: None,
        container: None,
        ..row.clone()
    };
    let old_rows: Vec<PeerRow> = rows.iter().map(without).collect();
    assert_eq!(
        with::<PeerRow>((older.join("\n") + "\n").as_bytes()).unwrap(),
        old_rows
    );
    let gone_on = format!("{}\n{}", older.join("\n"), now.split_once('\n').unwrap().1);
    assert_eq!(
        with::<PeerRow>(gone_on.as_bytes()).unwrap(),
        [old_rows, rows].concat()
    );
    let (header, _) = now.split_once('\n').unwrap();
    let (shorter, _) = header.split_once(",confidence").unwrap();
    let between = now.replacen(header, shorter, 1);
    assert!(with::<PeerRow>(between.as_bytes()).is_ok());
    let other = now.replacen(",owner_pid,", ",owner,", 1);
    assert!(with::<PeerRow>(other.as_bytes()).is_err());
}

/// The columns of older recordings come before those added later.
#[test]
fn columns_are_only_added() {
    let peers = header::<PeerRow>();
    assert!(
        peers.contains(",owner_comm,turns_open,busy,unanswered,late_reads,confidence,rtt_ms,rtt_min_ms"),
        "{peers}"
    );
    let listeners = header::<ListenerRow>();
    assert!(
        listeners.contains(
            ",accept_queue,accept_queue_limit,busy_workers,idle_workers,owner_pid,owner_comm,drops"
        ),
        "{listeners}"
    );
    for kind in Kind::ALL {
        let mut names = kind.columns().to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), kind.columns().len(), "{:?}", kind.columns());
    }
}

#[test]
fn outbound_peers_come_back_with_their_processes() {
    let header = header::<PeerRow>();
    let row = |direction: &str, peer: &str, owner: &str| {
        let cells = "1,1,0,0,0,0,0,0,0,1,0,,0,,,,reusing";
        let with: Vec<PeerRow> = with(
            format!("{header}2026-01-01T00:00:00.000000000Z,{direction},1,,{peer},{cells},{owner}\n")
                .as_bytes(),
        )
        .unwrap();
        let [row] = &with[..] else { panic!("{with:?}") };
        let program = row.id.program.map(|comm| comm.as_str().to_owned());
        (row.id.process, program, row.owner_comm.clone())
    };
    let java = Some("java".to_owned());
    assert_eq!(
        row("outbound", "192.0.2.9:5432", "812,java"),
        (Some(812), None, java.clone())
    );
    assert_eq!(
        row("outbound", "192.0.2.9:5432", ",java"),
        (None, java.clone(), java.clone())
    );
    assert_eq!(row("outbound", "192.0.2.9:5432", ","), (None, None, None));
    assert_eq!(row("inbound", "192.0.2.9", "812,java"), (None, None, java));
}

#[test]
fn errors_name_file_and_row() {
    let (_parent, path, _recording) = unfinished(None, 1, 1);
    let good = fs::read_to_string(path.join("connections.csv")).unwrap();
    let said = |content: String| with::<ConnectionRow>(content.as_bytes()).unwrap_err().to_string();
    let cell = |from: &str, to: &str| {
        assert!(good.contains(from), "{from} in {good}");
        said(good.replace(from, to))
    };
    for (error, wanted) in [
        (
            said("a,b\n1,2\n".to_owned()),
            "connections.csv, row 1: the header is not that of",
        ),
        (said(String::new()), "row 1: the header"),
        (
            cell("remote_fin", "remote_end"),
            "row 2: close_reason is not one of the allowed words",
        ),
        (cell("192.0.2.11", "host"), "row 2: remote_addr is not an address"),
        (cell("inbound", ""), "row 2: direction must not be empty"),
        (
            cell(",200,300,", ",200,-300,"),
            "row 2: bytes_sent is not a valid number",
        ),
        (
            cell(",200,300,", ",200,99999999999999999999,"),
            "row 2: bytes_sent is not a valid number",
        ),
        (cell("2026-01-01", "yesterday"), "row 2: opened_at is not a time"),
        (
            said(format!("{good}too,few\n{good}")),
            "row 3: opened_at is not a time",
        ),
    ] {
        assert!(
            error.contains(wanted) && error.lines().count() == 1,
            "{error:?} does not say {wanted:?}"
        );
    }
}

#[test]
fn a_row_without_end_does_not_fill_the_memory() {
    for filler in ["a", ",", "\"\"", "\n\"a"] {
        let huge = format!("{}\"{}", header::<ConnectionRow>(), filler.repeat(1 << 20));
        let error = with::<ConnectionRow>(huge.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("row 2") && error.len() < 400, "{error}");
    }
    let huge = "x".repeat(1 << 20);
    assert!(with::<PeerRow>(huge.as_bytes()).is_err());
}

#[test]
fn control_characters_do_not_get_through() {
    let (_parent, path, _recording) = unfinished(None, 1, 1);
    let good = fs::read_to_string(path.join("connections.csv")).unwrap();
    let hostile = good.replace("'=java", "\u{1b}[31m\u{202e}java");
    let rows: Vec<ConnectionRow> = with(hostile.as_bytes()).unwrap();
    assert_eq!(rows[0].owner_comm.as_deref(), Some("[31mjava"));
    let error = with::<ConnectionRow>(good.replace("inbound", "\u{1b}[2J").as_bytes()).unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}

#[test]
fn a_last_row_that_was_cut_is_left_out() {
    let (_parent, path, _recording) = unfinished(None, 1, 2);
    let good = fs::read_to_string(path.join("connections.csv")).unwrap();
    let second = good.trim_end().rfind('\n').unwrap() + 1;
    for cut in second..good.len() {
        let rows: Vec<ConnectionRow> = with(&good.as_bytes()[..cut]).unwrap();
        assert_eq!(rows.len(), 1, "{cut}: {rows:?}");
    }
}

#[test]
fn a_copy_goes_on_from_the_same_row() {
    let (_parent, path, _recording) = unfinished(None, 3, 4);
    let folder = Folder::open(&path).unwrap();
    let name = "connections.csv";
    for name in [name, &segments::compress(&folder, name).unwrap()] {
        let part = || Part {
            name: name.to_owned(),
            from: 0,
            to: None,
        };
        let mut rows = Rows::<ConnectionRow>::open(&folder, [part(), part()]).unwrap();
        let all: Vec<ConnectionRow> = rows.clone().collect::<Result<_, _>>().unwrap();
        assert_eq!(all.len(), 24);
        for read in 0..=all.len() {
            let copy = rows.clone();
            let rest: Vec<ConnectionRow> = copy.clone().map(Result::unwrap).collect();
            assert_eq!(rest, all[read..], "{name}, {read}");
            if read % 2 == 1 {
                assert_eq!(rows.peek().unwrap(), all.get(read));
                assert_eq!(rows.clone().next().transpose().unwrap().as_ref(), all.get(read));
            }
            rows.next();
            assert_eq!(copy.map(Result::unwrap).collect::<Vec<_>>(), all[read..]);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_rows_or_an_error(bytes: Vec<u8>) {
        for content in [bytes.clone(), [header::<ConnectionRow>().into_bytes(), bytes.clone()].concat()] {
            let _ = with::<ConnectionRow>(&content);
        }
        let _ = with::<PeerRow>(&[header::<PeerRow>().into_bytes(), bytes.clone()].concat());
        let _ = with::<ListenerRow>(&[header::<ListenerRow>().into_bytes(), bytes].concat());
    }

    #[test]
    fn any_cells_are_a_row_or_an_error(
        cells in prop::collection::vec(
            "[0-9a-z.:,\"TZ=+-]{0,12}|2026-01-01T00:00:00Z|inbound|127.0.0.1|[0-9]{1,20}",
            13..28,
        )
    ) {
        let line = format!("{}\n", cells.join(","));
        let _ = with::<ConnectionRow>(format!("{}{line}", header::<ConnectionRow>()).as_bytes());
        let _ = with::<PeerRow>(format!("{}{line}", header::<PeerRow>()).as_bytes());
        let _ = with::<ListenerRow>(format!("{}{line}", header::<ListenerRow>()).as_bytes());
    }
}
