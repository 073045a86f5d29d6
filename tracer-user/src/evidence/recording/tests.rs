mod months;

use std::{fs, os::unix::fs::PermissionsExt};

use super::*;
use crate::{
    evidence::{
        load::{Loaded, Wanted, load_wanted},
        testing::{INTERVALS, blocks, play, recorded, session, unfinished},
        verify::{Condition, verify},
    },
    source::replay::Replay,
};

fn load_recording(path: &Path, number: Option<u32>) -> Result<Loaded, EvidenceError> {
    let wanted = Wanted {
        number,
        ..Wanted::default()
    };
    load_wanted(path, &wanted)
}

#[test]
fn a_finished_recording_is_whole() {
    let (_parent, path, _) = recorded();
    let report = verify(&path).unwrap();
    assert!(
        report.is_whole() && report.stopped && report.notes.is_empty(),
        "{report:?}"
    );
    assert_eq!(report.up_to.unwrap().0, INTERVALS as u64);
    for entry in fs::read_dir(&path).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{entry:?}"
        );
    }
    let rows = fs::read_to_string(path.join("connections.csv")).unwrap();
    assert!(rows.contains(",'=java,"), "{rows}");
}

/// A power cut may leave any length of what was written last.
#[test]
fn cut_anywhere_in_the_last_block_the_rest_reads_back() {
    let (_parent, path, recording) = unfinished(None, 3, 3);
    drop(recording);
    // That of the last interval is only written when the line of the interval is on the disk.
    fs::remove_file(path.join("state.delta")).unwrap();
    let journal = fs::read(path.join("intervals.jsonl")).unwrap();
    let lines: Vec<&[u8]> = journal.split_inclusive(|byte| *byte == b'\n').collect();
    let before: serde_json::Value = serde_json::from_slice(lines[1]).unwrap();
    for (stem, name) in [
        ("connections", "connections.csv"),
        ("peers", "peers.csv"),
        ("listeners", "listeners.csv"),
    ] {
        let whole = fs::read(path.join(name)).unwrap();
        let from = usize::try_from(before[stem]["bytes"].as_u64().unwrap()).unwrap();
        assert!(from < whole.len());
        for cut in from..whole.len() {
            fs::write(path.join(name), &whole[..cut]).unwrap();
            let report = verify(&path).unwrap();
            let found = report.files.iter().find(|found| found.name == name).unwrap();
            assert_eq!(found.condition, Condition::Cut, "{name} at {cut}: {report:?}");
            assert_eq!(report.up_to.unwrap().0, 2);
            let loaded = crate::evidence::load::load(&path).unwrap();
            assert!(!loaded.sample.peers.is_empty());
        }
        fs::write(path.join(name), &whole).unwrap();
    }
    // An incomplete journal line means that its interval is incomplete.
    let from = lines[0].len() + lines[1].len();
    for cut in from..journal.len() {
        fs::write(path.join("intervals.jsonl"), &journal[..cut]).unwrap();
        let report = verify(&path).unwrap();
        assert!(report.is_whole(), "at {cut}: {report:?}");
        assert_eq!(report.up_to.unwrap().0, 2, "at {cut}");
        crate::evidence::load::load(&path).unwrap();
    }
}

#[test]
fn a_recording_can_be_added_to() {
    let (_parent, path, first) = unfinished(None, 2, 5);
    // Rows after the last interval, as a killed recorder leaves them.
    let mut rows = fs::OpenOptions::new()
        .append(true)
        .open(path.join("connections.csv"))
        .unwrap();
    std::io::Write::write_all(&mut rows, b"2026-01-01T00:0").unwrap();
    let two = first.rows();
    assert_eq!(first.incomplete(), None);
    drop(first);
    let mut second = Recording::append(&path, session(), None).unwrap();
    let last = play(&mut second, 2, 5, true);
    assert_eq!(second.news(), None);
    assert!(second.rows() > two);
    let report = verify(&path).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.up_to.unwrap().0, 4);
    let loaded = crate::evidence::load::load(&path).unwrap();
    assert_eq!(loaded.sample, last);
    assert!(
        loaded.notes[0].contains("holds 2 recordings"),
        "{:?}",
        loaded.notes
    );
    // Only rows of the last recording count, whatever the state contains.
    fs::remove_file(path.join("state.json")).unwrap();
    let loaded = crate::evidence::load::load(&path).unwrap();
    let (totals, wanted) = (loaded.sample.accounting.totals, last.accounting.totals);
    assert_eq!(
        (totals.closed, totals.open_now()),
        (wanted.closed, wanted.open_now())
    );
}

#[test]
fn each_of_several_recordings_can_be_read() {
    let (_parent, path, mut first) = unfinished(None, 0, 0);
    let mut wanted = vec![play(&mut first, 3, 5, true)];
    drop(first);
    for (intervals, rows) in [(2, 7), (4, 1)] {
        let mut next = Recording::append(&path, session(), None).unwrap();
        wanted.push(play(&mut next, intervals, rows, true));
    }
    for (number, wanted) in (1..).zip(&wanted) {
        let loaded = load_recording(&path, Some(number)).unwrap();
        let (totals, of_then) = (loaded.sample.accounting.totals, wanted.accounting.totals);
        assert_eq!(
            (totals.closed, totals.open_now()),
            (of_then.closed, of_then.open_now()),
            "{number}"
        );
        assert_eq!(loaded.sample.taken, wanted.taken, "{number}");
        let replay = Replay::open(&path, Some(number)).unwrap();
        assert_eq!(replay.number(), (number as usize, 3));
        assert_eq!(replay.intervals(), [3, 2, 4][number as usize - 1]);
    }
    let notes = load_recording(&path, Some(2)).unwrap().notes.join("\n");
    assert!(
        notes.contains("recording 2 of 3") && notes.contains("belongs to another recording"),
        "{notes}"
    );
    for none in [0, 4, u32::MAX] {
        let error = load_recording(&path, Some(none)).unwrap_err().to_string();
        assert!(
            error.contains(&format!("holds 3 recordings; there is no recording {none}")),
            "{error}"
        );
    }
}

#[test]
fn a_recording_that_was_rotated_away_is_told() {
    let limit = Limit {
        bytes: 64 << 10,
        rotate: true,
    };
    let (_parent, path, first) = unfinished(Some(limit), 2, 2);
    drop(first);
    let mut second = Recording::append(&path, session(), Some(limit)).unwrap();
    play(&mut second, 60, 20, true);
    let error = load_recording(&path, Some(1)).unwrap_err().to_string();
    assert!(
        error.contains("rotation has removed all rows of recording 1"),
        "{error}"
    );
    assert!(load_recording(&path, Some(2)).is_ok());
}

#[test]
fn a_damaged_recording_is_not_added_to() {
    let (_parent, path, recording) = unfinished(None, 2, 5);
    drop(recording);
    let text = fs::read_to_string(path.join("peers.csv")).unwrap();
    fs::write(path.join("peers.csv"), text.replace("192.0.2.11", "192.0.2.99")).unwrap();
    let error = Recording::append(&path, session(), None).unwrap_err().to_string();
    assert!(error.contains("peers.csv: has been altered"), "{error}");
}

#[test]
fn old_segments_go_first() {
    let limit = Limit {
        bytes: 160 << 10,
        rotate: true,
    };
    let (_parent, path, mut recording) = unfinished(Some(limit), 120, 20);
    assert_eq!(recording.news(), None);
    let removed = recording.manifest.removed;
    assert!(
        removed.segments > 0 && removed.connections_rows % 20 == 0,
        "{removed:?}"
    );
    assert!(recording.bytes() <= limit.bytes, "{}", recording.bytes());
    assert_eq!(removed.connections_rows + recording_rows(&path), 120 * 20);
    let report = verify(&path).unwrap();
    assert!(report.is_whole() && report.notes.is_empty(), "{report:?}");
    let loaded = crate::evidence::load::load(&path).unwrap();
    assert!(!loaded.sample.peers.is_empty());
    // Appending continues in the last segment.
    drop(recording);
    let mut second = Recording::append(&path, session(), Some(limit)).unwrap();
    play(&mut second, 30, 20, true);
    assert_eq!(second.news(), None);
    assert!(verify(&path).unwrap().is_whole());
}

/// Number of connection rows in all segments.
fn recording_rows(path: &Path) -> u64 {
    let files = fs::read_dir(path).unwrap().flatten();
    let names = files.map(|file| file.path());
    names
        .filter(|file| {
            file.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("connections")
        })
        .map(|file| fs::read_to_string(file).unwrap().lines().count() as u64 - 1)
        .sum()
}

/// Makes the directory look like one of a version without events and the last columns.
fn as_older(path: &Path) {
    let text = fs::read_to_string(path.join("peers.csv")).unwrap();
    let peers: String = text
        .lines()
        .map(|line| line.split(',').take(22).collect::<Vec<_>>().join(",") + "\n")
        .collect();
    fs::write(path.join("peers.csv"), &peers).unwrap();
    fs::remove_file(path.join("events.csv")).unwrap();
    let journal = fs::read_to_string(path.join("intervals.jsonl")).unwrap();
    let (mut rewritten, mut last) = (String::new(), String::new());
    let ends = |rows: u64| {
        let lines = peers
            .split_inclusive('\n')
            .take(usize::try_from(rows).unwrap() + 1);
        lines.collect::<String>()
    };
    for line in journal.lines() {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        let whole = ends(line["peers"]["rows"].as_u64().unwrap());
        line["peers"]["bytes"] = whole.len().into();
        line["peers"]["sha256"] = hex(&Sha256::digest(whole)).into();
        line.as_object_mut().unwrap().remove("events");
        line["before"] = hex(&Sha256::digest(&rewritten)).into();
        last = serde_json::to_string(&line).unwrap() + "\n";
        rewritten.push_str(&last);
    }
    assert!(!last.is_empty());
    fs::write(path.join("intervals.jsonl"), rewritten).unwrap();
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(path.join("manifest.json")).unwrap()).unwrap();
    manifest["files"].as_object_mut().unwrap().remove("events.csv");
    fs::write(path.join("manifest.json"), manifest.to_string()).unwrap();
}

#[test]
fn what_an_older_version_wrote_is_read_and_added_to() {
    let (_parent, path, first) = unfinished(None, 3, 5);
    drop(first);
    as_older(&path);
    let report = verify(&path).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.up_to.unwrap().0, 3);
    assert_eq!(Replay::open(&path, None).unwrap().intervals(), 3);
    let mut second = Recording::append(&path, session(), None).unwrap();
    assert_eq!(second.files.segment, 2);
    let last = play(&mut second, 2, 5, true);
    assert_eq!(second.news(), None);
    let report = verify(&path).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.up_to.unwrap().0, 5);
    let loaded = load_recording(&path, None).unwrap();
    assert_eq!(loaded.sample, last);
    assert_eq!(Replay::open(&path, Some(1)).unwrap().intervals(), 3);
    assert_eq!(Replay::open(&path, Some(2)).unwrap().intervals(), 2);
}

/// The recorder may be killed between any two steps of numbering a segment.
/// An interval may bring more than a segment takes, as when the disk was slow before.
#[test]
fn a_long_interval_finds_room_before_it_is_written() {
    let limit = Limit {
        bytes: 512 << 10,
        rotate: true,
    };
    let (_parent, path, mut recording) = unfinished(Some(limit), 200, 20);
    let on_disk = || -> u64 {
        let files = fs::read_dir(&path).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    };
    let before = on_disk();
    blocks(1, 1_500, |block, rows, _| {
        rows.iter().for_each(|row| recording.connection(row));
        let entry = Entry::of(block, recording.told, None);
        assert!(recording.write_interval(entry.rows, entry.end));
    });
    let long = recording.files.bytes();
    assert!(before + long > limit.bytes, "{before} and {long} would fit");
    assert!(on_disk() <= limit.bytes, "{} of {}", on_disk(), limit.bytes);
    let report = verify(&path).unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn a_rotation_may_end_anywhere() {
    for steps in 0..=6 {
        let (_parent, path, recording) = unfinished(None, 2, 5);
        drop(recording);
        let names = [
            "connections.csv",
            "peers.csv",
            "listeners.csv",
            "events.csv",
            "intervals.jsonl",
        ];
        for name in names.iter().take(steps) {
            let (stem, ending) = name.split_once('.').unwrap();
            fs::rename(path.join(name), path.join(format!("{stem}-000001.{ending}"))).unwrap();
        }
        if steps > names.len() {
            Files::create(&Folder::open_own(&path).unwrap(), 2).unwrap();
        }
        let report = verify(&path).unwrap();
        assert!(report.is_whole(), "{steps}: {report:?}");
        assert_eq!(report.up_to.clone().unwrap().0, 2);
        // The state is that of the first interval.
        fs::remove_file(path.join("state.json")).unwrap();
        let loaded = crate::evidence::load::load(&path).unwrap();
        assert_eq!(loaded.sample.accounting.totals.closed, 10 + 1, "{steps}");
        let mut second = Recording::append(&path, session(), None).unwrap();
        play(&mut second, 2, 5, true);
        let report = verify(&path).unwrap();
        assert!(report.is_whole(), "{steps}: {report:?}");
        assert_eq!(report.up_to.unwrap().0, 4, "{steps}");
    }
}

#[test]
fn a_removed_directory_is_told_and_counting_goes_on() {
    let (_parent, path, mut recording) = unfinished(None, 2, 5);
    fs::remove_dir_all(&path).unwrap();
    play(&mut recording, 2, 5, false);
    let news = recording.news().unwrap();
    assert!(
        news.contains("removed") && news.contains("counting continues"),
        "{news}"
    );
    assert_eq!(recording.news(), None);
    assert!(
        recording.incomplete().unwrap().contains("up to interval 2"),
        "{:?}",
        recording.incomplete()
    );
}
