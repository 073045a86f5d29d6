//! The client ends connections before they are used again, and no timer, limit or age fits.

use super::{Case, Match, Rule, server_close::ended_by};
use crate::diagnosis::Verdict;

pub(super) static RULE: Rule = Rule {
    verdict: Verdict::ClientClose,
    of_ends: true,
    test,
};

/// Connections are not reused, there is enough data, and nearly always the client ends them.
fn test(case: &Case<'_>) -> Option<Match> {
    ended_by(case, case.by_client(), "client")
}
