//! How connections end: at an age or after a number of requests, given up, or noticed late.

use super::*;
use crate::{
    diagnosis::{CloseWait, Idle},
    model::turns::Turns,
};

/// Eight connections that the server ends at an age of 3 s, each with about as many requests as the others.
fn same_age(requests: [u32; 8], idle_ns: u64) -> Figures {
    let mut turns = Turns::default();
    requests.iter().for_each(|requests| turns.note(*requests));
    Figures {
        requests: turns.sum,
        turns,
        idle: idle(8, idle_ns / 8, idle_ns),
        ..aged(8)
    }
}

#[test]
fn of_an_age_and_a_number_of_requests_the_one_that_varies_less_ends_connections() {
    let varied = same_age([8, 9, 9, 8, 10, 9, 8, 9], 10 * MS);
    assert_eq!(verdict(&varied), Verdict::LifetimeClose);
    assert_eq!(judged(&varied).also, []);
    let counted = same_age([9; 8], 10 * MS);
    assert_eq!(verdict(&counted), Verdict::RequestLimitClose);
    let between = same_age([9; 8], 150 * MS);
    assert_eq!(
        verdict(&between),
        Verdict::LifetimeClose,
        "not after the last request"
    );
}

/// A timeout of 2 s ends them, and a busy machine measured one of five idle times otherwise.
#[test]
fn ages_that_idle_times_explain_end_nothing() {
    let with = |alike: u64| {
        let mut figures = same_age([1, 2, 1, 2, 1, 2, 1, 2], 2 * S);
        figures.idle = Idle {
            cluster: Some(Cluster {
                low_ns: 1_900 * MS,
                high_ns: 2_300 * MS,
                count: alike,
            }),
            ..*idle(5, 2 * S, 3 * S)
        }
        .into();
        verdict(&figures)
    };
    assert_eq!(with(4), Verdict::ServerClose);
    assert_eq!(with(3), Verdict::LifetimeClose, "too few that agree");
}

/// Over TLS, a server's goodbye can hide all idle times.
#[test]
fn servers_whose_idle_times_are_hidden_end_connections_with_their_answers() {
    let hidden = |requests: u32, known: bool| {
        let mut figures = Figures {
            idle: Idle::default().into(),
            ..by_server(one_by_one(20, requests, 0))
        };
        figures.known.idle = known;
        figures
    };
    assert_eq!(verdict(&hidden(11, true)), Verdict::RequestLimitClose);
    let fresh = judged(&hidden(1, true));
    assert_eq!(fresh.verdict, Verdict::FreshPerRequest, "{}", fresh.explanation);
    assert!(fresh.confidence < 0.9, "{}", fresh.confidence);
    assert!(
        !fresh.explanation.contains("after the last data"),
        "{}",
        fresh.explanation
    );
    // A kernel that tells no idle times hides timeouts too.
    assert_eq!(verdict(&hidden(11, false)), Verdict::Reusing);
    assert_eq!(verdict(&hidden(1, false)), Verdict::ServerClose);
}

#[test]
fn a_client_that_at_times_is_quicker_than_an_announced_end_meets_a_limit_all_the_same() {
    let by_both = |by_server: u64| Figures {
        server_fin: by_server,
        client_fin: 8 - by_server,
        requests_told: true,
        ..same_age([9; 8], 10 * MS)
    };
    assert_eq!(verdict(&by_both(3)), Verdict::RequestLimitClose);
    let said = judged(&by_both(3)).explanation;
    assert!(
        said.contains("3 of 8 connections, and the client 5, right after"),
        "{said}"
    );
    assert_eq!(verdict(&by_both(0)), Verdict::Reusing, "by the client alone");
    let bound = Figures {
        requests_told: false,
        ..by_both(3)
    };
    assert_eq!(verdict(&bound), Verdict::Reusing, "its turns are no requests");
}

/// Twelve connections, each with a handshake and a request that the client gives up after 800 ms.
fn given_up_over_tls() -> Figures {
    let mut figures = by_client(one_by_one(12, 1, 800 * MS));
    figures.counted.unanswered = 12;
    figures.protocol = Some(Protocol::Tls);
    figures.requests_told = true;
    figures
}

#[test]
fn a_server_that_notices_at_once_and_has_sent_a_handshake_was_given_up_all_the_same() {
    let given_up = given_up_over_tls();
    assert_eq!(verdict(&given_up), Verdict::EarlyAbort);
    assert_eq!(judged(&given_up).also, []);
    let mut unknown = given_up.clone();
    unknown.requests_told = false;
    assert_eq!(
        verdict(&unknown),
        Verdict::ClientIdleClose,
        "a goodbye looks like a request"
    );
    let mut one_way = given_up;
    one_way.protocol = Some(Protocol::Mqtt);
    assert_eq!(
        verdict(&one_way),
        Verdict::ClientIdleClose,
        "nothing was to be answered"
    );
}

#[test]
fn a_client_that_waited_for_an_answer_had_its_handshake() {
    // The client's end counts a request when its answer is read.
    let mut figures = given_up_over_tls();
    figures.requests = 0;
    figures.turns = turns_each(12, 0);
    figures.counted.handshakes_alone = 12;
    let said = judge(&Case {
        direction: Direction::Outbound,
        ..case(&figures)
    });
    assert_eq!((said.verdict, said.also), (Verdict::EarlyAbort, vec![]));
}

#[test]
fn a_client_that_closes_its_end_when_it_needs_another_connection_leaks_none() {
    // One request each; the server closes after varying times, and the client notices 2 s later.
    let mut figures = by_server(whenever(20));
    figures.close_wait = CloseWait {
        now: 1,
        oldest_ns: Some(S),
        entered: 21,
        left: 20,
        p50_ns: Some(2 * S),
        longest_ns: Some(3 * S),
        ..CloseWait::default()
    }
    .into();
    let said = judge(&Case {
        direction: Direction::Outbound,
        ..case(&figures)
    });
    assert_eq!(said.verdict, Verdict::ServerClose, "{}", said.explanation);
}

#[test]
fn what_a_handshake_explains_is_neither_reuse_nor_a_limit() {
    // Three turns: two for a TLS handshake, which leaves one for the request.
    let quick = by_server(one_by_one(20, 3, 0));
    let said = judged(&quick);
    assert_eq!(said.verdict, Verdict::FreshPerRequest, "{}", said.explanation);
    assert!(said.confidence <= 0.85, "{}", said.confidence);
    let limited = by_server(one_by_one(20, 6, 0));
    assert_eq!(verdict(&limited), Verdict::RequestLimitClose);
}

#[test]
fn a_limit_of_a_thousand_requests_is_no_fault() {
    assert_eq!(verdict(&by_server(one_by_one(6, 1_001, 0))), Verdict::Reusing);
    assert_eq!(verdict(&by_server(one_by_one(6, 60, 0))), Verdict::Reusing);
}

/// Ages between 2.7 and 3.3 s, while the connections are in use.
fn varied_age(by_server: u64) -> Figures {
    Figures {
        server_fin: by_server,
        client_fin: 8 - by_server,
        age: Idle {
            p50_ns: Some(3 * S),
            ..*idle(8, 2_700 * MS, 3_300 * MS)
        }
        .into(),
        ..same_age([8, 9, 8, 8, 9, 8, 9, 9], 700 * MS)
    }
}

#[test]
fn a_server_that_varies_the_age_of_connections_ends_them_at_an_age_all_the_same() {
    let said = judged(&varied_age(8));
    assert_eq!(said.verdict, Verdict::LifetimeClose, "{}", said.explanation);
    assert_eq!((said.also, said.confidence), (vec![], 0.75));
    // It has said so, and the client is at times quicker. A client alone has reasons of its own.
    assert_eq!(verdict(&varied_age(3)), Verdict::LifetimeClose);
    assert_eq!(verdict(&varied_age(1)), Verdict::Reusing);
    let mut answered = varied_age(8);
    answered.idle = idle(8, 0, 10 * MS);
    answered.turns = turns_each(8, 9);
    assert_ne!(
        verdict(&answered),
        Verdict::LifetimeClose,
        "after nine requests each"
    );
    let mut once = varied_age(8);
    once.turns = turns_each(8, 4);
    assert_eq!(
        verdict(&once),
        Verdict::Reusing,
        "a handshake and a request, as far as is known"
    );
    once.requests_told = true;
    assert_eq!(verdict(&once), Verdict::LifetimeClose);
    let mut apart = varied_age(8);
    apart.age.cluster = Some(Cluster {
        low_ns: 2 * S,
        high_ns: 3_300 * MS,
        count: 8,
    });
    assert_eq!(verdict(&apart), Verdict::Reusing, "whenever");
}

#[test]
fn pools_that_a_restart_ends_all_at_once_are_not_of_an_age() {
    // Four connections were opened after the first restart, and end with the second.
    let pool = |opens_with_none: u64| Figures {
        opens: 8,
        opens_with_none,
        open_peak: 4,
        closes: 8,
        requests: 380,
        course: stands(4),
        held: HeldNow {
            established: 4,
            alive: 3,
            reused: 4,
            turns: 30,
            ..HeldNow::default()
        },
        server_fin: 8,
        close_reasons: Closes {
            local_fin: 8,
            ..Closes::default()
        },
        ..aged(4)
    };
    assert_eq!(verdict(&pool(2)), Verdict::Reusing);
    assert_eq!(verdict(&pool(1)), Verdict::LifetimeClose, "one after the other");
    assert_eq!(verdict(&pool(4)), Verdict::LifetimeClose, "again and again");
}
