//! The client ends connections before they are used again, and no timer, limit or age fits.

use super::{Case, Match, server_close::ended_by};

/// Connections are not reused, there is enough data, and nearly always the client ends them.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    ended_by(case, case.by_client(), "client")
}
