use super::*;
use crate::evidence::{
    load::load,
    recording::Block,
    testing::{blocks, session},
    verify::verify,
};

const S: u64 = 1_000_000_000;

fn place(path: &Path, bytes: u64) -> Place {
    Place {
        path: path.to_owned(),
        bytes,
        span_ns: 10 * S,
    }
}

fn keep(name: &str, reason: &str) -> Keep {
    Keep {
        name: name.to_owned(),
        why: Why {
            reason: reason.to_owned(),
            ..Why::default()
        },
    }
}

/// Records some seconds, and does something before each.
fn fly(flight: &mut Flight, seconds: usize, mut before: impl FnMut(&mut Flight, usize, &Block<'_>)) {
    let mut second = 0;
    blocks(seconds, 3, |block, rows, _| {
        if second == 0 {
            flight.begin(block.sample.started);
        }
        second += 1;
        before(flight, second, block);
        let recording = flight.recording().unwrap();
        rows.iter().for_each(|row| recording.connection(row));
        let due = block.sample.taken.monotonic_ns >= recording.state_due_ns();
        let number = recording.next_number();
        flight.add(Entry::of(block, 0, due.then_some(number)));
    });
}

fn cut(flight: &mut Flight, block: &Block<'_>) {
    let number = flight.recording().unwrap().next_number();
    flight.cut(Entry::of(block, 0, Some(number)), b"{}");
}

/// The seconds of the first and last interval.
fn covered(path: &Path) -> (u64, u64) {
    let started = crate::report::example::sample().started.monotonic_ns;
    let evidence = crate::evidence::read::Evidence::open(path, None).unwrap();
    let at = |frame: Option<&crate::evidence::read::Frame>| (frame.unwrap().at.monotonic_ns - started) / S;
    (at(evidence.frames.first()), at(evidence.frames.last()))
}

#[test]
fn what_lies_back_and_what_comes_is_kept_in_one_directory() {
    let parent = tempfile::tempdir().unwrap();
    let mut flight = Flight::open(place(parent.path(), 1 << 30), session()).unwrap();
    fly(&mut flight, 60, |flight, second, block| match second {
        30 => flight.keep(keep("a", "surge")),
        33 => flight.keep(keep("b", "signal")),
        40 => cut(flight, block),
        _ => {}
    });
    assert_eq!(flight.news(), [""; 0]);
    let path = parent.path().join(KEPT).join("a");
    let report = verify(&path).unwrap();
    assert!(report.is_whole() && report.stopped, "{report:?}");
    let (first, last) = covered(&path);
    assert!((17..=20).contains(&first), "{first}");
    assert_eq!(last, 40);
    assert!(load(&path).is_ok());
    let told = flight.told();
    assert!(
        matches!(&*told, [Told::Kept { path: of, reasons, incomplete: None, .. }]
            if *of == path && reasons.iter().map(|why| &*why.reason).eq(["surge", "signal"])),
        "{told:?}"
    );
    assert!(!parent.path().join(KEPT).join("b").exists());
    // It goes on recording, and forgets again.
    let (first, last) = covered(&parent.path().join(CURRENT));
    assert!((47..=51).contains(&first), "{first}");
    assert_eq!(last, 60);
    assert!(verify(&parent.path().join(CURRENT)).unwrap().is_whole());
}

#[test]
fn the_oldest_goes_first_and_that_is_told() {
    let parent = tempfile::tempdir().unwrap();
    let mut flight = Flight::open(place(parent.path(), 1 << 30), session()).unwrap();
    let kept = |names: &[&str]| {
        let mut found: Vec<String> = fs::read_dir(parent.path().join(KEPT))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        assert_eq!(found, names);
    };
    let foreign = parent.path().join(KEPT).join("0-notes");
    fs::create_dir(&foreign).unwrap();
    fly(&mut flight, 40, |flight, second, block| {
        if second % 10 == 0 {
            flight.keep(keep(&format!("{second}"), "signal"));
        }
        if second % 10 == 3 && flight.is_kept {
            cut(flight, block);
        }
    });
    flight.told();
    kept(&["0-notes", "10", "20", "30", "40"]);
    drop(flight);
    let mut flight = Flight::open(place(parent.path(), 4096), session()).unwrap();
    flight.keep(keep("50", "signal"));
    let dropped = flight
        .told()
        .into_iter()
        .filter(|told| matches!(told, Told::Dropped { .. }));
    assert_eq!(dropped.count(), 4);
    kept(&["0-notes", "50"]);
}

#[test]
fn what_a_killed_recorder_left_is_named_once() {
    let parent = tempfile::tempdir().unwrap();
    for (name, wanted) in [("a", "surge"), ("", INTERRUPTED)] {
        let mut flight = Flight::open(place(parent.path(), 1 << 30), session()).unwrap();
        fly(&mut flight, 12, |flight, second, _| {
            if second == 6 && !name.is_empty() {
                flight.keep(keep(name, "surge"));
            }
        });
        drop(flight);
        let mut next = Flight::open(place(parent.path(), 1 << 30), session()).unwrap();
        let told = next.told();
        let [
            Told::Kept {
                path,
                reasons,
                incomplete: Some(_),
                ..
            },
        ] = &*told
        else {
            panic!("{told:?}")
        };
        assert_eq!(reasons[0].reason, wanted);
        let report = verify(path).unwrap();
        assert!(report.is_whole() && !report.stopped, "{report:?}");
        assert_eq!(covered(path).1, 12);
        drop(next);
        let mut again = Flight::open(place(parent.path(), 1 << 30), session()).unwrap();
        assert_eq!(again.told(), []);
    }
}

#[test]
fn two_cannot_record_to_one_place() {
    let parent = tempfile::tempdir().unwrap();
    let _first = Flight::open(place(parent.path(), 1 << 30), session()).unwrap();
    let error = Flight::open(place(parent.path(), 1 << 30), session())
        .unwrap_err()
        .to_string();
    assert!(error.contains("is recording to it"), "{error}");
}
