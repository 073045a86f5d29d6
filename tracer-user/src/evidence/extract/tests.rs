use super::*;
use crate::{
    diagnosis::{Judge, Options},
    evidence::{
        recording::{Block, Recording},
        testing::{INTERVALS, crowd, recorded, session, story},
    },
    model::sample::Moment,
    report::example::sample,
};

fn course(extract: &Extract, until: i128) -> Chronicle {
    let mut chronicle = Chronicle::default();
    extract.chronicle(until, &mut chronicle).unwrap();
    chronicle
}

#[test]
fn the_course_has_a_point_for_each_interval() {
    let (_parent, path, last) = recorded();
    let extract = Extract::open(&path, None).unwrap();
    let all = course(&extract, i128::MAX);
    let point = *all.points().last().unwrap();
    let totals = last.accounting.totals;
    assert_eq!(all.points().len(), INTERVALS);
    assert_eq!(
        (point.at, point.open),
        (last.taken.utc_ns, last.accounting.open_now)
    );
    assert_eq!(point.moved, Some((totals.opened, totals.closed)));
    assert_eq!((point.close_wait, point.queue), (4, (60, 511)));
    let until = all.points()[2].at;
    assert_eq!(course(&extract, until).points(), &all.points()[..3]);
}

/// After its first minute a recording leaves out intervals in which nothing changed.
#[test]
fn what_changed_after_a_quiet_time_did_so_in_the_last_interval() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("evidence");
    let mut recording = Recording::create(&path, session(), None).unwrap();
    let (mut judge, options) = (Judge::default(), Options::default());
    let mut sample = sample();
    recording.begin(sample.started);
    let (start, opened) = (sample.started, sample.accounting.totals.opened);
    for second in 1..=100 {
        sample.taken = Moment {
            monotonic_ns: start.monotonic_ns + second * 1_000_000_000,
            utc_ns: start.utc_ns + i128::from(second) * 1_000_000_000,
        };
        sample.accounting.totals.opened = opened + 50 * (second / 100);
        let diagnosis = judge.look(&sample, &options);
        recording.interval(&Block {
            sample: &sample,
            judge: &judge,
            options: &options,
            diagnosis: &diagnosis,
        });
    }
    let extract = Extract::open(&path, None).unwrap();
    let all = course(&extract, i128::MAX);
    let (points, written) = (all.points(), extract.intervals.len());
    assert!(written < 80, "{written}");
    assert_eq!(points.len(), written + 1);
    let last: Vec<_> = points[written - 2..]
        .iter()
        .map(|point| ((point.at - start.utc_ns) / 1_000_000_000, point.moved.unwrap().0))
        .collect();
    assert_eq!(last[1..], [(99, opened), (100, opened + 50)]);
    assert!(last[0].0 < 90 && last[0].1 == opened, "{last:?}");
    let held = (points[0].close_wait, points[0].queue);
    assert!(held.0 > 0 && held.1.1 > 0, "{held:?}");
    assert!(points.iter().all(|point| (point.close_wait, point.queue) == held));
}

#[test]
fn without_a_journal_the_rows_say_what_was_held() {
    let (_parent, path, last) = recorded();
    std::fs::remove_file(path.join("intervals.jsonl")).unwrap();
    let all = course(&Extract::open(&path, None).unwrap(), i128::MAX);
    let point = *all.points().last().unwrap();
    assert_eq!(all.points().len(), INTERVALS);
    assert_eq!((point.open, point.moved), (last.accounting.open_now, None));
}

#[test]
fn single_connections_are_those_of_the_peers_and_the_time_asked_for() {
    let told = story::told(story::SECONDS, true);
    let id = told.live[0]
        .peers
        .iter()
        .find(|peer| peer.id.network == story::MENDED.parse().unwrap());
    let id = id.unwrap().id;
    let second = |n: i128| story::START + n * 1_000_000_000;
    let found = |peers: &[PeerId], from, to| {
        let mut extract = Extract::open(&told.path, None).unwrap();
        extract
            .ended(peers, (second(from), second(to)), &Whose::One)
            .unwrap()
    };
    let some = &found(&[id], 10, 20)[&id];
    assert_eq!(some.len(), 10);
    assert!(some.windows(2).all(|two| two[0].closed_ns < two[1].closed_ns));
    assert!(found(&[id], 100, 180).is_empty());
    assert!(found(&[], 0, 180).is_empty());
}

#[test]
fn the_evidence_is_named_with_its_digests() {
    let (_parent, path, _) = recorded();
    let basis = Extract::open(&path, None).unwrap().basis(true).unwrap();
    let verified = crate::evidence::verify::verify(&path).unwrap();
    assert_eq!(basis.files[0].sha256, verified.manifest_sha256);
    assert!(basis.files.iter().any(|file| file.name == "connections.csv"));
    let names: Vec<&str> = basis.facts.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["Recorded", "Traced", "Recorder"]);
    assert!(
        basis.facts[0].1.starts_with("2026-01-01 00:00:00 UTC to "),
        "{}",
        basis.facts[0].1
    );
    assert_eq!(basis.facts[1].1, "all ports, inbound and outbound");
}

#[test]
fn a_crowd_has_a_report() {
    let (_parent, path) = crowd::recorded(300, 60);
    let page = String::from_utf8(page(&path).unwrap()).unwrap();
    for part in [
        "fresh-per-request",
        "250 more peers are not listed",
        "opened a second",
        "remote FIN",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.len() < 1_000_000, "{}", page.len());
}
