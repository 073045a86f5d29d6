//! The rules, one a file. A rule is a value: which verdict, what it wants to see, its words.
//!
//! To add a cause: add its verdict, a file here with its `RULE`, and a line in [`RULES`].

mod close_wait_leak;
mod fresh_per_request;
mod insufficient_data;
mod piling_up;
mod reusing;
pub(crate) mod words;

use super::{Figures, Verdict};

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The peer's figures.
    pub figures: &'a Figures,
    /// Connections a well-behaved peer holds.
    pub expected: u32,
    /// Length of the window, ns.
    pub window_ns: u64,
    /// How long the server may hold a poll, ns, if the user said so.
    pub hold_ns: Option<u64>,
}

/// A rule that matched.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// 0 to 1, see [`super::thresholds::confidence`].
    pub confidence: f64,
    /// One sentence a person can repeat in a ticket: what was counted, not what is believed.
    pub explanation: String,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// What it says when it matches.
    pub verdict: Verdict,
    /// Its test and its words.
    pub test: fn(&Case<'_>) -> Option<Match>,
    /// What to change.
    pub fix: &'static str,
}

/// What is said about one peer.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The main verdict.
    pub verdict: Verdict,
    /// Further ones.
    pub also: Vec<Verdict>,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// One sentence with what was counted.
    pub explanation: String,
    /// What to change.
    pub fix: &'static str,
}

/// All rules in the order in which they may be the main verdict: a cause before its consequence,
/// an accusation before `reusing`, and last the one that always matches.
pub static RULES: [&Rule; 5] = [
    &close_wait_leak::RULE,
    &piling_up::RULE,
    &fresh_per_request::RULE,
    &reusing::RULE,
    &insufficient_data::RULE,
];

/// Applies all rules to one peer.
pub(super) fn judge(case: &Case<'_>) -> Finding {
    let mut matches = RULES.iter().filter_map(|rule| Some((rule, (rule.test)(case)?)));
    let Some((main, found)) = matches.next() else {
        // The last rule matches always; this keeps a mistake there from being a panic.
        return Finding {
            verdict: Verdict::InsufficientData,
            also: Vec::new(),
            confidence: 0.0,
            explanation: String::new(),
            fix: "",
        };
    };
    let also = if main.verdict.accuses() {
        matches
            .map(|(rule, _)| rule.verdict)
            .filter(|verdict| verdict.accuses())
            .collect()
    } else {
        Vec::new()
    };
    Finding {
        verdict: main.verdict,
        also,
        confidence: found.confidence,
        explanation: found.explanation,
        fix: main.fix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diagnosis::{CloseWait, HeldNow, Spread},
        model::{peer::Closes, turns::Turns},
    };

    const MS: u64 = 1_000_000;
    const S: u64 = 1_000 * MS;

    fn judged(figures: &Figures) -> Finding {
        judge(&Case {
            figures,
            expected: 1,
            window_ns: 60 * S,
            hold_ns: None,
        })
    }

    fn always(ns: u64) -> Spread {
        Spread {
            p50_ns: Some(ns),
            max_ns: Some(ns),
        }
    }

    /// `n` connections with the same number of turns.
    fn turns_each(n: u64, turns: u32) -> Turns {
        let mut all = Turns {
            sum: n * u64::from(turns),
            max: u64::from(turns),
            ..Turns::default()
        };
        all.buckets[tracer_ebpf::buckets::turn_bucket(turns) as usize] = u32::try_from(n).unwrap();
        all
    }

    /// One connection after another, each closed by the remote side right after its reply.
    fn fresh(n: u64) -> Figures {
        Figures {
            opens: n,
            closes: n,
            open_peak: 1,
            close_reasons: Closes {
                remote_fin: n,
                ..Closes::default()
            },
            lifetime: always(100 * MS),
            idle: always(0),
            turns: turns_each(n, 1),
            turns_counted: true,
            ..Figures::default()
        }
    }

    /// `n` established connections, all of them alive, opened one by one.
    fn pile(n: u64) -> Figures {
        Figures {
            opens: n,
            open_now: n,
            open_peak: n,
            overlaps: n - 1,
            held: HeldNow {
                established: n,
                late: n - 2,
                alive_after_next: n - 1,
                turns: 9 * n,
                ..HeldNow::default()
            },
            ..Figures::default()
        }
    }

    /// `n` accepted connections that the client closed some time ago.
    fn leak(n: u64, age_ns: u64) -> Figures {
        Figures {
            opens: n,
            open_now: n,
            open_peak: n,
            overlaps: n - 1,
            close_wait: CloseWait {
                now: n,
                entered: n,
                oldest_ns: Some(age_ns),
                ..CloseWait::default()
            },
            close_wait_ages_ns: vec![age_ns; usize::try_from(n).unwrap()],
            ..Figures::default()
        }
    }

    /// One connection with many turns.
    fn good() -> Figures {
        Figures {
            opens: 1,
            open_now: 1,
            open_peak: 1,
            held: HeldNow {
                established: 1,
                turns: 40,
                ..HeldNow::default()
            },
            ..Figures::default()
        }
    }

    #[test]
    fn each_signature_has_its_verdict() {
        assert_eq!(judged(&fresh(20)).verdict, Verdict::FreshPerRequest);
        assert_eq!(judged(&pile(10)).verdict, Verdict::PilingUp);
        assert_eq!(judged(&leak(5, 30 * S)).verdict, Verdict::CloseWaitLeak);
        assert_eq!(judged(&good()).verdict, Verdict::Reusing);
        assert_eq!(judged(&Figures::default()).verdict, Verdict::InsufficientData);
    }

    #[test]
    fn little_data_is_no_verdict_and_says_how_long_to_wait() {
        let finding = judged(&fresh(4));
        assert_eq!(finding.verdict, Verdict::InsufficientData);
        assert!(
            finding.explanation.ends_with("at this rate trace for 75.0 s"),
            "{}",
            finding.explanation
        );
        assert_eq!(finding.confidence, 0.0);
    }

    #[test]
    fn idle_before_close_is_not_a_close_after_the_reply() {
        let idle = Figures {
            idle: always(5 * S),
            close_reasons: Closes {
                local_fin: 20,
                ..Closes::default()
            },
            ..fresh(20)
        };
        assert_eq!(judged(&idle).verdict, Verdict::InsufficientData);
    }

    #[test]
    fn many_turns_a_connection_are_not_one_request_each() {
        let several = Figures {
            turns: turns_each(20, 10),
            ..fresh(20)
        };
        assert_eq!(judged(&several).verdict, Verdict::Reusing);
    }

    #[test]
    fn a_server_that_says_close_makes_fresh_connections_too() {
        let closed_here = Figures {
            close_reasons: Closes {
                local_fin: 20,
                ..Closes::default()
            },
            ..fresh(20)
        };
        assert_eq!(judged(&closed_here).verdict, Verdict::FreshPerRequest);
    }

    #[test]
    fn a_pool_is_no_pile_but_a_heap_is() {
        let filled_in_one_go = |n| {
            let mut figures = pile(n);
            figures.held.late = 0;
            figures
        };
        assert_eq!(judged(&filled_in_one_go(6)).verdict, Verdict::Reusing);
        assert_eq!(judged(&filled_in_one_go(30)).verdict, Verdict::PilingUp);
    }

    #[test]
    fn silent_connections_are_no_pile() {
        let mut silent = pile(10);
        silent.held.alive_after_next = 0;
        silent.held.silent_after_next = 9;
        assert_eq!(judged(&silent).verdict, Verdict::InsufficientData);
    }

    #[test]
    fn close_wait_that_ends_or_was_never_accepted_is_no_leak() {
        assert_eq!(judged(&leak(5, S)).verdict, Verdict::InsufficientData);
        let mut ends = leak(5, 30 * S);
        ends.close_wait.left = 50;
        assert_eq!(judged(&ends).verdict, Verdict::InsufficientData);
        let mut queued = leak(5, 30 * S);
        queued.close_wait.never_accepted = 5;
        queued.close_wait_ages_ns.clear();
        assert_eq!(judged(&queued).verdict, Verdict::InsufficientData);
    }

    #[test]
    fn a_hold_longer_than_the_age_explains_close_wait() {
        let figures = leak(5, 30 * S);
        let with_hold = |hold| {
            judge(&Case {
                figures: &figures,
                expected: 1,
                window_ns: 60 * S,
                hold_ns: Some(hold),
            })
        };
        assert_eq!(with_hold(60 * S).verdict, Verdict::InsufficientData);
        assert_eq!(with_hold(20 * S).verdict, Verdict::CloseWaitLeak);
    }

    #[test]
    fn a_leak_comes_before_what_it_leads_to() {
        let both = Figures {
            held: pile(10).held,
            overlaps: 9,
            ..leak(5, 30 * S)
        };
        let finding = judged(&both);
        assert_eq!(
            (finding.verdict, finding.also),
            (Verdict::CloseWaitLeak, vec![Verdict::PilingUp])
        );
    }

    #[test]
    fn every_rule_has_words() {
        for rule in RULES {
            assert!(!rule.fix.is_empty() && !rule.fix.contains("  "), "{:?}", rule.fix);
        }
        for figures in [fresh(20), pile(10), leak(5, 30 * S), good(), Figures::default()] {
            let explanation = judged(&figures).explanation;
            assert!(
                !explanation.is_empty() && !explanation.contains('\n'),
                "{explanation:?}"
            );
        }
    }
}
