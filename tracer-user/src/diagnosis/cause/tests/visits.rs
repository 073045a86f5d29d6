//! Clients that connect for a moment's work, and logins that may be taken for requests.

use super::*;
use crate::diagnosis::Idle;

/// Each connection carries `turns` requests within 100 ms, and the client closes it at once.
fn visits(n: u64, turns: u32) -> Figures {
    Figures {
        requests_told: true,
        protocol: Some(Protocol::Redis),
        ..by_client(one_by_one(n, turns, 0))
    }
}

#[test]
fn a_connection_for_each_short_piece_of_work_is_not_reuse() {
    let finding = judged(&visits(100, 4));
    assert_eq!(finding.verdict, Verdict::FreshPerRequest);
    assert!(
        finding.explanation.contains("about 4 requests each"),
        "{}",
        finding.explanation
    );
}

#[test]
fn answers_to_a_login_are_named_as_a_bound() {
    let finding = judged(&Figures {
        requests_told: false,
        ..visits(100, 6)
    });
    assert_eq!(finding.verdict, Verdict::FreshPerRequest);
    assert!(
        finding.explanation.contains("up to 6 requests each"),
        "{}",
        finding.explanation
    );
}

#[test]
fn visits_are_short_and_ended_by_the_client() {
    let visits = visits(100, 4);
    let reused = [
        // Nothing that is pooled by habit.
        Figures {
            protocol: Some(Protocol::Http1),
            ..visits.clone()
        },
        // The work goes on for longer than a moment.
        Figures {
            age: Idle {
                p50_ns: Some(3 * S),
                ..*visits.age
            }
            .into(),
            ..visits.clone()
        },
        // A pool with a core.
        Figures {
            course: stands(2),
            ..visits.clone()
        },
        // The client lets its connections sit for a while.
        Figures {
            idle: idle(100, 300 * MS, 2 * S),
            ..visits.clone()
        },
    ];
    for figures in reused {
        let finding = judged(&figures);
        assert_eq!(finding.verdict, Verdict::Reusing, "{}", finding.explanation);
    }
}

#[test]
fn logins_that_may_have_been_requests_prove_no_reuse() {
    // Five answers, of which up to three may have been to a login.
    let bound = Figures {
        requests_told: false,
        idle: idle(20, 300 * MS, 2 * S),
        age: Idle {
            p50_ns: Some(5 * S),
            ..*idle(20, 3 * S, 7 * S)
        }
        .into(),
        ..visits(20, 5)
    };
    assert_eq!(verdict(&bound), Verdict::InsufficientData);
    let many = Figures {
        requests: 9 * bound.opens,
        ..bound.clone()
    };
    assert_eq!(verdict(&many), Verdict::Reusing);
    // HTTP in clear has no login.
    let http = Figures {
        protocol: Some(Protocol::Http1),
        ..bound
    };
    assert_eq!(verdict(&http), Verdict::Reusing);
}
