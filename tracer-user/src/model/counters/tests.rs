//! What the lines of the table do, and what depends on several of them.

use tracer_ebpf::buckets::{TIME_BUCKETS, TURN_BUCKETS};
use zerocopy::FromZeros;

use super::*;
use crate::model::{
    figure::{Shown, Value},
    sample::Known,
};

#[test]
fn overlaps_are_exact_where_buckets_are() {
    let mut counters = Counters::default();
    for (held, opens) in [(0, 5), (1, 3), (7, 2), (16, 1)] {
        counters.opens_by_held.add(held, opens);
    }
    assert_eq!(counters.opens(), 11);
    assert_eq!(counters.overlaps(0), 11);
    assert_eq!(counters.overlaps(1), 6);
    assert_eq!(counters.overlaps(2), 3);
    assert_eq!(counters.overlaps(8), 1);
    assert_eq!(counters.overlaps(17), 0, "bucket 16..32 starts below 17");
}

#[test]
fn what_is_absorbed_is_there() {
    let mut one = Counters {
        open_now: 2,
        open_peak: 3,
        close_wait_now: 1,
        owner: Some(5),
        ..Counters::default()
    };
    let mut other = Counters {
        open_now: 2,
        open_peak: 2,
        close_wait_now: 3,
        owner: Some(6),
        ..Counters::default()
    };
    one.lifetime.note(10);
    other.lifetime.note(30);
    other.turns.note(7);
    one.absorb(&other);
    assert_eq!((one.open_now, one.open_peak, one.close_wait_now), (4, 4, 4));
    assert_eq!((one.lifetime.count(), one.lifetime.sum_ns), (2, 40));
    assert_eq!((one.turns.max(), one.owner), (Some(7), Some(5)));
}

#[test]
fn a_window_has_what_happened_in_it() {
    let earlier = Counters {
        open_now: 4,
        open_peak: 9,
        seeded: 2,
        failed: 3,
        late_reads: 1,
        late_read_max_ns: 5,
        owner: Some(1),
        ..Counters::default()
    };
    let mut now = Counters {
        open_now: 1,
        failed: 5,
        owner: Some(2),
        ..earlier.clone()
    };
    let since = now.since(&earlier);
    assert_eq!((since.open_now, since.open_peak, since.seeded), (1, 4, 2));
    assert_eq!(
        (since.failed, since.late_reads, since.late_read_max_ns),
        (2, 0, 0)
    );
    assert_eq!(since.owner, Some(2));
    now.late_reads += 1;
    assert_eq!(now.since(&earlier).late_read_max_ns, 5);
}

#[test]
fn recordings_in_order_are_one() {
    let earlier = Counters {
        open_now: 4,
        seeded: 1,
        failed: 3,
        owner: Some(1),
        ..Counters::default()
    };
    let later = Counters {
        open_now: 2,
        seeded: 6,
        failed: 1,
        ..Counters::default()
    };
    let both = later.after(&earlier);
    assert_eq!((both.open_now, both.failed, both.owner), (2, 4, Some(1)));
    assert_eq!(both.seeded, 3, "four of the six were known already");
}

#[test]
fn each_figure_says_what_it_is() {
    for figure in Counters::FIGURES {
        assert!(Counters::NAMES.contains(&figure.name));
        assert!(!figure.help.concat().trim().is_empty(), "{}", figure.name);
        if let Value::Number(number) = (figure.get)(&Counters::default()) {
            assert_eq!(number.unwrap_or(0), 0, "{}", figure.name);
        }
    }
    let names: Vec<&str> = Counters::shown().map(|shown| shown.name).collect();
    assert_eq!(names, Counters::SHOWN);
}

#[test]
fn what_is_shown_is_written_and_comes_back() {
    for shown in Counters::shown() {
        let mut counters = Counters::default();
        (shown.set)(&mut counters, Some(shown.unit.read(12)));
        assert_eq!(written(shown, &counters), Some(12), "{}", shown.name);
    }
}

fn written(shown: &Shown<Counters>, counters: &Counters) -> Option<u64> {
    shown.written(&counters.into(), Known::ALL)
}

#[test]
fn a_round_trip_that_was_never_seen_is_unknown() {
    let shown = |stats: &PeerStats| {
        let counters = Counters::from(stats);
        ["rtt_ms", "rtt_min_ms"].map(|name| {
            let shown = Counters::shown().find(|shown| shown.name == name).unwrap();
            written(shown, &counters)
        })
    };
    let mut stats = PeerStats::new_zeroed();
    assert_eq!(shown(&stats), [None, None]);
    (stats.rtt_us, stats.inverse_rtt_min_us) = (41_500, !7_000);
    assert_eq!(shown(&stats), [Some(41), Some(7)]);
    let counters = |last, least| Counters {
        rtt_us: last,
        rtt_min_us: least,
        ..Counters::default()
    };
    let mut both = counters(0, 0);
    both.absorb(&counters(9, 5));
    both.absorb(&counters(8, 3));
    assert_eq!((both.rtt_us, both.rtt_min_us), (9, 3));
    let after = counters(4, 4).after(&both);
    assert_eq!((after.rtt_us, after.rtt_min_us), (4, 3));
}

#[test]
fn what_is_timed_from_turn_to_turn_is_read_from_its_own_buckets() {
    let mut stats = PeerStats::new_zeroed();
    stats.rhythm[rhythm::PAUSE] = peer::Durations {
        sum_ns: 12,
        max_ns: 9,
        inverse_min_ns: !3,
    };
    stats.rhythm_buckets[0][rhythm::PAUSE] = 2;
    stats.rhythm_buckets[20][rhythm::HOLD] = 5;
    let counters = Counters::from(&stats);
    assert_eq!((counters.hold.count(), counters.hold.buckets.get(20)), (5, 5));
    let pause = counters.pause.summary().unwrap();
    assert_eq!((pause.count, pause.median_ns, pause.max_ns), (2, 6, 9));
    assert_eq!(counters.lifetime.count(), 0);
}

#[test]
fn numbers_that_cannot_be_are_told() {
    let mut counters = Counters::default();
    assert!(counters.are_possible());
    counters.late_reads = u64::MAX;
    assert!(!counters.are_possible());
}

#[test]
fn counters_of_32_bits_that_start_again_go_on() {
    let read = |opens: u32, closes: u32, entered: u32, left: u32| {
        let mut stats = PeerStats::new_zeroed();
        stats.opens_by_held[1] = opens;
        stats.closes[2] = closes;
        (stats.close_wait_entered, stats.close_wait_left) = (entered, left);
        Counters::from(&stats)
    };
    let before = read(u32::MAX - 9, u32::MAX - 19, 3, u32::MAX);
    assert_eq!(before.close_wait_now, 4);
    let since = read(5, 7, 0, 1).since(&before);
    assert_eq!(
        (since.opens(), since.closes.local_rst, since.close_wait_now),
        (15, 27, 0)
    );
    let since = read(u32::MAX - 10, 0, 0, 0).since(&before);
    assert_eq!(since.opens(), 0, "read in a race, and no turn");
}

#[test]
fn every_counter_of_32_bits_goes_on_past_its_end() {
    let read = |count: u32| {
        let mut stats = PeerStats::new_zeroed();
        for counter in [
            &mut stats.failed,
            &mut stats.close_wait_entered,
            &mut stats.retransmits,
            &mut stats.unanswered,
            &mut stats.late_reads,
            &mut stats.requests_bounded,
            &mut stats.handshakes_alone,
            &mut stats.late_requests,
        ] {
            *counter = count;
        }
        stats.closes.fill(count);
        stats.opens_by_held.fill(count);
        stats.turn_buckets.fill(count);
        stats.buckets.as_flattened_mut().fill(count);
        stats.rhythm_buckets.as_flattened_mut().fill(count);
        Counters::from(&stats)
    };
    let since = read(5).since(&read(u32::MAX - 4));
    assert_eq!(
        [
            since.failed,
            since.close_wait_entered,
            since.retransmits,
            since.unanswered,
            since.late_reads,
            since.requests_bounded,
            since.handshakes_alone,
            since.late_requests,
        ],
        [10; 8]
    );
    assert_eq!(since.closes.each(), [10; 5]);
    assert_eq!(since.opens_by_held.all(), [10; HELD_BUCKETS]);
    assert_eq!(since.turns.buckets.all(), [10; TURN_BUCKETS]);
    for timed in [
        since.lifetime,
        since.idle,
        since.gap,
        since.close_wait,
        since.hold,
        since.pause,
    ] {
        assert_eq!(timed.buckets.all(), [10; TIME_BUCKETS]);
    }
}
