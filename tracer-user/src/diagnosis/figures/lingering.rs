//! Connections in CLOSE_WAIT that a process of this host has not closed.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::made::{Processes, close_wait_age, opened_ns, owner};
use crate::{
    diagnosis::thresholds::Thresholds,
    model::{
        owner::Process,
        socket::{Connection, State},
    },
};

/// Accepted connections that are in CLOSE_WAIT now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lingering {
    /// How long those have been in it whose last request was answered, ns.
    pub answered_ns: Vec<u64>,
    /// And those whose last request was not: the server may still be holding a poll.
    pub unanswered_ns: Vec<u64>,
    /// Of them all, how many the peer's later connections have passed by: it opened others after they had
    /// been in it for a while, and still did not close them.
    pub passed_by: u64,
    /// How many the process opened after it had passed by an earlier one, and left there as well. A pool in
    /// use that keeps what it does not need passes them by too, but it adds none.
    pub keep_coming: u64,
    /// The process that holds the most of them, and how many.
    pub owner: Option<(Process, u64)>,
}

impl Lingering {
    /// How many have been in it for longer than a server has any reason to. `hold_ns` is how long
    /// it may hold a poll, if that is known, and `late_ns` how late it closes others.
    pub fn overdue(&self, thresholds: &Thresholds, hold_ns: Option<u64>, late_ns: u64) -> u64 {
        let patience_ns = thresholds.lingering.max(late_ns);
        let hold = hold_ns
            .unwrap_or(thresholds.longest_hold)
            .saturating_add(patience_ns);
        // With a hold that is known, it may also explain what was answered: with a part of it.
        let answered = patience_ns.max(hold_ns.unwrap_or(0));
        let count = |ages: &[u64], limit| ages.iter().filter(|age| **age >= limit).count() as u64;
        count(&self.answered_ns, answered) + count(&self.unanswered_ns, hold)
    }

    /// Longest, ns.
    pub fn oldest_ns(&self) -> u64 {
        let all = self.answered_ns.iter().chain(&self.unanswered_ns);
        all.copied().max().unwrap_or(0)
    }
}

/// Those among the live connections of a peer; `None` if there are none.
pub(super) fn of(
    now_ns: u64,
    live: &[&Connection],
    thresholds: &Thresholds,
    processes: &Processes,
) -> Option<Box<Lingering>> {
    let accepted: Vec<&Connection> = live
        .iter()
        .copied()
        .filter(|connection| connection.state == State::CloseWait && connection.has_file)
        .collect();
    if accepted.is_empty() {
        return None;
    }
    let ages = |unanswered: bool| {
        let mut ages: Vec<u64> = accepted
            .iter()
            .filter(|connection| connection.unanswered == unanswered)
            .filter_map(|connection| close_wait_age(connection, now_ns))
            .collect();
        ages.sort_unstable();
        ages
    };
    let newest_ns = live
        .iter()
        .map(|connection| opened_ns(connection))
        .max()
        .unwrap_or(0);
    let forgotten_ns = |connection: &Connection| {
        let since = connection.close_wait_since_ns.unwrap_or(u64::MAX);
        since.saturating_add(thresholds.passed_by)
    };
    let passed_by = accepted
        .iter()
        .filter(|connection| forgotten_ns(connection) <= newest_ns);
    let mut first_ns: HashMap<Option<u32>, u64> = HashMap::new();
    for connection in &accepted {
        let first = first_ns.entry(connection.owner).or_insert(u64::MAX);
        *first = forgotten_ns(connection).min(*first);
    }
    let keep_coming = accepted.iter().filter(|connection| {
        let first = first_ns.get(&connection.owner);
        first.is_some_and(|first| *first <= opened_ns(connection))
    });
    Some(Box::new(Lingering {
        answered_ns: ages(false),
        unanswered_ns: ages(true),
        passed_by: passed_by.count() as u64,
        keep_coming: keep_coming.count() as u64,
        owner: owner(&accepted).and_then(|(pid, held)| Some(((*processes.get(pid)?).clone(), held))),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{peer::Direction, socket::Since},
        units::S,
    };

    /// Connections of these processes, each opened at one second and in CLOSE_WAIT since another.
    fn of(connections: &[(u32, u64, u64)]) -> Lingering {
        let live: Vec<Connection> = connections
            .iter()
            .map(|(pid, opened, close_wait)| Connection {
                state: State::CloseWait,
                since: Since::Opened(opened * S),
                close_wait_since_ns: Some(close_wait * S),
                owner: Some(*pid),
                ..Connection::unknown(1, Direction::Outbound)
            })
            .collect();
        let live: Vec<&Connection> = live.iter().collect();
        *super::of(100 * S, &live, &Thresholds::DEFAULT, &Processes::default()).unwrap()
    }

    #[test]
    fn what_a_process_opened_after_it_had_passed_by_others_keeps_coming() {
        let counts = |of: Lingering| (of.passed_by, of.keep_coming);
        assert_eq!(counts(of(&[(7, 1, 6), (7, 9, 14), (7, 17, 22)])), (2, 2));
        // A burst that the server closed, and one that was in use for longer.
        assert_eq!(counts(of(&[(7, 1, 6), (7, 1, 6), (7, 7, 40)])), (0, 0));
        // Several processes, each with a pool of its own.
        assert_eq!(counts(of(&[(7, 1, 6), (8, 9, 14), (9, 17, 22)])), (2, 0));
    }
}
