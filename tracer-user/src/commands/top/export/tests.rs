//! What the live view writes, and that it harms nothing.

use std::{
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    sync::Arc,
};

use super::*;
use crate::{
    evidence::{load::load, manifest::Manifest, verify::verify},
    report::example::origin,
    view::{example, keeper::Keeper},
};

fn kept() -> Kept {
    let mut keeper = Keeper::new(example::PREFIXES, None);
    for second in 0..90 {
        keeper.add(example::batch(second));
    }
    let batch = example::batch(90);
    let (sample, options) = (batch.sample.clone(), batch.options.clone());
    let snapshot = Arc::new(keeper.add(batch));
    Kept {
        judge: keeper.judge().clone(),
        ended: keeper.ended(sample.taken.monotonic_ns),
        sample,
        options,
        snapshot,
    }
}

fn into(parent: &Path) -> NewDirectory {
    let origin = origin();
    NewDirectory {
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
        kept.snapshot.diagnosis
    );
    let folder = crate::evidence::Folder::open(&written.path).unwrap();
    let manifest = Manifest::read(&folder).unwrap();
    let from = manifest.session.from_view.unwrap();
    assert_eq!(from.connections_ended, kept.sample.accounting.totals.closed);
    assert_eq!(from.connections_ended_rows, kept.ended.len() as u64);
    assert!(kept.ended.len() > 10);
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
