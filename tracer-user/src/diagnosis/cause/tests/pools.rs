//! Pools that are too small for what they are asked.

use super::*;

/// Thirty bursts, in each of which seven connections are opened beyond those that it keeps.
fn seven_beyond(keeps: u64, requests_each: u32) -> Figures {
    let beyond = 7 * 30 * u64::from(requests_each);
    Figures {
        opens_with_none: 0,
        opens_beyond: 6 * 30,
        open_now: keeps,
        open_peak: keeps + 7,
        requests: beyond + keeps * 90,
        course: Course {
            peak: keeps + 1,
            ..stands(keeps)
        },
        occupancy: Occupancy {
            window_ns: 60 * S,
            held_ms: Some(60_000 * keeps + 42_000),
            ..Occupancy::default()
        },
        held: HeldNow {
            established: keeps,
            reused: keeps,
            alive: keeps - 1,
            turns: 90 * keeps,
            ..HeldNow::default()
        },
        requests_told: true,
        ..by_client(one_by_one(7 * 30, requests_each, 0))
    }
}

#[test]
fn a_pool_that_keeps_one_connection_overflows_with_each_burst() {
    let one = seven_beyond(1, 1);
    let said = judged(&one);
    assert_eq!(said.verdict, Verdict::PoolOverflow, "{}", said.explanation);
    assert_eq!(
        (said.also, said.confidence),
        (vec![Verdict::FreshPerRequest], 0.6)
    );
    // Many visitors behind the address of one that reuses: their number keeps near its mean.
    let mut visitors = one.clone();
    visitors.occupancy.held_ms = Some(60_000 * 4);
    assert_eq!(verdict(&visitors), Verdict::FreshPerRequest);
    // They come one after the other.
    let mut visitors = one.clone();
    visitors.opens_beyond = 7 * 10;
    assert_eq!(verdict(&visitors), Verdict::FreshPerRequest);
    let mut unused = one;
    unused.held.reused = 0;
    assert_eq!(verdict(&unused), Verdict::FreshPerRequest);
}

#[test]
fn a_pool_overflows_with_transactions_of_a_few_requests_each() {
    let pool = seven_beyond(5, 3);
    let said = judged(&pool);
    assert_eq!(said.verdict, Verdict::PoolOverflow, "{}", said.explanation);
    assert_eq!(said.confidence, 0.6);
    let mut alike = pool.clone();
    alike.held.turns = 8 * 5;
    assert_eq!(
        verdict(&alike),
        Verdict::Reusing,
        "it keeps no others than it closes"
    );
    let mut crowd = pool;
    crowd.occupancy.held_ms = Some(60_000 * 8);
    assert_eq!(verdict(&crowd), Verdict::Reusing, "there are always as many");
}
