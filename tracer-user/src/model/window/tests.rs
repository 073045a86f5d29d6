use super::*;
use crate::model::{
    peer::{Direction, PeerId},
    sample::Peer,
};
use crate::units::S;

fn at(second: u64) -> Moment {
    Moment {
        monotonic_ns: second * S,
        utc_ns: i128::from(second * S),
    }
}

/// A sample at `second`, with a peer for each slot and its counters.
fn sample(second: u64, peers: &[(u32, Counters)]) -> Sample {
    let mut sample = Sample::empty(at(second));
    sample.started = at(0);
    for (slot, counters) in peers {
        sample.peers.push(Peer {
            id: PeerId {
                netns: 1,
                direction: Direction::Inbound,
                port: 80,
                network: "192.0.2.1/32".parse().unwrap(),
                interface: None,
                process: None,
                program: None,
            },
            slot: *slot,
            counters: counters.clone(),
        });
    }
    sample
}

/// A peer that has opened `opens` connections and closed `closes` of them, each after 40 ms.
fn counters(opens: u64, closes: u64) -> Counters {
    let mut counters = Counters {
        open_now: opens - closes,
        ..Counters::default()
    };
    counters.opens_by_held.add(0, u32::try_from(opens).unwrap());
    counters.closes.remote_fin = closes;
    for _ in 0..closes {
        counters.lifetime.note(40_000_000);
    }
    counters
}

/// A window with a mark of a peer that has something of everything.
pub(super) fn filled() -> Window {
    let mut counters = Counters {
        open_now: 2,
        open_peak: 3,
        seeded: 1,
        failed: 4,
        close_wait_entered: 5,
        close_wait_now: 1,
        retransmits: 6,
        bytes_received: 700,
        bytes_sent: 800,
        unanswered: 9,
        late_reads: 10,
        late_read_max_ns: 11 * S,
        owner: Some(4711),
        ..Counters::default()
    };
    counters.closes.remote_fin = 12;
    counters.opens_by_held.add(0, 13);
    counters.lifetime.note(40_000_000);
    counters.idle.note(2_000_000);
    counters.gap.note(S);
    counters.close_wait.note(3_000_000);
    counters.turns.note(7);
    let mut window = Window::new(Some(300 * S));
    window.add(&sample(5, &[(1, counters)]));
    window
}

#[test]
fn what_was_held_at_the_start_is_read_without_the_rest_of_the_mark() {
    let mut window = filled();
    window.begin_anew();
    let base = window.base(1).unwrap();
    assert_eq!(
        (held(&base.counters), window.base_held(1), window.base_held(2)),
        (1, Some(1), None)
    );
}

#[test]
fn the_whole_run_has_no_base() {
    let mut window = Window::new(None);
    for second in 0..100 {
        window.add(&sample(second, &[(1, counters(second, second))]));
    }
    assert_eq!((window.start(), window.base(1)), (None, None));
    assert!(window.boundaries().len() < 40, "{}", window.boundaries().len());
}

#[test]
fn what_happened_within_the_window_is_exact() {
    let mut window = Window::new(Some(60 * S));
    for second in 0..=300 {
        window.add(&sample(
            second,
            &[(1, counters(2 * second, 2 * second)), (2, counters(1, 0))],
        ));
    }
    let start = window.start().unwrap().monotonic_ns / S;
    assert!((240..=246).contains(&start), "{start}");
    let since = counters(600, 600).since(&window.base(1).unwrap().counters);
    assert_eq!(since.opens(), 2 * (300 - start));
    assert_eq!(since.closes.remote_fin, since.opens());
    assert_eq!(since.lifetime.count(), since.opens());
    // A peer that has long been inactive still has its mark.
    assert_eq!(window.base(2).unwrap().counters, counters(1, 0));
    assert_eq!(window.base(3), None);
}

#[test]
fn a_window_that_begins_anew_knows_nothing_of_before() {
    let mut window = Window::new(None);
    for second in 0..50 {
        window.add(&sample(second, &[(1, counters(second, 0))]));
    }
    window.begin_anew();
    assert_eq!(window.start(), Some(at(49)));
    assert_eq!(window.base(1).unwrap().counters, counters(49, 0));
    window.add(&sample(50, &[(1, counters(53, 0))]));
    assert_eq!(window.start(), Some(at(49)));
    let course: Vec<u64> = window.course(1).iter().map(|level| level.held).collect();
    assert_eq!(course, [49, 53]);
}

#[test]
fn the_course_is_carried_on_where_nothing_changed() {
    let mut window = Window::new(None);
    for second in 0..10 {
        let first = counters(if second < 5 { 3 } else { 4 }, 0);
        window.add(&sample(second, &[(1, first), (2, counters(second, 0))]));
    }
    let course = window.course(1);
    assert_eq!(course.len(), window.boundaries().len());
    assert_eq!(course.first().map(|level| level.held), Some(3));
    assert_eq!(course.last().map(|level| level.held), Some(4));
}

#[test]
fn peers_are_seen_first_and_last() {
    let mut window = Window::new(Some(30 * S));
    for second in 0..100 {
        let mut peers = vec![(1, counters(1 + second.min(40), 0))];
        if second >= 20 {
            peers.push((2, counters(1, 0)));
        }
        window.add(&sample(second, &peers));
    }
    let (first, second) = (window.seen(1).unwrap(), window.seen(2).unwrap());
    assert_eq!((first.first_ns, first.last_ns), (0, 40 * S));
    assert_eq!((second.first_ns, second.last_ns), (20 * S, 20 * S));
    assert_eq!((second.began_ns, second.filled), (20 * S, 1));
    assert_eq!(window.seen(3), None);
}

#[test]
fn with_many_peers_there_are_fewer_boundaries_and_never_too_many_marks() {
    let mut window = Window::new(Some(60 * S));
    for second in 1..=120 {
        let peers: Vec<(u32, Counters)> = (1..=4_000).map(|slot| (slot, counters(second, 0))).collect();
        window.add(&sample(second, &peers));
    }
    let marks: usize = window
        .boundaries
        .iter()
        .skip(1)
        .map(|boundary| boundary.marks.len())
        .sum();
    assert!(marks <= MAX_MARKS, "{marks}");
    assert_eq!(window.boundaries.front().unwrap().marks.len(), 4_000);
    let bytes: usize = window
        .boundaries
        .iter()
        .flat_map(|one| one.marks.iter())
        .map(|(_, mark)| mark.len())
        .sum();
    assert!(bytes / (marks + 4_000) < 134, "{}", bytes / (marks + 4_000));
}

#[test]
fn marks_take_little_more_room_than_their_bytes() {
    let mut window = Window::new(Some(60 * S));
    // All come at once, and then every tenth changes at a time.
    for second in 1..=200 {
        let peers: Vec<(u32, Counters)> = (1..=1_000)
            .map(|slot| (slot, counters(1 + (second + u64::from(slot)) / 10, 0)))
            .collect();
        window.add(&sample(second, &peers));
        for boundary in &window.boundaries {
            let (room, bytes) = boundary.marks.room();
            assert!(room <= 2 * bytes + 1_000, "{room} for {bytes} at {second}");
        }
        let slot = u32::try_from(second % 1_000 + 1).unwrap();
        let base = window.base(slot).unwrap_or_default();
        let begins = window.start().map_or(0, |start| start.monotonic_ns / S);
        if begins > 0 {
            assert_eq!(base.counters, counters(1 + (begins + u64::from(slot)) / 10, 0));
        }
    }
}

#[test]
fn it_survives_the_way_to_a_file_and_back() {
    let mut window = Window::new(Some(60 * S));
    for second in 0..100 {
        window.add(&sample(
            second,
            &[(1, counters(second, second / 2)), (7, counters(2, 1))],
        ));
    }
    let text = serde_json::to_string(&window).unwrap();
    let read: Window = serde_json::from_str(&text).unwrap();
    assert!(read.is_possible());
    assert_eq!(read.start(), window.start());
    assert_eq!(read.base(1), window.base(1));
    assert_eq!(read.course(7), window.course(7));
    assert_eq!(read.seen(1), window.seen(1));
}

#[test]
fn a_window_that_is_shortened_is_like_one_that_was_as_short() {
    let counted = |second| counters(2 * second, 2 * second);
    let (mut long, mut short) = (Window::new(None), Window::new(Some(60 * S)));
    for second in 0..=600 {
        for window in [&mut long, &mut short] {
            window.add(&sample(second, &[(1, counted(second)), (2, counters(1, 0))]));
        }
    }
    assert!(long.reaches(300 * S, 600 * S) && !short.reaches(300 * S, 600 * S));
    long.shorten(60 * S, 600 * S);
    let begins = |window: &Window| window.start().unwrap().monotonic_ns / S;
    assert!(begins(&long).abs_diff(540) <= 10, "{}", begins(&long));
    assert_eq!(long.base(1).unwrap().counters, counted(begins(&long)));
    assert_eq!(long.base(2).unwrap().counters, counters(1, 0));
    let before = begins(&short);
    short.shorten(500 * S, 600 * S);
    assert_eq!(begins(&short), before, "a window never grows");
    // From here on it moves with each sample.
    for second in 601..=700 {
        long.add(&sample(second, &[(1, counted(second))]));
    }
    assert!((640..=650).contains(&begins(&long)), "{}", begins(&long));
    let mut young = Window::new(None);
    young.add(&sample(0, &[(1, counters(1, 0))]));
    young.add(&sample(3, &[(1, counters(2, 0))]));
    young.shorten(60 * S, 3 * S);
    assert_eq!(young.start(), None, "the run is shorter than the window");
}

#[test]
fn who_gets_a_slot_that_was_given_back_has_no_history_there() {
    let mut window = Window::new(Some(20 * S));
    let mut look = |second: u64, generation: u32, opens: u64| {
        let mut sample = sample(
            second,
            &[(1, counters(opens, opens)), (2, counters(second, second))],
        );
        sample.generations = vec![0, generation, 0];
        let moved = window.add(&sample);
        (moved, window.clone())
    };
    for second in 0..30 {
        assert_eq!(look(second, 0, 100 + second).0, [0_u32; 0]);
    }
    let (moved, window) = look(30, 1, 2);
    assert_eq!(moved, [1]);
    assert_eq!(window.base(1), None, "it came within the window");
    assert!(window.base(2).is_some(), "the other one stays");
    assert_eq!(window.seen(1).map(|seen| seen.first_ns), Some(30 * S));
    assert_eq!(window.course(1).len(), 1);
    assert_eq!(look(31, 1, 3).0, [0_u32; 0]);
}
