//! The filter that is typed on the screen: words, all of which must match.
//!
//! A word is an address or network, or a part of a name, verdict, state or process; with a name in
//! front (`verdict:`, `state:`, `owner:`, `port:`, `peer:`) only of that; with `!` it must not match.
//! Anything can be typed: while a word is not complete, it matches as text.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    row::{Row, States},
    snapshot::Socket,
};
use crate::model::peer::PeerId;

/// What a word is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Any,
    Peer,
    Verdict,
    State,
    Owner,
    Port,
}

/// The names of fields, and what people may call them.
const FIELDS: [(&str, Field); 9] = [
    ("peer", Field::Peer),
    ("ip", Field::Peer),
    ("verdict", Field::Verdict),
    ("v", Field::Verdict),
    ("state", Field::State),
    ("s", Field::State),
    ("owner", Field::Owner),
    ("process", Field::Owner),
    ("port", Field::Port),
];

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: Field,
    /// In small letters, `_` as `-`.
    text: String,
    network: Option<IpNet>,
    negated: bool,
}

/// A filter; the empty one lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    terms: Vec<Term>,
}

/// What a filter looks at.
struct Subject<'a> {
    id: Option<PeerId>,
    address: IpNet,
    name: String,
    host: Option<&'a str>,
    verdict: &'a str,
    states: States,
    owner: &'a str,
    port: u16,
}

impl Filter {
    /// Reads what was typed.
    pub fn parse(text: &str) -> Self {
        let terms = text.split_whitespace().filter_map(Term::parse).collect();
        Self { terms }
    }

    /// Whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether it lets a row through. `host` is its reverse name, if that is known.
    pub fn admits(&self, row: &Row, host: Option<&str>) -> bool {
        if self.is_empty() {
            return true;
        }
        let subject = Subject {
            id: Some(row.id),
            address: row.id.network,
            name: row.name().to_ascii_lowercase(),
            host,
            verdict: row.verdict.id(),
            states: row.states,
            owner: &row.owner,
            port: row.id.port,
        };
        self.terms.iter().all(|term| term.matches(&subject))
    }

    /// Whether it lets a live connection through.
    pub fn admits_socket(&self, socket: &Socket, host: Option<&str>) -> bool {
        if self.is_empty() {
            return true;
        }
        let connection = &socket.connection;
        let mut states = States::default();
        states.add(connection);
        let subject = Subject {
            id: socket.peer.map(|(id, _)| id),
            address: connection.remote.0.into(),
            name: connection.remote.0.to_string(),
            host,
            verdict: socket.peer.map_or("", |(_, verdict)| verdict.id()),
            states,
            owner: socket.owner.as_ref().map_or("", |owner| owner.comm.as_str()),
            port: connection.local.1,
        };
        self.terms.iter().all(|term| term.matches(&subject))
    }
}

impl Term {
    fn parse(word: &str) -> Option<Self> {
        let (negated, word) = match word.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, word),
        };
        // An IPv6 address has colons too, so only known names count.
        let named = word.split_once(':').and_then(|(name, rest)| {
            let (_, field) = FIELDS.iter().find(|(known, _)| *known == name)?;
            Some((*field, rest))
        });
        let (field, text) = named.unwrap_or((Field::Any, word));
        (!text.is_empty()).then(|| Self {
            field,
            text: text.to_ascii_lowercase().replace('_', "-"),
            network: network(text).filter(|_| matches!(field, Field::Any | Field::Peer)),
            negated,
        })
    }

    fn matches(&self, subject: &Subject<'_>) -> bool {
        self.holds(subject) != self.negated
    }

    fn holds(&self, subject: &Subject<'_>) -> bool {
        if let Some(network) = self.network {
            let outside = |id: PeerId| !network.contains(&id.network) && !id.network.contains(&network);
            return network.contains(&subject.address) || subject.id.is_some_and(|id| !outside(id));
        }
        let peer = || {
            let host = subject.host.map(str::to_ascii_lowercase);
            subject.name.contains(&self.text) || host.is_some_and(|host| host.contains(&self.text))
        };
        let verdict = || subject.verdict.contains(&self.text);
        let state = || subject.states.names().any(|name| name.contains(&self.text));
        let owner = || {
            let owner = subject.owner.to_ascii_lowercase().replace('_', "-");
            owner.contains(&self.text)
        };
        match self.field {
            Field::Any => peer() || verdict() || state() || owner(),
            Field::Peer => peer(),
            Field::Verdict => verdict(),
            Field::State => state(),
            Field::Owner => owner(),
            Field::Port => subject.port.to_string() == self.text,
        }
    }
}

/// A whole address or network.
fn network(text: &str) -> Option<IpNet> {
    let canonical = |address: IpAddr| IpNet::from(address.to_canonical());
    match text.parse::<IpNet>() {
        Ok(network) => Some(network.trunc()),
        Err(_) => text.parse::<IpAddr>().ok().map(canonical),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::example;

    fn found(text: &str) -> Vec<String> {
        let filter = Filter::parse(text);
        let snapshot = example::snapshot();
        let mut names: Vec<String> = snapshot
            .rows
            .iter()
            .filter(|row| filter.admits(row, None))
            .map(|row| row.name())
            .collect();
        names.sort();
        names
    }

    fn all() -> usize {
        example::snapshot().rows.len()
    }

    #[test]
    fn networks_addresses_and_parts_of_them() {
        assert_eq!(found(""), found("   "));
        assert_eq!(found("").len(), all());
        assert_eq!(found("192.0.2.12"), ["192.0.2.12"]);
        assert!(found("192.0.2.0/24").len() > 2);
        assert_eq!(found("2001:db8::/32"), ["2001:db8::7"]);
        assert_eq!(found("2001:db8:"), ["2001:db8::7"], "not complete yet");
        assert_eq!(found("192.0.2.0/33").len(), 0, "no network, and no name has it");
        assert_eq!(found("0.0.0.0/0").len(), all() - 1);
    }

    #[test]
    fn verdicts_states_and_processes() {
        assert_eq!(found("verdict:piling"), found("v:PILING_UP"));
        assert_eq!(found("state:close_wait"), found("s:close-wait"));
        assert!(!found("close-wait").is_empty(), "by state or verdict");
        assert_eq!(found("owner:java"), found("process:JAVA"));
        assert_eq!(found("port:1").len(), 0);
        assert_eq!(found("port:8081").len(), all());
    }

    #[test]
    fn all_words_must_match_and_an_exclamation_mark_turns_one_round() {
        let (with, without) = (found("state:close-wait"), found("!state:close-wait"));
        assert_eq!(with.len() + without.len(), all());
        assert!(found("192.0.2.0/24 !v:reusing").len() < found("192.0.2.0/24").len());
        assert_eq!(found("! verdict: nobody-is-called-so").len(), 0);
    }

    #[test]
    fn a_reverse_name_is_part_of_the_peer() {
        let row = &example::snapshot().rows[0];
        let filter = Filter::parse("peer:Example.ORG");
        assert!(filter.admits(row, Some("kiosk.example.org")) && !filter.admits(row, None));
    }
}
