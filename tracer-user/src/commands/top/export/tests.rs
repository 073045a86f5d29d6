//! The live view's export, and that it harms nothing.

use std::{
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    sync::Arc,
};

use hashbrown::HashMap;

use super::*;
use crate::{
    evidence::{load::load, manifest::Manifest, verify::verify},
    report::example::origin,
    source::replay::Replay,
    view::{
        example,
        keeper::{Batch, Keeper},
    },
};

fn kept() -> Kept {
    kept_of(example::batch)
}

/// A run in which a peer begins to open and keep connections.
fn with_surge(second: u32) -> Batch {
    let mut batch = example::batch(second);
    let more = 30 + 20 * second.saturating_sub(45);
    let sample = &mut batch.sample;
    let counters = &mut sample.peers[0].counters;
    counters.open_now += u64::from(more);
    counters.open_peak = counters.open_peak.max(counters.open_now);
    counters.opens_by_held.add(1, more);
    sample.accounting.open_now += u64::from(more);
    sample.accounting.totals.opened += u64::from(more);
    batch
}

fn kept_of(batch: impl Fn(u32) -> Batch) -> Kept {
    let mut keeper = Keeper::new(example::PREFIXES, None);
    for second in 0..90 {
        keeper.add(batch(second));
    }
    let batch = batch(90);
    let (sample, options) = (batch.sample.clone(), batch.options.clone());
    let snapshot = Arc::new(keeper.add(batch));
    Kept {
        judge: keeper.judge().clone(),
        film: keeper.film().clone(),
        numbers: keeper.numbers().clone(),
        ended: keeper.ended(sample.taken.monotonic_ns),
        interval: None,
        sample,
        options,
        snapshot,
    }
}

fn into(parent: &Path) -> NewDirectory {
    let origin = origin();
    NewDirectory {
        settings: None,
        parent: parent.to_owned(),
        session: Session {
            host: origin.host,
            kernel: origin.kernel,
            ..Session::default()
        },
        filter: Filter::default(),
    }
}

#[test]
fn what_is_written_is_whole_and_gives_the_same_answer() {
    let parent = tempfile::tempdir().unwrap();
    let kept = kept();
    let written = into(parent.path()).export(&kept).unwrap();
    let found = verify(&written.path).unwrap();
    assert!(found.is_whole(), "{found:?}");
    let loaded = load(&written.path).unwrap();
    assert_eq!(
        loaded.judge.again(&loaded.sample, &loaded.options),
        kept.snapshot.whole()
    );
    let folder = crate::evidence::Folder::open(&written.path).unwrap();
    let manifest = Manifest::read(&folder).unwrap();
    let from = manifest.session.from_view.unwrap();
    assert_eq!(from.connections_ended, kept.sample.accounting.totals.closed);
    assert_eq!(from.connections_ended_rows, kept.ended.len() as u64);
    assert!(kept.ended.len() > 10);
    assert!(
        from.intervals.starts_with("some from 2026-01-01T00:0"),
        "{from:?}"
    );
    assert!(from.incomplete[0].contains("of the last moment only"), "{from:?}");
    assert_eq!(fs::metadata(&written.path).unwrap().mode() & 0o7777, 0o700);
}

#[test]
fn what_stands_in_the_way_is_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let kept = kept();
    let first = into(parent.path()).export(&kept).unwrap().path;
    let second = into(parent.path()).export(&kept).unwrap().path;
    assert_ne!(first, second);
    fs::remove_dir_all(&first).unwrap();
    symlink(elsewhere.path(), &first).unwrap();
    let third = into(parent.path()).export(&kept).unwrap().path;
    assert!(third != first && third != second);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn it_is_a_film_and_not_one_frame() {
    let parent = tempfile::tempdir().unwrap();
    let kept = kept_of(with_surge);
    let written = into(parent.path()).export(&kept).unwrap();
    let mut replay = Replay::open(&written.path, None).unwrap();
    let moments = replay.intervals();
    assert!(moments > 20, "{moments}");
    let seconds = |position: usize| replay.time(position).unwrap() / 1_000_000_000;
    assert!(seconds(moments - 1) - seconds(0) >= 80);
    let surge = replay.surge().unwrap();
    let at_surge = replay.position_at(surge.utc_ns);
    assert!((1..moments - 1).contains(&at_surge), "{at_surge} of {moments}");
    let mut said = HashMap::new();
    let mut frames = kept.film.frames().map(|frame| (frame.at, &frame.said));
    while let Some(sample) = replay.step().unwrap() {
        let totals = sample.accounting.totals;
        assert_eq!(totals.open_now(), sample.accounting.open_now, "{totals:?}");
        let diagnosis = replay.judge().again(&sample, replay.options());
        let (at, news) = frames.next().unwrap();
        assert_eq!(at.utc_ns, diagnosis.taken.utc_ns);
        said.extend(news.iter().copied());
        for peer in &diagnosis.peers {
            let number = kept.numbers.get(peer.id).unwrap();
            assert_eq!(said.get(&number), Some(&peer.finding.verdict), "{:?}", peer.id);
        }
    }
    let events = fs::read_to_string(written.path.join("events.csv")).unwrap();
    assert_eq!(events.lines().count() - 1, kept.snapshot.diagnosis.changes.len());
    assert!(!kept.snapshot.diagnosis.changes.is_empty());
}
