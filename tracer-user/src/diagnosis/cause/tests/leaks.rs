//! CLOSE_WAIT that the server leaks, and that it does not.

use super::*;

#[test]
fn close_wait_that_ends_or_was_never_accepted_is_no_leak() {
    assert_eq!(verdict(&leak(5, S)), Verdict::InsufficientData);
    // Connections that were closed were closed late, and so may these be.
    let mut late = leak(5, 30 * S);
    late.close_wait.left = 50;
    late.close_wait.p50_ns = Some(10 * S);
    assert_eq!(verdict(&late), Verdict::InsufficientData);
}

#[test]
fn a_hold_longer_than_the_age_explains_close_wait() {
    let figures = leak(5, 30 * S);
    let with_hold = |hold| {
        judge(&Case {
            hold_ns: Some(hold),
            ..case(&figures)
        })
    };
    assert_eq!(with_hold(60 * S).verdict, Verdict::InsufficientData);
    assert_eq!(with_hold(20 * S).verdict, Verdict::CloseWaitLeak);
}

#[test]
fn polls_given_up_are_a_leak_only_after_the_longest_hold() {
    let given_up = |age| {
        let mut figures = leak(5, age);
        let lingering = figures.lingering.as_mut().unwrap();
        lingering.unanswered_ns = std::mem::take(&mut lingering.answered_ns);
        figures
    };
    assert_eq!(verdict(&given_up(60 * S)), Verdict::EarlyAbort);
    assert_eq!(verdict(&given_up(600 * S)), Verdict::CloseWaitLeak);
}

#[test]
fn a_leak_of_one_in_three_is_one() {
    let mut part = leak(13, 30 * S);
    part.close_wait.left = 27;
    part.close_wait.p50_ns = Some(2 * MS);
    assert_eq!(verdict(&part), Verdict::CloseWaitLeak);
}

#[test]
fn what_a_pool_in_use_does_not_need_is_no_leak_unless_more_keeps_coming() {
    let pool = |keep_coming: u64| {
        let mut figures = Figures {
            opens: 2,
            requests: 142,
            open_now: 20,
            open_peak: 20,
            course: stands(2),
            held: HeldNow {
                established: 2,
                reused: 2,
                alive: 1,
                turns: 142,
                ..HeldNow::default()
            },
            ..leak(18, 30 * S)
        };
        figures.close_wait.entered = 2;
        let lingering = figures.lingering.as_mut().unwrap();
        (lingering.passed_by, lingering.keep_coming) = (18, keep_coming);
        judge(&Case {
            direction: Direction::Outbound,
            ..case(&figures)
        })
        .verdict
    };
    assert_eq!(pool(0), Verdict::Reusing);
    assert_eq!(pool(15), Verdict::CloseWaitLeak);
}
