//! Piles, and pools and crowds that are none.

use super::*;

#[test]
fn connections_that_follow_too_soon_have_not_lost_their_path() {
    assert_eq!(verdict(&abandoned(8)), Verdict::Abandoned);
    assert_eq!(verdict(&abandoned(20)), Verdict::PilingUp);
}

#[test]
fn a_pool_that_filled_and_stands_is_no_pile() {
    let filled = |n| Figures {
        course: stands(n),
        ..pile(n)
    };
    assert_eq!(verdict(&filled(6)), Verdict::Reusing);
    assert_eq!(verdict(&filled(30)), Verdict::ManyHeld);
    let alone = filled(30);
    let said = judge(&Case {
        norm: &ALONE,
        ..case(&alone)
    });
    assert_eq!(said.verdict, Verdict::Reusing);
}

#[test]
fn a_single_host_is_no_shared_address() {
    let mut filled = Figures {
        course: stands(30),
        ..pile(30)
    };
    for (one_host, words) in [
        (false, "many clients behind one address"),
        (true, "a single host"),
    ] {
        filled.one_host = one_host;
        assert_eq!(is_shared(&case(&filled)), !one_host);
        let said = judged(&filled);
        assert_eq!(said.verdict, Verdict::ManyHeld);
        assert!(said.explanation.contains(words), "{}", said.explanation);
    }
}

#[test]
fn a_pile_is_one_however_many_were_there_before() {
    let figures = Figures {
        opens: 40,
        seeded: 57,
        course: grew(57, 97),
        ..pile(97)
    };
    assert_eq!(verdict(&figures), Verdict::PilingUp);
    // It is also a pile if the others grew as well, or if it is the only peer and keeps growing.
    let surge = Norm {
        typical: 90,
        many_grew: true,
        ..AMONG_OTHERS
    };
    for norm in [&surge, &ALONE] {
        let figures = Figures {
            course: Course {
                since_ns: NOW - 60 * S,
                ..grew(57, 97)
            },
            opens: 40,
            ..pile(97)
        };
        let said = judge(&Case {
            norm,
            ..case(&figures)
        });
        assert_eq!(said.verdict, Verdict::PilingUp, "{norm:?}");
    }
}

#[test]
fn one_that_grows_alone_is_a_pool_that_fills_until_it_does_not_end() {
    let filling = Figures {
        course: Course {
            since_ns: NOW - 20 * S,
            ..grew(2, 12)
        },
        ..pile(12)
    };
    let said = judge(&Case {
        norm: &ALONE,
        ..case(&filling)
    });
    assert_eq!(said.verdict, Verdict::Reusing);
}

#[test]
fn what_was_given_counts() {
    let still = crowd(60);
    assert_eq!(verdict(&still), Verdict::ManyHeld);
    let expecting = |expected| {
        judge(&Case {
            expected,
            expected_is_given: true,
            ..case(&still)
        })
        .verdict
    };
    assert_eq!(expecting(1), Verdict::PilingUp);
    assert_eq!(expecting(60), Verdict::Reusing);
}

#[test]
fn what_grew_stays_a_pile_while_it_stands() {
    let stood = crowd(60);
    let said = judge(&Case {
        grown: Some(Grown {
            from: 1,
            to: 60,
            since_ns: 0,
        }),
        ..case(&stood)
    });
    assert_eq!(said.verdict, Verdict::PilingUp);
    assert!(
        said.explanation.contains("grew from 1 to 60 earlier"),
        "{}",
        said.explanation
    );
}

#[test]
fn comings_and_goings_are_no_growth() {
    // 8 more than before after 130 opens and 122 closes: within chance.
    let crowd = Figures {
        opens: 130,
        closes: 122,
        client_fin: 122,
        requests: 130 * 9,
        course: Course {
            closes_since: 122,
            ..grew(40, 48)
        },
        ..pile(48)
    };
    assert_eq!(verdict(&crowd), Verdict::ManyHeld);
}

#[test]
fn a_few_members_more_are_no_growth() {
    // From the lowest to the highest number within seconds, while others left.
    let with = |to, closes_since| {
        verdict(&Figures {
            opens: to + 45,
            closes: 45,
            client_fin: 45,
            requests: (to + 45) * 9,
            course: Course {
                closes_since,
                ..grew(1, to)
            },
            ..pile(to)
        })
    };
    assert_eq!(with(8, 5), Verdict::Reusing);
    assert_eq!(with(8, 3), Verdict::PilingUp, "most have stayed");
    assert_eq!(with(20, 10), Verdict::PilingUp, "beyond any fluctuation");
}

#[test]
fn members_of_a_crowd_that_leave_are_no_overflow() {
    assert_eq!(verdict(&overflow(20)), Verdict::PoolOverflow);
    let mut by_themselves = overflow(20);
    by_themselves.looks.busy = by_themselves.looks.established / 3;
    assert_eq!(verdict(&by_themselves), Verdict::ManyHeld);
    let mut beside_free_ones = overflow(20);
    beside_free_ones.looks.beside_free = 5;
    assert_eq!(verdict(&beside_free_ones), Verdict::ManyHeld);
    let mut not_looked_at = overflow(20);
    (not_looked_at.looks.just_opened, not_looked_at.looks.beside_free) = (2, 0);
    assert_eq!(verdict(&not_looked_at), Verdict::PoolOverflow);
    not_looked_at.looks.none_idle = 1;
    assert_eq!(verdict(&not_looked_at), Verdict::ManyHeld);
    let mut without_a_core = overflow(20);
    without_a_core.held.reused = without_a_core.course.low / 4 - 1;
    assert_eq!(verdict(&without_a_core), Verdict::ManyHeld);
    let mut taking_their_time = overflow(20);
    taking_their_time.idle.at_once = 15;
    assert_eq!(verdict(&taking_their_time), Verdict::ManyHeld);
    let mut having_stayed = overflow(20);
    having_stayed.turns = turns_each(15, 8);
    for more in [5, 6, 11, 12] {
        having_stayed.turns.note(more);
    }
    assert_eq!(verdict(&having_stayed), Verdict::ManyHeld);
}

#[test]
fn held_polls_are_a_pile_as_long_as_nothing_says_that_their_path_is_dead() {
    let mut holding = pile(10);
    holding.held.alive = 0;
    holding.held.holding = 9;
    assert_eq!(verdict(&holding), Verdict::PilingUp);
    holding.held.holding = 4;
    holding.held.dead = 5;
    assert_eq!(verdict(&holding), Verdict::HalfOpen);
}

#[test]
fn a_few_that_wait_unaccepted_are_a_pile_if_the_client_holds_on_to_them() {
    let mut few = queued();
    few.opens = 2;
    few.overlaps = 2;
    few.waiting.now = 2;
    few.held.established = 3;
    few.course = grew(1, 3);
    few.held.holding = 2;
    let finding = judged(&few);
    assert_eq!(
        (finding.verdict, finding.also),
        (Verdict::PilingUp, vec![Verdict::NeverAccepted])
    );
    // A pool that was opened at once and then waits is not a pile.
    few.course = stands(3);
    assert_eq!(verdict(&few), Verdict::NeverAccepted);
}

#[test]
fn one_that_grows_beside_few_that_do_not_piles_up_though_less_surely() {
    let few = |peers: u64, grew: u64| Norm { peers, grew, ..ALONE };
    let grows = |to: u64, requests: u64| Figures {
        opens: to - 2,
        requests,
        seeded: 2,
        ..Figures {
            course: grew(2, to),
            ..pile(to)
        }
    };
    let with = |figures: &Figures, norm: &Norm| {
        judge(&Case {
            norm,
            ..case(figures)
        })
    };
    let said = with(&grows(12, 30), &few(2, 1));
    assert_eq!(said.verdict, Verdict::PilingUp, "{}", said.explanation);
    assert!(said.confidence <= 0.6, "{}", said.confidence);
    for (figures, norm, words) in [
        (grows(12, 30), few(1, 1), "no other peer"),
        (grows(12, 30), few(3, 2), "2 other peers are too few"),
        (grows(12, 300), few(2, 1), "1 other peer is too few"),
        (grows(7, 30), few(2, 1), "1 other peer is too few"),
    ] {
        let said = with(&figures, &norm);
        assert_eq!(said.verdict, Verdict::Reusing, "{}", said.explanation);
        assert!(said.explanation.contains(words), "{}", said.explanation);
    }
    let mut soon = grows(12, 30);
    soon.course.since_ns = NOW - 10 * S;
    assert_eq!(with(&soon, &few(2, 1)).verdict, Verdict::InsufficientData);
}
