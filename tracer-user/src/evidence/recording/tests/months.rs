//! What happens to a recording of months: the clock is set, the recorder is started again and again, and old
//! segments are compressed.

use super::*;
use crate::evidence::testing::blocks;

#[test]
fn the_clock_may_be_set_meanwhile() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("evidence");
    let mut recording = Recording::create(&path, session(), None).unwrap();
    let mut times = Vec::new();
    blocks(6, 3, |block, rows, _| {
        let mut sample = block.sample.clone();
        if times.is_empty() {
            recording.begin(sample.started);
        }
        let back = if times.len() < 3 { 0 } else { 3_600_000_000_000 };
        sample.taken.utc_ns -= back;
        times.push(sample.taken);
        let mut diagnosis = block.diagnosis.clone();
        diagnosis.taken = sample.taken;
        for mut row in rows {
            row.closed_at = row.closed_at.map(|at| at - back);
            row.opened_at = row.opened_at.map(|at| at - back);
            recording.connection(&row);
        }
        recording.interval(&Block {
            sample: &sample,
            diagnosis: &diagnosis,
            ..*block
        });
    });
    let report = verify(&path).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
    assert!(
        report.notes[0].contains("the clock was set back by 60.0 min"),
        "{:?}",
        report.notes
    );
    let mut replay = Replay::open(&path, None).unwrap();
    assert_eq!(replay.intervals(), 6);
    let mut closed = Vec::new();
    while let Some(sample) = replay.step().unwrap() {
        closed.push(replay.take_ended().len());
        assert_eq!(sample.taken.utc_ns, times[closed.len() - 1].utc_ns);
    }
    assert_eq!(closed[..5], [3, 3, 3, 3, 3], "none is held back");
    assert_eq!(replay.position_at(times[4].utc_ns), 4);
    fs::remove_file(path.join("state.json")).unwrap();
    assert!(
        !crate::evidence::load::load(&path)
            .unwrap()
            .sample
            .peers
            .is_empty()
    );
}

/// A service that is restarted again and again.
#[test]
fn the_manifest_of_a_restarted_recorder_stays_small() {
    let (_parent, path, first) = unfinished(None, 1, 1);
    drop(first);
    let mut lengths = Vec::new();
    for _ in 0..130 {
        drop(Recording::append(&path, session(), None).unwrap());
        lengths.push(fs::metadata(path.join("manifest.json")).unwrap().len());
    }
    assert!(lengths[129] < lengths[110] + 1000, "{lengths:?}");
    let error = load_recording(&path, Some(2)).unwrap_err().to_string();
    assert!(
        error.contains("holds 131 recordings, of which the last 101 are listed"),
        "{error}"
    );
    let error = load_recording(&path, Some(132)).unwrap_err().to_string();
    assert!(error.contains("there is no recording 132"), "{error}");
}

#[test]
fn older_segments_are_compressed_and_read_all_the_same() {
    let limit = Limit {
        bytes: 16 << 20,
        rotate: true,
    };
    let (_parent, path, mut recording) = unfinished(Some(limit), 2, 5);
    recording.limit = Some(Limit {
        bytes: 160 << 10,
        ..limit
    });
    play(&mut recording, 30, 60, false);
    assert_eq!(recording.news(), None);
    drop(recording);
    let names = Folder::open(&path).unwrap().names().unwrap();
    let some = |start: &str, end: &str| {
        names
            .iter()
            .any(|name| name.starts_with(start) && name.ends_with(end))
    };
    assert!(
        some("peers-", ".csv.zst") && some("intervals-", ".jsonl.zst"),
        "{names:?}"
    );
    assert!(
        some("connections-", ".csv") && !some("connections-", ".zst"),
        "{names:?}"
    );
    assert!(!some("peers-", ".csv"), "{names:?}");
    let report = verify(&path).unwrap();
    assert!(report.is_whole() && report.notes.is_empty(), "{report:?}");
    let mut replay = Replay::open(&path, None).unwrap();
    let mut steps = 0;
    while let Some(sample) = replay.step().unwrap() {
        assert!(!sample.peers.is_empty());
        steps += 1;
    }
    assert_eq!(steps, replay.intervals());
    let of_connections: u64 = recording_rows(&path);
    assert!(of_connections > 0);
    // Each byte of a compressed file counts.
    for name in names.iter().filter(|name| name.ends_with(".zst")).take(2) {
        let whole = fs::read(path.join(name)).unwrap();
        for at in [4, whole.len() / 2, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(path.join(name), changed).unwrap();
            assert!(!verify(&path).unwrap().is_whole(), "{name} at {at}");
        }
        fs::write(path.join(name), &whole[..whole.len() - 5]).unwrap();
        assert!(!verify(&path).unwrap().is_whole(), "{name}");
        fs::write(path.join(name), whole).unwrap();
    }
    assert!(verify(&path).unwrap().is_whole());
}
