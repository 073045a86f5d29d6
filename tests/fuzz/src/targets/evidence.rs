//! Evidence directories that were damaged or forged.

use std::path::Path;

use tcpreuse::testing::{
    evidence::{
        Folder,
        fuzzing::report,
        journal,
        load::load,
        manifest::Manifest,
        state::{State, StateRef},
        verify::verify,
    },
    report::{json, text},
    source::replay::Replay,
};

use crate::scratch::{FILES, Scratch};

/// Number of intervals to replay.
const STEPS: usize = 20;

/// Maximum size of a report, bytes.
const MAX_PAGE: usize = 2_000_000;

/// Index of the manifest, which nothing in the directory vouches for.
const MANIFEST: usize = 0;

/// An input is a list of five-byte changes: file, operation, offset (two bytes), and a byte to write. Returns
/// the contents of the files afterwards, and whether anything but the manifest has changed.
fn damage(scratch: &mut Scratch, input: &[u8]) -> ([Option<Vec<u8>>; FILES.len()], bool) {
    let mut files: [Option<Vec<u8>>; FILES.len()] =
        std::array::from_fn(|file| Some(scratch.whole(file).to_vec()));
    for change in input.as_chunks::<5>().0.iter().take(8) {
        let [file, what, high, low, byte] = *change;
        let file = &mut files[usize::from(file) % FILES.len()];
        let Some(content) = file else { continue };
        let at = usize::from(u16::from_be_bytes([high, low])) % (content.len() + 1);
        match what % 5 {
            0 if at < content.len() => content[at] = byte,
            1 => content.insert(at, byte),
            2 if at < content.len() => drop(content.remove(at)),
            3 => content.truncate(at),
            4 if byte % 8 == 0 => *file = None,
            _ => {}
        }
    }
    let mut changed = false;
    for (number, content) in files.iter().enumerate() {
        if content.as_deref() != Some(scratch.whole(number)) {
            scratch.replace(number, content.as_deref());
            changed |= number != MANIFEST;
        }
    }
    (files, changed)
}

/// Checks, diagnoses and replays a damaged recording.
pub(super) fn damaged(input: &[u8]) {
    let mut scratch = Scratch::take();
    let (files, changed) = damage(&mut scratch, input);
    match verify(scratch.path()) {
        Ok(report) => {
            let manifest_is_whole = files[MANIFEST].as_deref() == Some(scratch.whole(MANIFEST));
            assert!(
                !(changed && manifest_is_whole && report.is_whole()),
                "{report:#?}"
            );
            assert!(changed || !manifest_is_whole || report.is_whole(), "{report:#?}");
        }
        Err(error) => crate::assert_harmless(&error.to_string()),
    }
    read_all(scratch.path());
}

/// Reports on a damaged recording: a page is well-formed and has nothing but text of it, whatever that is.
pub(super) fn reported(input: &[u8]) {
    let mut scratch = Scratch::take();
    damage(&mut scratch, input);
    let page = match report(scratch.path()) {
        Ok(page) => String::from_utf8(page).expect("a page in UTF-8"),
        Err(error) => return crate::assert_harmless(&error.to_string()),
    };
    page.lines().for_each(crate::assert_harmless);
    assert!(page.len() < MAX_PAGE, "{}", page.len());
    let mut open: Vec<&str> = Vec::new();
    for part in page.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("the end of a tag");
        let name = tag.split(' ').next().unwrap_or_default();
        assert!(
            tag.matches('"').count() % 2 == 0,
            "an attribute that ends early: {tag}"
        );
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if ["!DOCTYPE", "meta"].contains(&name) => {}
            None => open.push(name),
        }
        assert!(
            !["script", "img", "link", "iframe", "object"].contains(&name),
            "{tag}"
        );
    }
    assert!(open.is_empty(), "{open:?}");
}

/// The first byte of an input selects a file; the rest is its new contents.
pub(super) fn replaced(input: &[u8]) {
    let Some((file, content)) = input.split_first() else {
        return;
    };
    let mut scratch = Scratch::take();
    scratch.replace(usize::from(*file) % FILES.len(), Some(content));
    let folder = Folder::open(scratch.path()).expect("our own directory");
    let _ = Manifest::read(&folder);
    let _ = journal::scan(&folder, "intervals.jsonl", |_| Ok(()));
    if let Ok(state) = State::read(&folder) {
        let written = written(&state);
        scratch.replace(5, Some(&written));
        let again = State::read(&folder).expect("a state that was just written");
        assert_eq!(
            String::from_utf8_lossy(&self::written(&again)),
            String::from_utf8_lossy(&written)
        );
    }
    if let Err(error) = verify(scratch.path()) {
        crate::assert_harmless(&error.to_string());
    }
    read_all(scratch.path());
}

fn written(state: &State) -> Vec<u8> {
    StateRef::new(
        (state.session, state.interval),
        &state.sample,
        &state.judge(),
        &state.options,
    )
    .bytes()
    .expect("a state in JSON")
}

/// Diagnoses and replays a recording.
fn read_all(path: &Path) {
    match load(path) {
        Ok(loaded) => {
            let diagnosis = loaded.judge.again(&loaded.sample, &loaded.options);
            let mut report = Vec::new();
            json::write(&mut report, &diagnosis, &loaded.origin).expect("a report in memory");
            let read: serde_json::Value = serde_json::from_slice(&report).expect("a report in JSON");
            assert_eq!(read["schema"], "tcpreuse.diagnosis/1");
            let mut people = Vec::new();
            text::write(&mut people, &diagnosis, &loaded.origin, text::Style::default())
                .expect("text in memory");
            let people = String::from_utf8(people).expect("text in UTF-8");
            people.lines().for_each(crate::assert_harmless);
        }
        Err(error) => crate::assert_harmless(&error.to_string()),
    }
    // The last recording in the directory, then the first.
    for number in [None, Some(1)] {
        if let Ok(replay) = Replay::open(path, number) {
            play(replay);
        }
    }
}

fn play(mut replay: Replay) {
    for _ in 0..STEPS {
        match replay.step() {
            Ok(Some(sample)) => drop(replay.judge().again(&sample, replay.options())),
            _ => break,
        }
    }
    let _ = (replay.go_to(0), replay.take_ended());
}
